//! A package for Debian and Ubuntu, with manual pages and completions. It has no dependencies and runs no
//! script.

use anyhow::Result;

use super::archive::{Files, gzip};
use super::release::{Binary, Release};

/// Writes a package for each architecture of Linux.
pub(super) fn pack(release: &Release) -> Result<()> {
    for binary in &release.binaries {
        if let Some(linux) = &binary.target.linux {
            let file = format!("farport_{}-1_{}.deb", release.version, linux.deb);
            release.write(&file, &package(release, binary, linux.deb)?)?;
        }
    }
    Ok(())
}

fn package(release: &Release, binary: &Binary, architecture: &str) -> Result<Vec<u8>> {
    let mut data = Files::default();
    data.program("usr/bin/farport", binary.bytes.clone());
    for (shell, name, text) in &release.completions {
        let path = match *shell {
            "bash" => "usr/share/bash-completion/completions/farport".to_owned(),
            "zsh" => "usr/share/zsh/vendor-completions/_farport".to_owned(),
            "fish" => "usr/share/fish/vendor_completions.d/farport.fish".to_owned(),
            _ => format!("usr/share/doc/farport/{name}"),
        };
        data.file(path, text.clone());
    }
    for (name, text) in &release.manual {
        data.file(format!("usr/share/man/man1/{name}.gz"), gzip(text)?);
    }
    data.file(
        "usr/share/doc/farport/copyright",
        format!(
            "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
             Upstream-Name: farport\nSource: {}\n\nFiles: *\nCopyright: the farport contributors\n\
             License: MIT or Apache-2.0\n\nLicense: MIT or Apache-2.0\n{}",
            release.repository,
            release
                .licenses
                .iter()
                .flat_map(|(_, text)| text.lines())
                .map(|line| match line.trim() {
                    "" => " .\n".to_owned(),
                    line => format!(" {line}\n"),
                })
                .collect::<String>()
        ),
    );
    let size: usize = data
        .iter()
        .map(|(_, bytes)| bytes.len().div_ceil(1024))
        .sum();
    let mut control = Files::default();
    control.file(
        "./control",
        format!(
            "Package: farport\nVersion: {}-1\nArchitecture: {architecture}\n\
             Maintainer: The farport contributors <farport@users.noreply.github.com>\n\
             Installed-Size: {size}\nSection: devel\nPriority: optional\nHomepage: {}\n\
             Description: {}\n",
            release.version, release.repository, release.description
        ),
    );
    let epoch = release.epoch;
    let mut package = ar::Builder::new(Vec::new());
    for (name, bytes) in [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", control.tar_gz(epoch, true)?),
        ("data.tar.gz", data.below(".").tar_gz(epoch, true)?),
    ] {
        let mut header = ar::Header::new(name.as_bytes().to_vec(), bytes.len() as u64);
        header.set_mtime(epoch);
        header.set_mode(0o100_644);
        package.append(&header, &bytes[..])?;
    }
    Ok(package.into_inner()?)
}

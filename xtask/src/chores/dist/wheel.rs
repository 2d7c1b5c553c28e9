//! Wheels for Python: `uvx farport` and `pipx run farport`.

use std::fmt::Write as _;

use anyhow::Result;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use super::archive::Files;
use super::release::Release;

/// Writes a wheel for each platform.
pub(super) fn pack(release: &Release) -> Result<()> {
    let version = &release.version;
    for binary in &release.binaries {
        let mut files = Files::default();
        // pip and uv put scripts on the PATH.
        files.program(
            format!("farport-{version}.data/scripts/{}", binary.target.program()),
            binary.bytes.clone(),
        );
        let info = format!("farport-{version}.dist-info");
        files.file(
            format!("{info}/METADATA"),
            format!(
                "Metadata-Version: 2.4\nName: farport\nVersion: {version}\nSummary: {}\n\
                 License-Expression: MIT OR Apache-2.0\n\
                 License-File: LICENSE-APACHE\nLicense-File: LICENSE-MIT\n\
                 Project-URL: Repository, {}\nRequires-Python: >=3.8\n\
                 Description-Content-Type: text/markdown\n\n{}",
                release.description, release.repository, release.readme
            ),
        );
        let tags = binary.target.wheel.split('.');
        let tags: String = tags.map(|tag| format!("Tag: py3-none-{tag}\n")).collect();
        files.file(
            format!("{info}/WHEEL"),
            format!("Wheel-Version: 1.0\nGenerator: farport xtask\nRoot-Is-Purelib: false\n{tags}"),
        );
        for (name, text) in &release.licenses {
            files.file(format!("{info}/licenses/{name}"), text.clone());
        }
        let mut record = String::new();
        for (path, bytes) in files.iter() {
            let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(bytes));
            writeln!(record, "{path},sha256={digest},{}", bytes.len())?;
        }
        writeln!(record, "{info}/RECORD,,")?;
        files.file(format!("{info}/RECORD"), record);
        let file = format!("farport-{version}-py3-none-{}.whl", binary.target.wheel);
        release.write(&file, &files.zip()?)?;
    }
    Ok(())
}

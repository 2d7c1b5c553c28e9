//! Installers for shells and PowerShell, and a Homebrew formula. Each names the digest of what it downloads.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use anyhow::Result;

use super::archive::sha256;
use super::release::Release;

const SHELL: &str = include_str!("../../../dist/install.sh");
const POWERSHELL: &str = include_str!("../../../dist/install.ps1");

/// Writes them.
pub(super) fn pack(release: &Release) -> Result<()> {
    let fill = |text: &str| {
        text.replace("@VERSION@", &release.version)
            .replace("@REPOSITORY@", &release.repository)
    };
    let mut cases = String::new();
    let mut blocks = BTreeMap::<_, String>::new();
    for binary in &release.binaries {
        let name = release.archive_name(binary.target);
        let digest = sha256(&fs::read(release.folder.join(&name))?);
        let triple = binary.target.triple;
        if let Some(uname) = binary.target.uname {
            writeln!(cases, "  {uname}) target={triple} digest={digest} ;;")?;
        }
        if let Some((system, processor)) = binary.target.brew {
            let url = format!(
                "{}/releases/download/v{}",
                release.repository, release.version
            );
            write!(
                blocks.entry(system).or_default(),
                "    {processor} do\n      url \"{url}/{name}\"\n      sha256 \"{digest}\"\n    end\n"
            )?;
        }
        if binary.target.is_windows() {
            let script = fill(POWERSHELL).replace("@DIGEST@", &digest);
            release.write("install.ps1", script.as_bytes())?;
        }
    }
    if cases.is_empty() {
        return Ok(());
    }
    let script = fill(SHELL).replace("@CASES@\n", &cases);
    release.write("install.sh", script.as_bytes())?;
    release.write("farport.rb", formula(release, &blocks).as_bytes())
}

fn formula(release: &Release, blocks: &BTreeMap<&str, String>) -> String {
    let blocks: String = blocks
        .iter()
        .map(|(system, block)| format!("  {system} do\n{block}  end\n\n"))
        .collect();
    format!(
        r##"class Farport < Formula
  desc "{}"
  homepage "{}"
  version "{}"
  license any_of: ["MIT", "Apache-2.0"]

{blocks}  def install
    bin.install "farport"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/farport.bash" => "farport"
    fish_completion.install "completions/farport.fish"
    zsh_completion.install "completions/_farport"
  end

  test do
    assert_match version.to_s, shell_output("#{{bin}}/farport --version")
  end
end
"##,
        release.description, release.repository, release.version
    )
}

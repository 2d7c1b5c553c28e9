//! Links, anchors and code blocks of the documents.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::steps::Outcome;
use crate::{console, process, project};

const BOOK: &str = "docs";
const SUMMARY: &str = "docs/SUMMARY.md";
/// Links to files of the repository, as pages of the book have to write them.
const REPOSITORY: &str = "https://github.com/farport/farport/blob/main/";

/// Checks every tracked Markdown file outside of test fixtures.
pub(super) fn run() -> Result<Outcome> {
    let mut list = Command::new("git");
    list.args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "*.md",
    ]);
    let listed = process::output(list.current_dir(project::root()))?;
    let mut documents = BTreeMap::new();
    for file in listed.lines().filter(|file| !file.contains("/tests/")) {
        let text = fs::read_to_string(project::root().join(file));
        let text = text.with_context(|| format!("cannot read {file}"))?;
        documents.insert(file.to_owned(), Document::read(&text));
    }
    let exists = |path: &str| project::root().join(path).exists();
    let faults = faults(&documents, exists);
    for fault in &faults {
        console::note(fault);
    }
    if !faults.is_empty() {
        bail!("{} faults in the documents", faults.len());
    }
    let links: usize = documents
        .values()
        .map(|document| document.links.len())
        .sum();
    Outcome::passed(format!("{links} links in {} documents", documents.len()))
}

/// What a document links to, and can be linked to.
#[derive(Debug, Default)]
struct Document {
    links: Vec<String>,
    anchors: BTreeSet<String>,
    /// The words after the fence of each code block, with the block's first line.
    blocks: Vec<(String, String)>,
}

impl Document {
    fn read(text: &str) -> Self {
        let mut document = Self::default();
        let mut heading: Option<String> = None;
        let mut block: Option<(String, String)> = None;
        for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    document.links.push(dest_url.into_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    document.add_anchor(&heading.take().unwrap_or_default());
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    let info = match kind {
                        CodeBlockKind::Fenced(info) => info.into_string(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    block = Some((info, String::new()));
                }
                Event::End(TagEnd::CodeBlock) => document.blocks.extend(block.take()),
                Event::Html(html) | Event::InlineHtml(html) => document.add_sources(&html),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                    if let Some((_, code)) = &mut block {
                        code.push_str(&text);
                    }
                }
                _ => {}
            }
        }
        document
    }

    /// The anchor that mdBook and GitHub give a heading.
    fn add_anchor(&mut self, heading: &str) {
        let keep = |character: char| match character {
            _ if character.is_alphanumeric() => Some(character.to_ascii_lowercase()),
            '_' | '-' => Some(character),
            _ if character.is_whitespace() => Some('-'),
            _ => None,
        };
        let anchor: String = heading.trim().chars().filter_map(keep).collect();
        let numbered = (1..).map(|number| format!("{anchor}-{number}"));
        let free = std::iter::once(anchor.clone())
            .chain(numbered)
            .find(|anchor| !self.anchors.contains(anchor));
        self.anchors.extend(free);
    }

    /// Pictures in HTML, which Markdown cannot choose by color scheme.
    fn add_sources(&mut self, html: &str) {
        for attribute in ["src=\"", "srcset=\"", "href=\""] {
            for found in html.split(attribute).skip(1) {
                self.links
                    .extend(found.split('"').next().map(str::to_owned));
            }
        }
    }
}

fn faults(documents: &BTreeMap<String, Document>, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    for (file, document) in documents {
        for link in &document.links {
            if let Err(why) = check_link(file, link, documents, &exists) {
                faults.push(format!("{file}: {link}: {why}"));
            }
        }
        for (info, code) in &document.blocks {
            if info.is_empty() {
                let first = code.lines().next().unwrap_or_default();
                faults.push(format!("{file}: a code block names no language: {first}"));
            }
            let unchecked = info.starts_with("rust") && info.contains("ignore");
            if file.starts_with("docs/") && unchecked && !code.starts_with("// ") {
                faults.push(format!(
                    "{file}: a Rust block that is not compiled names its file"
                ));
            }
        }
    }
    let listed = documents.get(SUMMARY).map(|summary| &summary.links[..]);
    for page in documents
        .keys()
        .filter_map(|file| file.strip_prefix("docs/"))
    {
        let known = listed.is_some_and(|listed| listed.iter().any(|link| link == page));
        if page != "SUMMARY.md" && !known {
            faults.push(format!("{SUMMARY} does not list {page}"));
        }
    }
    faults
}

fn check_link(
    file: &str,
    link: &str,
    documents: &BTreeMap<String, Document>,
    exists: &impl Fn(&str) -> bool,
) -> Result<(), &'static str> {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if let Some(path) = path.strip_prefix(REPOSITORY) {
        path.to_owned()
    } else if path.contains("://") || path.starts_with("mailto:") {
        return Ok(());
    } else if path.is_empty() {
        file.to_owned()
    } else {
        let folder = Path::new(file).parent().unwrap_or(Path::new(""));
        let target = joined(folder, path).ok_or("leads out of the repository")?;
        if Path::new(file).starts_with(BOOK) && !Path::new(&target).starts_with(BOOK) {
            return Err("leads out of the book; link to GitHub");
        }
        target
    };
    if !exists(&target) {
        return Err("no such file");
    }
    let known = documents.get(&target).map(|document| &document.anchors);
    if !anchor.is_empty() && known.is_some_and(|anchors| !anchors.contains(anchor)) {
        return Err("no such heading");
    }
    Ok(())
}

/// `path` seen from `folder`, without `..`.
fn joined(folder: &Path, path: &str) -> Option<String> {
    let mut target = PathBuf::new();
    for part in folder.join(path).components() {
        match part {
            Component::ParentDir => target.pop().then_some(())?,
            Component::Normal(part) => target.push(part),
            _ => {}
        }
    }
    target.to_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pages: &[(&str, &str)]) -> Vec<String> {
        let documents = pages
            .iter()
            .map(|(file, text)| ((*file).to_owned(), Document::read(text)))
            .collect();
        faults(&documents, |path| {
            path == "SECURITY.md" || pages.iter().any(|(file, _)| *file == path)
        })
    }

    #[test]
    fn a_link_leads_to_a_file_and_a_heading_that_exist() {
        let page = "# A `b` c\n\n## A b c\n";
        for (link, good) in [
            ("a.md", true),
            ("a.md#a-b-c", true),
            ("a.md#a-b-c-1", true),
            ("#title", true),
            ("https://example.com/x", true),
            (
                "https://github.com/farport/farport/blob/main/SECURITY.md",
                true,
            ),
            (
                "https://github.com/farport/farport/blob/main/NONE.md",
                false,
            ),
            ("../SECURITY.md", false),
            ("a.md#d", false),
            ("#d", false),
            ("b.md", false),
        ] {
            let index = format!("# Title\n\n[x]({link})");
            let summary = "[a](a.md) [i](index.md)";
            let found = check(&[
                ("docs/SUMMARY.md", summary),
                ("docs/a.md", page),
                ("docs/index.md", &index),
            ]);
            assert_eq!(found.is_empty(), good, "{link}: {found:?}");
        }
    }

    #[test]
    fn a_page_is_listed_and_its_code_names_a_language() {
        let found = check(&[("docs/SUMMARY.md", ""), ("docs/a.md", "```\ncode\n```")]);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn a_picture_in_html_is_a_link() {
        let html = "<picture><source srcset=\"dark.svg\"><img src=\"light.svg\"></picture>";
        assert_eq!(check(&[("README.md", html)]).len(), 2);
    }
}

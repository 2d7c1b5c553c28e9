//! The static page: every module is served, and vendored files are those of their packages.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::support::Page;

fn ui() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/ui"))
}

#[tokio::test]
async fn every_module_of_the_page_is_served() {
    let page = Page::start(None).await;
    let host = [("Host", page.host.clone())];
    let mut modules = 0;
    for folder in ["", "views", "vendor"] {
        for file in std::fs::read_dir(ui().join(folder)).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "js") {
                continue;
            }
            let name = path.strip_prefix(ui()).unwrap().to_str().unwrap();
            let answer = page.send("GET", &format!("/{name}"), &host, "").await;
            assert_eq!(answer.status, 200, "{name}");
            assert!(answer.head.contains("content-type: text/javascript"));
            assert_eq!(answer.body, std::fs::read_to_string(&path).unwrap());
            modules += 1;
        }
    }
    assert!(modules > 20);
}

#[test]
fn vendored_files_have_the_recorded_sums_and_a_licence() {
    let readme = std::fs::read_to_string(ui().join("vendor/README.txt")).unwrap();
    let mut checked = 0;
    for line in readme.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let (Some(file), Some(sum)) = (words.first(), words.last()) else {
            continue;
        };
        if !file.ends_with(".js") {
            continue;
        }
        let bytes = std::fs::read(ui().join("vendor").join(file)).unwrap();
        let actual = base16ct::lower::encode_string(&Sha256::digest(&bytes));
        assert_eq!(actual, *sum, "{file}");
        let licence = file.replace(".module.js", ".LICENSE");
        assert!(ui().join("vendor").join(licence).exists(), "{file}");
        checked += 1;
    }
    assert_eq!(checked, 4);
}

#[test]
fn no_module_writes_markup() {
    for folder in ["", "views"] {
        for file in std::fs::read_dir(ui().join(folder)).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "js") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for sink in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "srcdoc",
                "new Function",
            ] {
                assert!(!text.contains(sink), "{}: {sink}", path.display());
            }
        }
    }
}

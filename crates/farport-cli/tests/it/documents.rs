//! The project's own documents: what they tell people to type works.

use std::path::Path;

use serde_json::{Value, json};

use crate::generated::cargo;
use crate::support::{
    BUILD, Running, SOON, TEMPLATES, add_tool, call, code_blocks, document, farport, generate,
    hermetic, slow, succeed,
};

const DOCUMENTS: [&str; 7] = [
    "README.md",
    "docs/guide.md",
    "docs/cli.md",
    "docs/sign-in.md",
    "docs/connect.md",
    "docs/workers.md",
    "CONTRIBUTING.md",
];

#[test]
fn the_readme_s_curl_line_works() {
    let readme = document("README.md");
    let blocks = code_blocks(&readme, "sh");
    let curl = blocks
        .iter()
        .find(|block| block.starts_with("curl "))
        .unwrap();
    let mut demo = Running::start(&mut farport(Path::new("/"), ["demo", "--port", "0"]));
    let curl = curl.replace("http://localhost:8787", &demo.origin(SOON));
    let answer = succeed(hermetic("sh").args(["-c", &curl])).stdout;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["result"]["content"][0]["text"], "5", "{answer}");
}

/// With `--help` behind it a line is only read; a command or flag that is not there is refused.
#[test]
fn every_farport_command_in_the_documents_exists() {
    let mut seen = 0;
    let readmes = TEMPLATES.map(|template| format!("templates/{template}/README.md"));
    let documents = DOCUMENTS.map(str::to_owned).into_iter().chain(readmes);
    for path in documents {
        for block in code_blocks(&document(&path), "sh") {
            for line in block.lines().filter(|line| line.starts_with("farport ")) {
                let command = line.split(['#', '>', '|']).next().unwrap();
                let words = command.split_whitespace().skip(1);
                let words: Vec<&str> = words.chain(["--help"]).collect();
                succeed(&mut farport(Path::new("/"), words));
                seen += 1;
            }
        }
    }
    assert!(seen >= 20, "only {seen} lines were found");
}

#[test]
fn every_chore_in_the_documents_exists() {
    let xtask = document("xtask/src/main.rs");
    for path in DOCUMENTS {
        for block in code_blocks(&document(path), "sh") {
            for line in block.lines() {
                let Some(words) = line.strip_prefix("cargo xtask ") else {
                    continue;
                };
                let chore = words.split_whitespace().next().unwrap();
                let variant = chore[..1].to_uppercase() + &chore[1..];
                let exists = chore.starts_with("--") || xtask.contains(&format!("{variant}("));
                assert!(exists, "{path}: {line}");
            }
        }
    }
}

#[test]
fn the_guide_s_tool_works() {
    let Some(_slow) = slow("the_guide_s_tool_works") else {
        return;
    };
    let guide = document("docs/guide.md");
    let blocks = code_blocks(&guide, "rust");
    let starting = |start: &str| {
        blocks
            .iter()
            .find(|block| block.starts_with(start))
            .unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let made = generate(folder.path(), "weather");
    add_tool(&made, starting("/// Says"), starting("#[derive"));
    let mut server = Running::start(&mut cargo(&made, &["run", "--", "--port", "0"]));
    let origin = server.origin(BUILD);
    for (city, said) in [
        ("Bern", "In Bern it is as it always is."),
        ("", "Error: which city?"),
    ] {
        assert_eq!(
            call(&origin, "weather", json!({ "city": city })).unwrap(),
            said
        );
    }
}

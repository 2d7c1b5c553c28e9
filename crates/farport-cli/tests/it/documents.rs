//! Checks the commands and the code in the documents.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::generated::cargo;
use crate::support::{
    BUILD, Running, SOON, TEMPLATES, call, code_blocks, document, farport, generate, hermetic,
    one_at_a_time, succeed,
};

/// README.md, CONTRIBUTING.md, the pages of the book, and the READMEs of the templates.
fn documents() -> Vec<(String, String)> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let pages = fs::read_dir(checkout.join("docs")).unwrap();
    let pages = pages.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut paths = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned()];
    paths.extend(
        pages
            .filter(|name| name.ends_with(".md"))
            .map(|name| format!("docs/{name}")),
    );
    paths.extend(TEMPLATES.map(|template| format!("templates/{template}/README.md")));
    paths
        .into_iter()
        .map(|path| (path.clone(), document(&path)))
        .collect()
}

#[test]
fn every_curl_command_for_a_public_server_works() {
    let mut demo = Running::start(&mut farport(Path::new("/"), ["demo", "--port", "0"]));
    let origin = demo.origin(SOON);
    let mut seen = 0;
    for (path, text) in documents() {
        let blocks = code_blocks(&text, "sh");
        let curls = blocks.iter().filter(|block| block.starts_with("curl "));
        for curl in curls.filter(|curl| !curl.contains("Authorization")) {
            let curl = curl.replace("http://localhost:8787", &origin);
            let answer = succeed(hermetic("sh").args(["-c", &curl])).stdout;
            let answer: Value = serde_json::from_str(&answer).unwrap();
            if curl.contains("/health") {
                assert_eq!(answer["status"], "ok", "{path}: {answer}");
            } else {
                let text = &answer["result"]["content"][0]["text"];
                assert_eq!(text, "5", "{path}: {answer}");
            }
            seen += 1;
        }
    }
    assert!(seen >= 4, "only {seen} commands were found");
}

/// Parses each command with `--help` at its end: an unknown command or flag is an error.
#[test]
fn every_farport_command_in_the_documents_exists() {
    let mut seen = 0;
    for (path, text) in documents() {
        for block in code_blocks(&text, "sh") {
            for line in block.lines() {
                let Some(start) = line.find("farport ") else {
                    continue;
                };
                // Only variables may precede the command.
                let before = &line[..start];
                if !before.split_whitespace().all(|word| word.contains('=')) {
                    continue;
                }
                // Remove comments, redirections and the arguments for `farport connect`.
                let mut command = &line[start + "farport ".len()..];
                for end in [" #", " > ", " | ", " < ", " -- "] {
                    command = command.split(end).next().unwrap();
                }
                let line_of_shell = format!("exec \"$0\" {command} --help");
                let farport = env!("CARGO_BIN_EXE_farport");
                let ended = succeed(hermetic("sh").args(["-c", &line_of_shell, farport]));
                assert!(ended.stdout.contains("Usage:"), "{path}: {line}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 60, "only {seen} lines were found");
}

/// Writes the blocks of a page that begin with the name of a file, `// src/lib.rs`. `which` selects one of
/// several blocks for the same file.
fn write_files(page: &str, made: &Path, which: fn(&[String]) -> &String) {
    let fenced = page.split("```rust").skip(1).map(|block| {
        let block = block.split("```").next().unwrap();
        block.split_once('\n').unwrap().1.to_owned()
    });
    let blocks: Vec<String> = fenced.filter(|block| block.starts_with("// ")).collect();
    let name = |block: &str| block.lines().next().unwrap()[3..].to_owned();
    for block in &blocks {
        let same: Vec<String> = blocks
            .iter()
            .filter(|other| name(other) == name(block))
            .cloned()
            .collect();
        fs::write(made.join(name(block)), which(&same)).unwrap();
    }
}

#[test]
#[ignore = "builds a crate"]
fn the_guide_s_server_works() {
    let _alone = one_at_a_time();
    let guide = document("docs/guide.md");
    let folder = tempfile::tempdir().unwrap();
    let made = generate(folder.path(), "weather");

    write_files(&guide, &made, |blocks| blocks.first().unwrap());
    let tests = succeed(&mut cargo(&made, &["test"])).stdout;
    assert!(tests.contains("reports_the_weather ... ok"), "{tests}");
    let mut server = Running::start(&mut cargo(&made, &["run", "--", "--port", "0"]));
    let origin = server.origin(BUILD);
    for (city, said) in [
        ("Bern", "It is sunny in Bern."),
        ("", "city is empty; pass the name of a city"),
    ] {
        let answer = call(&origin, "weather", json!({ "city": city }));
        assert_eq!(answer.unwrap(), said);
    }
    drop(server);

    // The last version of `main.rs` has a sign-in.
    write_files(&guide, &made, |blocks| blocks.last().unwrap());
    let mut server = Running::start(&mut cargo(&made, &["run", "--", "--port", "0"]));
    let origin = server.origin(BUILD);
    let refused = call(&origin, "weather", json!({"city": "Bern"}));
    assert!(refused.unwrap_err().contains("-32004"));
}

#[test]
#[ignore = "builds a crate"]
fn the_readme_s_program_works() {
    let _alone = one_at_a_time();
    let readme = document("README.md");
    let (_, program) = readme.split_once("```rust,ignore\n").unwrap();
    let program = program.split("```").next().unwrap();
    assert!(program.contains(".auth("), "{program}");
    let folder = tempfile::tempdir().unwrap();
    let made = generate(folder.path(), "readme-server");
    let program = format!("use readme_server::Calculator;\n{program}");
    fs::write(made.join("src/main.rs"), program).unwrap();
    let mut server = Running::start(&mut cargo(&made, &["run", "--", "--port", "0"]));
    let origin = server.origin(BUILD);
    let refused = call(&origin, "add", json!({"a": 2, "b": 3}));
    assert!(refused.unwrap_err().contains("-32004"));
}

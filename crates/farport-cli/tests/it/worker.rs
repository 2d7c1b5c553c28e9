//! `farport deploy`, `secret`, `tail` and `dev --worker`, with stand-ins for cargo's build, wasm-bindgen and
//! wrangler that log their arguments. `cloudflare` tests the real tools.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Ended, Running, SOON, eventually, farport, run, succeed, write};

const WRANGLER: &str = r#"#!/bin/sh
log="$(dirname "$0")/log"
echo "wrangler $*" >> "$log"
for word in "$@"; do
  case "$word" in *.wrangler-farport-*) cp "$word" "$(dirname "$0")/config" ;; esac
done
case "$1 $2" in
  "--version ") echo 4.164.0 ;;
  "whoami --json")
    test -e "$(dirname "$0")/account" || { echo '{"loggedIn":false}'; exit 1; }
    echo '{"loggedIn":true}' ;;
  "deploy "*)
    echo '{"type":"deploy","version":1,"worker_name":"weather","version_id":"v1","targets":["https://weather.me.workers.dev"]}' \
      > "$WRANGLER_OUTPUT_FILE_PATH" ;;
  "secret put") cat > "$(dirname "$0")/fed" ;;
  "secret list") echo '[{"name":"A","type":"secret_text"},{"name":"B","type":"secret_text"}]' ;;
  "tail "*) echo "a line of the log" ;;
  "dev "*)
    echo "[custom build] Running: true"
    echo "Ready on http://localhost:8787"
    exec sleep 600 ;;
esac
"#;

/// Compiles nothing: the module is a copy of the source. Passes everything but builds to the real cargo.
const CARGO: &str = r#"#!/bin/sh
tools="$(dirname "$0")"
case "$1" in
  build)
    echo "cargo $*" >> "$tools/log"
    echo "$CARGO_PROFILE_RELEASE_OPT_LEVEL" > "$tools/level"
    if grep -q broken src/main.rs; then echo "error: it is broken" >&2; exit 101; fi
    cp src/main.rs "$tools/weather.wasm"
    echo '{"reason":"compiler-artifact","package_id":"weather","manifest_path":"/x","target":{"kind":["cdylib"],"crate_types":["cdylib"],"name":"weather","src_path":"/x","edition":"2021","doc":true,"doctest":false,"test":true},"profile":{"opt_level":"0","debuginfo":0,"debug_assertions":false,"overflow_checks":false,"test":false},"features":[],"filenames":["'"$tools"'/weather.wasm"],"executable":null,"fresh":false}' ;;
  *) exec cargo "$@" ;;
esac
"#;

const WASM_BINDGEN: &str = r#"#!/bin/sh
echo "wasm-bindgen $(basename "$1") $*" >> "$(dirname "$0")/log"
echo 'import source wasm from "./index_bg.wasm";
export class FarportSession {
}' > "$3/index.js" && cp "$1" "$3/index_bg.wasm"
"#;

/// Reports the target if its folder exists, and passes everything else to the real rustc.
const RUSTC: &str = r#"#!/bin/sh
case "$*" in
  *"--print target-libdir"*) echo "$(dirname "$0")/libraries" ;;
  *) exec rustc "$@" ;;
esac
"#;

/// A Worker that is not compiled, and stand-ins for the tools.
struct Worker {
    root: TempDir,
}

impl Worker {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let worker = Self { root };
        let at = |path: &str| worker.root.path().join(path);
        write(
            at("farport/Cargo.toml"),
            "[package]\nname = \"farport\"\nversion = \"0.1.0\"\n[workspace]\n",
        );
        write(at("farport/src/lib.rs"), "");
        write(
            at("wasm-bindgen/Cargo.toml"),
            "[package]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n[workspace]\n",
        );
        write(at("wasm-bindgen/src/lib.rs"), "");
        write(
            at("weather/Cargo.toml"),
            "[package]\nname = \"weather\"\nversion = \"0.1.0\"\n[workspace]\n[dependencies]\n\
             farport = { path = \"../farport\" }\nwasm-bindgen = { path = \"../wasm-bindgen\" }\n",
        );
        write(at("weather/src/main.rs"), "fn main() {}\n");
        write(
            at("weather/wrangler.jsonc"),
            "{ // The worker.\n \"name\": \"weather\", \"main\": \"build/index.js\",\n \
             \"build\": { \"command\": \"exit 1\" }, }",
        );
        for (name, text) in [
            ("wrangler", WRANGLER),
            ("cargo", CARGO),
            ("wasm-bindgen", WASM_BINDGEN),
            ("rustc", RUSTC),
        ] {
            script(&at(&format!("tools/{name}")), text);
        }
        fs::create_dir(at("tools/libraries")).unwrap();
        write(at("tools/account"), "");
        write(at("tools/log"), "");
        worker
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("weather")
    }

    fn tool(&self, name: &str) -> PathBuf {
        self.root.path().join("tools").join(name)
    }

    fn farport(&self, args: &[&str]) -> Command {
        let mut command = farport(&self.folder(), args);
        command
            .env("RUSTC", self.tool("rustc"))
            .env("CARGO", self.tool("cargo"))
            .env("WASM_BINDGEN_BIN", self.tool("wasm-bindgen"))
            .env("WRANGLER", self.tool("wrangler"))
            .env_remove("CLOUDFLARE_API_TOKEN")
            .env_remove("CARGO_UNSTABLE_BUILD_STD");
        command
    }

    /// The logged calls of the tools, except queries of version and account.
    fn log(&self) -> Vec<String> {
        let log = fs::read_to_string(self.tool("log")).unwrap();
        log.lines()
            .filter(|line| !line.ends_with("--version") && !line.contains("whoami"))
            .map(str::to_owned)
            .collect()
    }
}

fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    write(path, text);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs a program with input.
fn fed(command: &mut Command, input: &str) -> Ended {
    use std::io::Write as _;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The program may exit without reading its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap().into()
}

#[test]
fn missing_tools_are_listed_together_with_install_commands() {
    let worker = Worker::new();
    fs::remove_dir(worker.tool("libraries")).unwrap();
    fs::remove_file(worker.tool("account")).unwrap();

    let ended = run(&mut worker.farport(&["deploy"]));

    assert_eq!(ended.code, Some(1));
    for part in [
        "error: required tools are missing:",
        "rustup target add wasm32-unknown-unknown",
        "npx wrangler login",
        "CLOUDFLARE_API_TOKEN",
    ] {
        assert!(ended.stderr.contains(part), "{part}\n{}", ended.stderr);
    }
    assert_eq!(worker.log(), [""; 0]);

    let without_wrangler = run(worker
        .farport(&["deploy"])
        .env("WRANGLER", worker.tool("nowhere")));
    let part = "npm install --save-dev wrangler@";
    assert!(
        without_wrangler.stderr.contains(part),
        "{}",
        without_wrangler.stderr
    );

    // A token replaces the account, and building the standard library replaces the target.
    succeed(
        worker
            .farport(&["deploy"])
            .env("CLOUDFLARE_API_TOKEN", "t")
            .env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort"),
    );
}

#[test]
fn deploy_prints_the_size_and_the_urls() {
    let worker = Worker::new();
    let ended = succeed(&mut worker.farport(&["deploy", "--env", "staging"]));
    for part in [
        "Deployed weather",
        "https://weather.me.workers.dev/mcp",
        "https://weather.me.workers.dev/sse",
        "farport add claude weather https://weather.me.workers.dev/mcp",
    ] {
        assert!(ended.stdout.contains(part), "{part}\n{}", ended.stdout);
    }
    let size = "Built the Worker: 1 KiB compressed, 3 KiB uncompressed";
    assert!(ended.stderr.contains(size), "{}", ended.stderr);
    let log = worker.log();
    let cargo = "cargo build --lib --target wasm32-unknown-unknown \
                 --message-format=json-render-diagnostics --release";
    assert_eq!(log[0], cargo);
    let bindgen = "wasm-bindgen weather.wasm ";
    assert!(log[1].starts_with(bindgen), "{log:?}");
    assert!(log[2].starts_with("wrangler deploy --config "), "{log:?}");
    assert!(log[2].ends_with(" --minify --env staging"), "{log:?}");

    // The entry point exports the Durable Object, and imports the module without `source`.
    let built = |name: &str| fs::read_to_string(worker.folder().join("build").join(name)).unwrap();
    let export = "export const FarportSession = durable(bindings.FarportSession);";
    assert!(built("index.js").contains(export));
    assert!(built("bindings.js").starts_with("import wasm from"));

    // wrangler did not build again, and the copy of the configuration is deleted.
    let config = fs::read_to_string(worker.tool("config")).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config, json!({"name": "weather", "main": "build/index.js"}));
    let left = fs::read_dir(worker.folder()).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!left.into_iter().any(|name| name.starts_with(".wrangler")));
}

#[test]
fn a_worker_is_optimized_for_size_unless_the_project_has_a_profile() {
    let worker = Worker::new();
    let level = || fs::read_to_string(worker.tool("level")).unwrap();
    let deploy = || {
        let mut command = worker.farport(&["deploy", "--dry-run"]);
        command.env_remove("CARGO_PROFILE_RELEASE_OPT_LEVEL");
        command
    };
    succeed(&mut deploy());
    assert_eq!(level(), "z\n");
    succeed(deploy().env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "2"));
    assert_eq!(level(), "2\n");
    let manifest = worker.folder().join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    write(
        &manifest,
        &format!("{text}\n[profile.release]\nopt-level = 3\n"),
    );
    succeed(&mut deploy());
    assert_eq!(level(), "\n");
}

#[test]
fn deploy_prints_json() {
    let worker = Worker::new();
    let secrets = worker.root.path().join("secrets");
    write(&secrets, "A=1\n");
    let args = [
        "deploy",
        "--json",
        "--secrets-file",
        secrets.to_str().unwrap(),
    ];
    let said = succeed(&mut worker.farport(&args)).stdout;
    let mut said: Value = serde_json::from_str(&said).unwrap();
    let size = said["size"].take();
    assert!(size["raw"].is_u64() && size["gzip"].is_u64(), "{size}");
    let expected = json!({
        "size": null, "deployed": true, "name": "weather", "version": "v1",
        "mcp": ["https://weather.me.workers.dev/mcp"],
        "sse": ["https://weather.me.workers.dev/sse"],
    });
    assert_eq!(said, expected);
    let log = worker.log();
    let part = format!("--secrets-file {}", secrets.display());
    assert!(log[2].contains(&part), "{log:?}");
}

#[test]
fn a_dry_run_needs_no_account_and_uploads_nothing() {
    let worker = Worker::new();
    fs::remove_file(worker.tool("account")).unwrap();
    let ended = succeed(&mut worker.farport(&["deploy", "--dry-run"]));
    assert_eq!(ended.stdout, "Dry run: nothing was uploaded.\n");
    let log = worker.log();
    assert!(log[2].contains(" --dry-run "), "{log:?}");
}

#[test]
fn the_output_of_an_unchanged_module_is_kept() {
    let worker = Worker::new();
    let bindgen = || {
        let log = worker.log();
        log.iter()
            .filter(|line| line.starts_with("wasm-bindgen"))
            .count()
    };
    succeed(&mut worker.farport(&["deploy", "--dry-run"]));
    succeed(&mut worker.farport(&["deploy"]));
    assert_eq!(bindgen(), 1);

    // A changed module and incomplete output are built again.
    write(worker.folder().join("src/main.rs"), "fn main() { run() }\n");
    succeed(&mut worker.farport(&["deploy"]));
    assert_eq!(bindgen(), 2);
    fs::remove_file(worker.folder().join("build/bindings.js")).unwrap();
    succeed(&mut worker.farport(&["deploy"]));
    assert_eq!(bindgen(), 3);
}

#[test]
fn a_build_without_wrangler_needs_no_wrangler() {
    let worker = Worker::new();
    let said = succeed(
        worker
            .farport(&["deploy", "--build-only", "--json"])
            .env("WRANGLER", worker.tool("nowhere")),
    )
    .stdout;
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["deployed"], false, "{said}");
    assert!(worker.folder().join("build/index.js").is_file());
}

#[test]
fn missing_secrets_are_reported_before_the_build() {
    let worker = Worker::new();
    let configure = |names: &str| {
        let text = format!(
            "{{ \"name\": \"weather\", \"main\": \"build/index.js\", \
             \"secrets\": {{ \"required\": [{names}] }} }}"
        );
        write(worker.folder().join("wrangler.jsonc"), &text);
    };
    configure(r#""A", "C", "D""#);
    let refused = run(&mut worker.farport(&["deploy"]));
    assert_eq!(refused.code, Some(1));
    for part in [
        "required secrets are not set: C, D",
        "farport secret put NAME",
    ] {
        assert!(refused.stderr.contains(part), "{part}\n{}", refused.stderr);
    }
    let log = worker.log();
    assert_eq!(log, ["wrangler secret list --format json --env "]);

    // A dry run needs no secrets.
    succeed(&mut worker.farport(&["deploy", "--dry-run"]));
    configure(r#""A", "B""#);
    succeed(&mut worker.farport(&["deploy"]));

    // A Worker that does not exist has no secrets.
    let nothing = WRANGLER.replace(
        "\"secret list\") echo",
        "\"secret list\") echo 'Worker not found [code: 10007]' >&2; exit 1; echo",
    );
    script(&worker.tool("wrangler"), &nothing);
    let refused = run(&mut worker.farport(&["deploy"]));
    let part = "required secrets are not set: A, B";
    assert!(refused.stderr.contains(part), "{}", refused.stderr);
}

#[test]
fn a_failed_build_is_not_deployed() {
    let worker = Worker::new();
    write(worker.folder().join("src/main.rs"), "broken");
    let ended = run(&mut worker.farport(&["deploy"]));
    assert_eq!(ended.code, Some(1));
    let once = ended.stderr.matches("error: it is broken").count();
    assert_eq!(once, 1, "{}", ended.stderr);
    assert_eq!(worker.log().len(), 1, "only cargo ran");
}

#[test]
fn a_crate_that_is_not_a_worker_fails_with_a_hint() {
    let worker = Worker::new();
    let refused = run(&mut worker.farport(&["deploy", "--target", "docker", "--env", "a"]));
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("`--env` requires"),
        "{}",
        refused.stderr
    );

    fs::remove_file(worker.folder().join("wrangler.jsonc")).unwrap();
    for command in ["deploy", "tail", "dev --worker", "secret list"] {
        let args: Vec<_> = command.split(' ').collect();
        let ended = run(&mut worker.farport(&args));
        assert_eq!(ended.code, Some(1), "{command}");
        for part in ["contains no wrangler.jsonc", "--template worker"] {
            assert!(ended.stderr.contains(part), "{command}: {}", ended.stderr);
        }
    }
    assert_eq!(worker.log(), [""; 0]);
}

#[test]
fn a_secret_only_appears_on_standard_input() {
    const SECRET: &str = "s3cret value\nof two lines";
    let worker = Worker::new();
    let put = fed(
        &mut worker.farport(&["secret", "put", "TOKEN", "--env", "staging"]),
        &format!("{SECRET}\n"),
    );
    assert_eq!(put.code, Some(0), "{}", put.stderr);
    assert_eq!(put.stdout, "Set TOKEN\n");
    assert_eq!(fs::read_to_string(worker.tool("fed")).unwrap(), SECRET);
    let log = worker.log();
    assert_eq!(log, ["wrangler secret put TOKEN --env staging"]);

    // A secret in an argument is rejected and not repeated.
    let refused = run(&mut worker.farport(&["secret", "put", "TOKEN=s3cret"]));
    assert_eq!(refused.code, Some(1));
    assert!(!refused.stderr.contains("s3cret"), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("standard input"),
        "{}",
        refused.stderr
    );

    let empty = fed(&mut worker.farport(&["secret", "put", "TOKEN"]), "\n");
    assert_eq!(empty.code, Some(1));
    assert!(
        empty.stderr.contains("the secret is empty"),
        "{}",
        empty.stderr
    );

    succeed(&mut worker.farport(&["secret", "put", "KEY", "--random"]));
    let key = fs::read_to_string(worker.tool("fed")).unwrap();
    assert_eq!(key.len(), 44, "32 bytes in base64");
    assert_eq!(
        worker.log().last().unwrap(),
        "wrangler secret put KEY --env "
    );
}

#[test]
fn secrets_are_listed_and_deleted() {
    let worker = Worker::new();
    let listed = succeed(&mut worker.farport(&["secret", "list"])).stdout;
    assert_eq!(listed, "A\nB\n");
    let listed = succeed(&mut worker.farport(&["secret", "list", "--json"])).stdout;
    assert_eq!(listed, "[{\"name\":\"A\"},{\"name\":\"B\"}]\n");
    let deleted = succeed(&mut worker.farport(&["secret", "delete", "A"])).stdout;
    assert_eq!(deleted, "Deleted A\n");
    assert_eq!(
        worker.log().last().unwrap(),
        "wrangler secret delete A --env "
    );
}

#[test]
fn tail_runs_wrangler_tail() {
    let worker = Worker::new();
    let said = succeed(&mut worker.farport(&["tail", "--json"])).stdout;
    assert_eq!(said, "a line of the log\n");
    assert_eq!(worker.log(), ["wrangler tail --format json --env "]);
}

#[test]
fn dev_builds_every_change_and_wrangler_keeps_running() {
    let worker = Worker::new();
    let source = worker.folder().join("src/main.rs");
    let stamp = worker.folder().join(".farport/worker/built");
    let mut dev = Running::start(&mut worker.farport(&["dev", "--worker", "--port", "0"]));
    let ready = dev.wait_for("Ready on", SOON);
    assert_eq!(
        ready,
        "Ready on http://localhost:8787/mcp  (streamable HTTP)"
    );
    let first = fs::read_to_string(&stamp).unwrap();
    let config = fs::read_to_string(worker.tool("config")).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    let build = json!({"command": "true", "watch_dir": ".farport/worker"});
    assert_eq!(config["build"], build);

    write(&source, "fn main() { broken }\n");
    dev.wait_for("error: it is broken", SOON);
    dev.wait_for("Build failed. Still serving the previous version.", SOON);
    assert_eq!(fs::read_to_string(&stamp).unwrap(), first);

    write(&source, "fn main() { run() }\n");
    dev.wait_for("Reloaded in", SOON);
    assert_ne!(fs::read_to_string(&stamp).unwrap(), first);

    let log = worker.log();
    let builds = log.iter().filter(|line| line.starts_with("cargo build"));
    let debug = builds.filter(|line| !line.contains("--release"));
    assert_eq!(debug.count(), 3);
    let serves = log.iter().filter(|line| line.starts_with("wrangler dev"));
    assert_eq!(serves.count(), 1);
    assert!(!dev.seen.iter().any(|line| line.contains("[custom build]")));

    dev.signal(Signal::INT);
    let (status, seen) = dev.end(SOON);
    assert!(status.success(), "{seen:#?}");
    eventually("the copy of the configuration is deleted", SOON, || {
        let mut left = fs::read_dir(worker.folder()).unwrap();
        !left.any(|entry| {
            let name = entry.unwrap().file_name();
            name.to_string_lossy().starts_with(".wrangler")
        })
    });
}

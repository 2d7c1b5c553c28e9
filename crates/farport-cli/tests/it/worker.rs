//! `farport deploy`, `secret`, `tail` and `dev --worker`: what they tell worker-build and wrangler, and
//! what they tell the user. Both programs are stand-ins here, which write down how they were called;
//! `cloudflare.rs` has the real ones.

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

const WORKER_BUILD: &str = r#"#!/bin/sh
echo "worker-build $*" >> "$(dirname "$0")/log"
echo "$CARGO_PROFILE_RELEASE_OPT_LEVEL" > "$(dirname "$0")/level"
case "$1" in
  --version) echo 0.8.7 ;;
  *)
    if grep -q broken src/main.rs; then echo "error: it is broken" >&2; exit 1; fi
    mkdir -p build && echo "export default {}" > build/index.js && echo wasm > build/index_bg.wasm ;;
esac
"#;

/// It knows the target, if there is a folder for it; all else it leaves to the real one.
const RUSTC: &str = r#"#!/bin/sh
case "$*" in
  *"--print target-libdir"*) echo "$(dirname "$0")/libraries" ;;
  *) exec rustc "$@" ;;
esac
"#;

/// A worker that nothing is compiled for, and stand-ins for the tools.
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
            at("weather/Cargo.toml"),
            "[package]\nname = \"weather\"\nversion = \"0.1.0\"\n[workspace]\n[dependencies]\n\
             farport = { path = \"../farport\" }\n",
        );
        write(at("weather/src/main.rs"), "fn main() {}\n");
        write(
            at("weather/wrangler.jsonc"),
            "{ // The worker.\n \"name\": \"weather\", \"main\": \"build/index.js\",\n \
             \"build\": { \"command\": \"exit 1\" }, }",
        );
        for (name, text) in [
            ("wrangler", WRANGLER),
            ("worker-build", WORKER_BUILD),
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
            .env("WORKER_BUILD", self.tool("worker-build"))
            .env("WRANGLER", self.tool("wrangler"))
            .env_remove("CLOUDFLARE_API_TOKEN")
            .env_remove("CARGO_UNSTABLE_BUILD_STD");
        command
    }

    /// How the tools were called, but for questions about themselves.
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

/// Runs a program with something on its standard input.
fn fed(command: &mut Command, input: &str) -> Ended {
    use std::io::Write as _;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without having read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap().into()
}

#[test]
fn what_is_missing_is_told_all_at_once_with_how_to_get_it() {
    let worker = Worker::new();
    fs::remove_dir(worker.tool("libraries")).unwrap();
    fs::remove_file(worker.tool("worker-build")).unwrap();
    fs::remove_file(worker.tool("account")).unwrap();

    let ended = run(&mut worker.farport(&["deploy"]));

    assert_eq!(ended.code, Some(1));
    for part in [
        "error: this is still missing:",
        "rustup target add wasm32-unknown-unknown",
        "cargo install worker-build@",
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

    // A token is an account, and a library that is compiled along is a target.
    script(&worker.tool("worker-build"), WORKER_BUILD);
    succeed(
        worker
            .farport(&["deploy"])
            .env("CLOUDFLARE_API_TOKEN", "t")
            .env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort"),
    );
}

#[test]
fn an_old_worker_build_is_told_to_be_old() {
    let worker = Worker::new();
    script(&worker.tool("worker-build"), "#!/bin/sh\necho 0.1.2\n");
    let ended = run(&mut worker.farport(&["deploy", "--dry-run"]));
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("(there is 0.1)"), "{}", ended.stderr);
}

#[test]
fn it_builds_says_how_large_it_is_and_where_it_can_be_reached() {
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
    let size = "Built 1 KiB compressed, 1 KiB as it is";
    assert!(ended.stderr.contains(size), "{}", ended.stderr);
    let log = worker.log();
    assert_eq!(log[0], "worker-build --release");
    assert!(log[1].starts_with("wrangler deploy --config "), "{log:?}");
    assert!(log[1].ends_with(" --env staging"), "{log:?}");

    // wrangler was not to build again, and nothing is left of how it was told.
    let config = fs::read_to_string(worker.tool("config")).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config, json!({"name": "weather", "main": "build/index.js"}));
    let left = fs::read_dir(worker.folder()).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!left.into_iter().any(|name| name.starts_with(".wrangler")));
}

#[test]
fn a_worker_is_made_small_unless_the_project_says_how_it_is_made() {
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
fn a_script_gets_json() {
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
    assert!(log[1].contains(&part), "{log:?}");
}

#[test]
fn a_dry_run_needs_no_account_and_sends_nothing() {
    let worker = Worker::new();
    fs::remove_file(worker.tool("account")).unwrap();
    let ended = succeed(&mut worker.farport(&["deploy", "--dry-run"]));
    assert_eq!(ended.stdout, "Nothing was sent: this was a dry run.\n");
    let log = worker.log();
    assert!(log[1].contains(" --dry-run "), "{log:?}");
}

#[test]
fn what_does_not_build_is_not_deployed() {
    let worker = Worker::new();
    write(worker.folder().join("src/main.rs"), "broken");
    let ended = run(&mut worker.farport(&["deploy"]));
    assert_eq!(ended.code, Some(1));
    let once = ended.stderr.matches("error: it is broken").count();
    assert_eq!(once, 1, "{}", ended.stderr);
    assert_eq!(worker.log(), ["worker-build --release"]);
}

#[test]
fn what_is_no_worker_is_told_what_it_can_be() {
    let worker = Worker::new();
    let refused = run(&mut worker.farport(&["deploy", "--target", "docker", "--env", "a"]));
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("`--env` is for"),
        "{}",
        refused.stderr
    );

    fs::remove_file(worker.folder().join("wrangler.jsonc")).unwrap();
    for command in ["deploy", "tail", "dev --worker", "secret list"] {
        let args: Vec<_> = command.split(' ').collect();
        let ended = run(&mut worker.farport(&args));
        assert_eq!(ended.code, Some(1), "{command}");
        for part in ["it has no wrangler.jsonc", "--template worker"] {
            assert!(ended.stderr.contains(part), "{command}: {}", ended.stderr);
        }
    }
    assert_eq!(worker.log(), [""; 0]);
}

#[test]
fn a_secret_goes_in_on_standard_input_and_is_nowhere_else() {
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

    // As an argument it is refused, and not repeated.
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
fn tail_is_wrangler_s() {
    let worker = Worker::new();
    let said = succeed(&mut worker.farport(&["tail", "--json"])).stdout;
    assert_eq!(said, "a line of the log\n");
    assert_eq!(worker.log(), ["wrangler tail --format json --env "]);
}

#[test]
fn dev_builds_on_every_change_and_wrangler_goes_on() {
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
    dev.wait_for("Build failed; the server from before goes on", SOON);
    assert_eq!(fs::read_to_string(&stamp).unwrap(), first);

    write(&source, "fn main() { run() }\n");
    dev.wait_for("Reloaded in", SOON);
    assert_ne!(fs::read_to_string(&stamp).unwrap(), first);

    let log = worker.log();
    let builds = log.iter().filter(|line| line.starts_with("worker-build"));
    assert_eq!(builds.collect::<Vec<_>>(), ["worker-build --dev"; 3]);
    let serves = log.iter().filter(|line| line.starts_with("wrangler dev"));
    assert_eq!(serves.count(), 1);
    assert!(!dev.seen.iter().any(|line| line.contains("[custom build]")));

    dev.signal(Signal::INT);
    let (status, seen) = dev.end(SOON);
    assert!(status.success(), "{seen:#?}");
    eventually("nothing is left of how wrangler was told", SOON, || {
        let mut left = fs::read_dir(worker.folder()).unwrap();
        !left.any(|entry| {
            let name = entry.unwrap().file_name();
            name.to_string_lossy().starts_with(".wrangler")
        })
    });
}

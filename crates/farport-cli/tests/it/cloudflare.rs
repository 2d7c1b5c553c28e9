//! Deploys templates with the real cargo, wasm-bindgen, wrangler and workerd, to a stand-in for Cloudflare's API
//! that records the requests.
//!
//! These tests compile a Worker for each template. They run if `FARPORT_WORKER_TESTS` is 1, as in `cargo
//! xtask worker`. A variable `FARPORT_TO_WORKER_NAME` sets `NAME` for `farport` only, so that it finds the
//! tools (`RUSTC`, `WRANGLER` and others), and no other build uses them.

mod api;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::generated::cargo;
use crate::support::{
    BUILD, Running, SOON, call, document, eventually, farport, generate_from, one_at_a_time, run,
    succeed, write,
};
use api::{Api, Received};

/// Values that may only arrive as secrets.
const SEEDED: [&str; 3] = [
    "seeded-in-dev-vars",
    "seeded-in-prod-vars",
    "seeded-by-hand",
];

/// The prefix of variables that are for `farport` only.
const FOR_WORKERS: &str = "FARPORT_TO_WORKER_";

/// The Worker of a template.
struct Worker {
    made: PathBuf,
}

impl Worker {
    fn of(template: &str, folder: &Path) -> Self {
        let made = generate_from(template, folder, &format!("edge-{template}"));
        // The Workers of tests/worker share this folder and its compiled crates.
        write(
            made.join("Cargo.lock"),
            &document("tests/worker/Cargo.lock"),
        );
        write(
            made.join(".dev.vars"),
            &format!("GITHUB_CLIENT_ID={}\n", SEEDED[0]),
        );
        write(
            made.join(".prod.vars"),
            &format!("GITHUB_CLIENT_ID={}\n", SEEDED[1]),
        );
        Self { made }
    }

    fn farport(&self, args: &[&str]) -> Command {
        let mut command = farport(&self.made, args);
        command
            .env(
                "CARGO_TARGET_DIR",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("../worker"),
            )
            .env("NO_COLOR", "1");
        for (name, value) in std::env::vars_os() {
            if let Some(name) = name
                .to_str()
                .and_then(|name| name.strip_prefix(FOR_WORKERS))
            {
                command.env(name, value);
            }
        }
        for name in ["API_TOKEN", "ACCOUNT_ID", "API_BASE_URL"] {
            command.env_remove(format!("CLOUDFLARE_{name}"));
        }
        command
    }

    fn at(&self, api: &Api, args: &[&str]) -> Command {
        let mut command = self.farport(args);
        command.envs(api.variables());
        command
    }
}

/// Returns a guard if these tests are enabled. Keep the guard while the test builds.
fn enabled(test: &str) -> Option<std::sync::MutexGuard<'static, ()>> {
    if std::env::var_os("FARPORT_WORKER_TESTS").is_some_and(|value| value == "1") {
        return Some(one_at_a_time());
    }
    eprintln!("skipped: {test} (it compiles workers; set FARPORT_WORKER_TESTS=1)");
    None
}

fn bindings(metadata: &Value) -> Vec<Value> {
    let mut bindings = metadata["bindings"].as_array().unwrap().clone();
    bindings.sort_by_key(|binding| binding["name"].as_str().unwrap().to_owned());
    bindings
}

fn log() -> Value {
    json!({ "name": "FARPORT_LOG", "type": "plain_text", "text": "info" })
}

fn object(name: &str, class: &str) -> Value {
    json!({ "name": name, "type": "durable_object_namespace", "class_name": class })
}

/// The expected upload of a Worker.
struct Expected {
    /// How large it may be, compressed.
    most: u64,
    bindings: Vec<Value>,
    classes: Value,
    /// What it is not deployed without.
    secrets: &'static [&'static str],
}

/// Deploys a Worker and checks the upload, which must not contain secret values.
fn deploy(worker: &Worker, template: &str, expected: &Expected) {
    let said = succeed(&mut worker.farport(&["deploy", "--dry-run", "--json"])).stdout;
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["deployed"], false, "{said}");
    let size = said["size"]["gzip"].as_u64().unwrap();
    eprintln!("{template}: {size} bytes compressed, of {}", expected.most);
    assert!(size <= expected.most, "{template}: {size} bytes compressed");

    let api = Api::start();
    if !expected.secrets.is_empty() {
        // It is not deployed without its secrets, which can be set before it is.
        let refused = run(&mut worker.at(&api, &["deploy"]));
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        for part in expected.secrets.iter().chain(&["farport secret put NAME"]) {
            assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
        }
        assert!(api.uploads().is_empty());
        for name in expected.secrets {
            let mut put = worker.at(&api, &["secret", "put", name]);
            let value = worker.made.join("value");
            write(&value, SEEDED[2]);
            succeed(put.stdin(fs::File::open(&value).unwrap()));
            fs::remove_file(value).unwrap();
        }
        let listed = succeed(&mut worker.at(&api, &["secret", "list"])).stdout;
        assert_eq!(listed.lines().collect::<Vec<_>>(), expected.secrets);
    }
    let before = api.received().len();
    let said = succeed(&mut worker.at(&api, &["deploy"])).stdout;
    let address = format!("https://edge-{template}.me.workers.dev/mcp");
    assert!(said.contains(&address), "{said}");

    let [upload]: [_; 1] = api.uploads().try_into().unwrap();
    assert_eq!(bindings(&upload.metadata), expected.bindings);
    let migration =
        json!({ "new_tag": "v1", "steps": [{ "new_sqlite_classes": expected.classes }] });
    assert_eq!(upload.metadata["migrations"], migration);
    // Those that are set stay.
    assert_eq!(upload.metadata["keep_bindings"][0], "secret_text");
    let main = upload.modules.iter().find(|(name, ..)| name == "index.js");
    assert_eq!(main.unwrap().1, "application/javascript+module");
    let wasm = upload
        .modules
        .iter()
        .filter(|(_, kind, bytes)| kind == "application/wasm" && bytes.starts_with(b"\0asm"));
    assert_eq!(wasm.count(), 1);

    for received in &api.received()[before..] {
        let body = String::from_utf8_lossy(&received.body);
        for seeded in SEEDED {
            let Received { method, path, .. } = received;
            assert!(!body.contains(seeded), "{method} {path}");
        }
    }
}

#[test]
fn what_arrives_at_cloudflare_is_the_worker_and_no_secret() {
    let Some(_wanted) = enabled("what_arrives_at_cloudflare_is_the_worker_and_no_secret") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let worker = Worker::of("github-worker", folder.path());
    let inherited = |name| json!({ "name": name, "type": "inherit" });
    let expected = Expected {
        most: 1_240_000,
        bindings: vec![
            log(),
            inherited("FARPORT_MASTER_KEY"),
            object("FARPORT_SESSION", "FarportSession"),
            object("FARPORT_STORE", "FarportStore"),
            inherited("GITHUB_CLIENT_ID"),
            inherited("GITHUB_CLIENT_SECRET"),
        ],
        classes: json!(["FarportSession", "FarportStore"]),
        secrets: &[
            "FARPORT_MASTER_KEY",
            "GITHUB_CLIENT_ID",
            "GITHUB_CLIENT_SECRET",
        ],
    };
    deploy(&worker, "github-worker", &expected);
}

#[test]
fn what_was_deployed_is_served_by_dev_in_workerd_which_takes_every_change() {
    let Some(_wanted) =
        enabled("what_was_deployed_is_served_by_dev_in_workerd_which_takes_every_change")
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let worker = Worker::of("worker", folder.path());
    let expected = Expected {
        most: 780_000,
        bindings: vec![log(), object("FARPORT_SESSION", "FarportSession")],
        classes: json!(["FarportSession"]),
        secrets: &[],
    };
    deploy(&worker, "worker", &expected);

    // Optimised, since that is what has been compiled for deploying.
    let args = ["dev", "--worker", "--release", "--port", "0"];
    let mut dev = Running::start(&mut worker.farport(&args));
    let origin = dev.origin(BUILD);
    let add = || call(&origin, "add", json!({ "a": 2, "b": 3 }));
    assert_eq!(add().unwrap(), "5");
    // The crate's own tests call the worker as they call the program.
    succeed(cargo(&worker.made, &["test"]).env("FARPORT_TEST_URL", &origin));

    let source = worker.made.join("src/calculator.rs");
    let code = fs::read_to_string(&source).unwrap();
    write(
        &source,
        &code.replace("(a + b).to_string()", "(a + ).to_string()"),
    );
    dev.wait_for("Build failed. Still serving the previous version.", BUILD);
    assert_eq!(add().unwrap(), "5");
    let reported = dev
        .seen
        .iter()
        .filter(|line| line.contains("error: expected expression"));
    assert_eq!(reported.count(), 1, "{:#?}", dev.seen);

    write(
        &source,
        &code.replace("(a + b).to_string()", "(a * b).to_string()"),
    );
    dev.wait_for("Reloaded in", BUILD);
    eventually("the change is served", SOON, || add().as_deref() == Ok("6"));

    dev.signal(Signal::INT);
    let (status, seen) = dev.end(SOON);
    assert!(status.success(), "{seen:#?}");
    assert!(add().is_err(), "no server is left");
}

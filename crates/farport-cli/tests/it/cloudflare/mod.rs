//! From a template to Cloudflare, with the real worker-build, wrangler and workerd. What is left out is
//! Cloudflare itself: a stand-in of its API looks at what arrives.
//!
//! These tests compile a worker for each template. They run when `FARPORT_WORKER_TESTS` is 1, with the
//! tools that `WORKER_BUILD`, `WRANGLER` and the like name.

mod api;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::generated::cargo;
use crate::support::{
    BUILD, Running, SOON, build_folder, call, eventually, farport, generate_from, one_at_a_time,
    run, succeed, write,
};
use api::Api;

/// Values that may arrive as secrets alone.
const SEEDED: [&str; 3] = [
    "seeded-in-dev-vars",
    "seeded-in-prod-vars",
    "seeded-by-hand",
];

/// A worker of a template, and the way to call `farport` in it.
struct Worker {
    made: PathBuf,
}

impl Worker {
    fn of(template: &str, folder: &Path) -> Self {
        let made = generate_from(template, folder, &format!("edge-{template}"));
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
            .env("CARGO_TARGET_DIR", build_folder().join("workers"))
            .env("NO_COLOR", "1");
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

/// Whether these tests are wanted. Keep what it returns for as long as the test builds.
fn wanted(test: &str) -> Option<std::sync::MutexGuard<'static, ()>> {
    if std::env::var_os("FARPORT_WORKER_TESTS").is_some_and(|value| value == "1") {
        return Some(one_at_a_time());
    }
    eprintln!("left out: {test} (it compiles workers; set FARPORT_WORKER_TESTS=1)");
    None
}

fn bindings(metadata: &Value) -> Vec<Value> {
    let mut bindings = metadata["bindings"].as_array().unwrap().clone();
    bindings.sort_by_key(|binding| binding["name"].as_str().unwrap().to_owned());
    bindings
}

fn object(name: &str, class: &str) -> Value {
    json!({ "name": name, "type": "durable_object_namespace", "class_name": class })
}

#[test]
fn what_arrives_at_cloudflare_is_the_worker_and_no_secret() {
    let Some(_wanted) = wanted("what_arrives_at_cloudflare_is_the_worker_and_no_secret") else {
        return;
    };
    let session = object("FARPORT_SESSION", "FarportSession");
    let store = object("FARPORT_STORE", "FarportStore");
    let log = json!({ "name": "FARPORT_LOG", "type": "plain_text", "text": "info" });
    let secrets = [
        "FARPORT_MASTER_KEY",
        "GITHUB_CLIENT_ID",
        "GITHUB_CLIENT_SECRET",
    ];
    let inherited = secrets.map(|name| json!({ "name": name, "type": "inherit" }));
    let with_sign_in = [
        &[log.clone()][..],
        &inherited[..1],
        &[session.clone(), store],
        &inherited[1..],
    ];
    for (template, most, bound, classes) in [
        (
            "worker",
            700 * 1024,
            vec![log, session],
            json!(["FarportSession"]),
        ),
        (
            "github-worker",
            1200 * 1024,
            with_sign_in.concat(),
            json!(["FarportSession", "FarportStore"]),
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let worker = Worker::of(template, folder.path());
        let said = succeed(&mut worker.farport(&["deploy", "--dry-run", "--json"])).stdout;
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["deployed"], false, "{template}: {said}");
        let size = said["size"]["gzip"].as_u64().unwrap();
        assert!(size <= most, "{template}: {size} bytes compressed");
        eprintln!("{template}: {} KiB compressed", size.div_ceil(1024));

        let api = Api::start();
        if template == "github-worker" {
            // It is not deployed without its secrets, which can be set before it is.
            let refused = run(&mut worker.at(&api, &["deploy"]));
            assert_eq!(refused.code, Some(1), "{}", refused.stderr);
            for part in secrets.iter().chain(&["farport secret put NAME"]) {
                assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
            }
            assert!(api.uploads().is_empty());
            for name in secrets {
                let mut put = worker.at(&api, &["secret", "put", name]);
                let value = folder.path().join("value");
                write(&value, SEEDED[2]);
                succeed(put.stdin(fs::File::open(value).unwrap()));
            }
            let listed = succeed(&mut worker.at(&api, &["secret", "list"])).stdout;
            assert_eq!(listed.lines().collect::<Vec<_>>(), secrets);
        }
        let before = api.received().len();
        let said = succeed(&mut worker.at(&api, &["deploy"])).stdout;
        let address = format!("https://edge-{template}.me.workers.dev/mcp");
        assert!(said.contains(&address), "{template}: {said}");

        let [upload]: [_; 1] = api.uploads().try_into().unwrap();
        assert_eq!(bindings(&upload.metadata), bound, "{template}");
        let migration = json!({ "new_tag": "v1", "steps": [{ "new_sqlite_classes": classes }] });
        assert_eq!(upload.metadata["migrations"], migration, "{template}");
        // Those that are set stay.
        assert_eq!(upload.metadata["keep_bindings"][0], "secret_text");
        let main = upload.modules.iter().find(|(name, ..)| name == "index.js");
        let kind = "application/javascript+module";
        assert_eq!(main.unwrap().1, kind, "{template}");
        let wasm: Vec<_> = upload
            .modules
            .iter()
            .filter(|(_, kind, bytes)| kind == "application/wasm" && bytes.starts_with(b"\0asm"))
            .collect();
        assert_eq!(wasm.len(), 1, "{template}");

        for received in &api.received()[before..] {
            let body = String::from_utf8_lossy(&received.body);
            for seeded in SEEDED {
                assert!(
                    !body.contains(seeded),
                    "{} {}",
                    received.method,
                    received.path
                );
            }
        }
    }
}

#[test]
fn dev_serves_the_worker_in_workerd_and_takes_every_change() {
    let Some(_wanted) = wanted("dev_serves_the_worker_in_workerd_and_takes_every_change") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let worker = Worker::of("worker", folder.path());
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
    dev.wait_for("Build failed; the server from before goes on", BUILD);
    assert_eq!(add().unwrap(), "5");
    let told = dev
        .seen
        .iter()
        .filter(|line| line.contains("expected expression"));
    assert_eq!(told.count(), 1, "{:#?}", dev.seen);

    write(
        &source,
        &code.replace("(a + b).to_string()", "(a * b).to_string()"),
    );
    dev.wait_for("Reloaded in", BUILD);
    eventually("the change is served", SOON, || add().as_deref() == Ok("6"));

    dev.signal(Signal::INT);
    let (status, seen) = dev.end(SOON);
    assert!(status.success(), "{seen:#?}");
    assert!(add().is_err(), "nobody serves any more");
}

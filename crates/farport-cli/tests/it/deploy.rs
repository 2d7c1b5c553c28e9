//! `farport deploy` for Docker, systemd and Fly.io: the exact files, checked with the platforms' tools.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::generated::cargo;
use crate::support::{
    BUILD, Running, SOON, build_folder, call, eventually, farport, generate, hermetic,
    one_at_a_time, run, succeed, write,
};

/// A crate that depends on a stand-in for farport.
pub(crate) fn project(in_workspace: bool) -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    write(
        at("farport/Cargo.toml"),
        "[package]\nname = \"farport\"\nversion = \"0.1.0\"\n[workspace]\n",
    );
    write(at("farport/src/lib.rs"), "");
    let (folder, up) = if in_workspace {
        ("all/servers/weather", "../../..")
    } else {
        ("weather", "..")
    };
    let manifest = format!(
        "[package]\nname = \"weather-server\"\nversion = \"0.1.0\"\n\n[dependencies]\n\
         farport = {{ path = \"{up}/farport\" }}\n"
    );
    write(at(folder).join("Cargo.toml"), &manifest);
    write(at(folder).join("src/main.rs"), "fn main() {}\n");
    write(at(folder).join("farport.toml"), "");
    write(
        at(folder).join(".dev.vars.example"),
        "# Copy this to .dev.vars.\n\n# Of the app.\nCLIENT_ID=\nCLIENT_SECRET=\n",
    );
    if in_workspace {
        let workspace = "[workspace]\nresolver = \"3\"\nmembers = [\"servers/*\"]\n";
        write(at("all/Cargo.toml"), workspace);
    }
    let folder = at(folder);
    (root, folder)
}

fn deploy(folder: &Path, args: &[&str]) -> Command {
    let mut command = farport(folder, ["deploy"]);
    command.args(args);
    command
}

#[track_caller]
fn assert_golden(name: &str, written: &Path) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    let written = fs::read_to_string(written).unwrap();
    let golden = fs::read_to_string(&golden).unwrap_or_else(|_| panic!("{name}:\n{written}"));
    assert_eq!(written, golden, "{name}");
}

#[test]
fn the_files_of_each_target_match_the_golden_files() {
    let (_root, folder) = project(false);
    for (target, files) in [
        (
            "docker",
            &[
                ("Dockerfile", "Dockerfile"),
                ("dockerignore", ".dockerignore"),
            ][..],
        ),
        (
            "systemd",
            &[
                ("weather-server.service", "weather-server.service"),
                ("weather-server.env.example", "weather-server.env.example"),
            ],
        ),
        (
            "fly",
            &[("fly.toml", "fly.toml"), ("Dockerfile", "Dockerfile")],
        ),
    ] {
        succeed(&mut deploy(&folder, &["--target", target]));
        for (golden, file) in files {
            assert_golden(golden, &folder.join(file));
        }
    }
}

#[test]
fn a_member_of_a_workspace_is_built_from_the_workspace() {
    let (root, folder) = project(true);
    let ended = succeed(&mut deploy(&folder, &["--target", "fly"]));
    assert!(
        ended.stdout.contains("cd ../.. && fly deploy"),
        "{}",
        ended.stdout
    );
    let all = root.path().join("all");
    let fly = fs::read_to_string(all.join("fly.toml")).unwrap();
    assert!(
        fly.contains("dockerfile = \"servers/weather/Dockerfile\""),
        "{fly}"
    );
    assert!(all.join(".dockerignore").is_file());
    let dockerfile = fs::read_to_string(folder.join("Dockerfile")).unwrap();
    for part in [
        "cargo build --release --locked --package weather-server --bin weather-server",
        "cp servers/weather/farport.toml /image/",
    ] {
        assert!(dockerfile.contains(part), "{dockerfile}");
    }
    // `--locked` uses the workspace's lock file.
    assert!(all.join("Cargo.lock").is_file());

    let ended = succeed(&mut deploy(&folder, &["--target", "docker"]));
    let build = "docker build -f Dockerfile -t weather-server ../..";
    assert!(ended.stdout.contains(build), "{}", ended.stdout);
    // The stand-in for farport is not in the workspace.
    assert!(
        ended.stdout.contains("is outside the workspace"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_different_file_is_only_overwritten_with_force() {
    let (_root, folder) = project(false);
    let mine = "FROM scratch\n";
    write(folder.join("Dockerfile"), mine);
    let read = |name: &str| fs::read_to_string(folder.join(name));

    let refused = run(&mut deploy(&folder, &["--target", "docker"]));
    assert_eq!(refused.code, Some(1));
    for part in [
        "/Dockerfile` already exists with different contents",
        "--force",
    ] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    assert_eq!(read("Dockerfile").unwrap(), mine);
    assert!(read(".dockerignore").is_err(), "nothing else was written");

    let args = ["--target", "docker", "--force", "--dry-run", "--json"];
    let result = succeed(&mut deploy(&folder, &args)).stdout;
    let result: Value = serde_json::from_str(&result).unwrap();
    assert_eq!(result["files"][0]["outcome"], "replaced", "{result}");
    assert_eq!(result["files"][1]["outcome"], "new", "{result}");
    assert_eq!(read("Dockerfile").unwrap(), mine);

    succeed(&mut deploy(&folder, &["--target", "docker", "--force"]));
    assert_golden("Dockerfile", &folder.join("Dockerfile"));
    let again = succeed(&mut deploy(&folder, &["--target", "docker"])).stdout;
    assert!(again.contains("Unchanged: Dockerfile"), "{again}");
}

/// Returns whether a program is installed, and prints a notice if it is not.
fn has(program: &str, test: &str) -> bool {
    let found = hermetic(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: {test} (there is no {program} here)");
    }
    found
}

#[test]
fn systemd_accepts_the_unit_and_rates_it_as_well_isolated() {
    let test = "systemd_takes_the_unit_and_finds_little_that_it_could_reach";
    if !has("systemd-analyze", test) {
        return;
    }
    let (_root, folder) = project(false);
    succeed(&mut deploy(&folder, &["--target", "systemd"]));
    // systemd checks that the program exists.
    let unit = fs::read_to_string(folder.join("weather-server.service")).unwrap();
    let unit = unit.replace("/usr/local/bin/weather-server", "/bin/true");
    let path = folder.join("verified.service");
    write(&path, &unit);
    let verified = succeed(hermetic("systemd-analyze").arg("verify").arg(&path));
    let complaints = verified.stderr + &verified.stdout;
    assert!(!complaints.contains("verified.service"), "{complaints}");

    // The exposure in tenths: 0 is fully isolated, 100 is an ordinary process.
    succeed(
        hermetic("systemd-analyze")
            .args(["security", "--no-pager", "--offline=true", "--threshold=20"])
            .arg(&path),
    );
}

#[test]
#[ignore = "builds a crate"]
fn the_image_s_program_is_static_and_has_a_health_check() {
    const TARGET: &str = "x86_64-unknown-linux-musl";
    let test = "the_image_s_program_is_static_and_says_whether_it_is_well";
    let _alone = one_at_a_time();
    let rustc = |args: &[&str]| succeed(hermetic("rustc").args(args)).stdout;
    let libraries = rustc(&["--print", "target-libdir", "--target", TARGET]);
    if !Path::new(libraries.trim()).is_dir() {
        eprintln!("skipped: {test} (rustup target add {TARGET})");
        return;
    }
    if !has("musl-gcc", test) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let made = generate(folder.path(), "static-server");
    succeed(&mut deploy(&made, &["--target", "docker"]));
    let dockerfile = fs::read_to_string(made.join("Dockerfile")).unwrap();
    let build = dockerfile
        .lines()
        .find_map(|line| line.trim().strip_prefix("cargo "))
        .unwrap();
    let words: Vec<_> = build.trim_end_matches('\\').split_whitespace().collect();
    // A debug build is faster, and is static, too.
    succeed(
        cargo(&made, &words)
            .env("CARGO_BUILD_TARGET", TARGET)
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    );
    let binary = build_folder().join(TARGET).join("release/static-server");

    // A dynamic program names its loader.
    let bytes = fs::read(&binary).unwrap();
    for loader in ["/ld-musl-", "/ld-linux"] {
        let named = bytes
            .windows(loader.len())
            .any(|window| window == loader.as_bytes());
        assert!(!named, "{loader}");
    }

    let state = folder.path().join("state/farport.db");
    let start = |args: &[&str], port: &str| {
        let mut command = hermetic(&binary);
        command
            .args(args)
            .current_dir(&made)
            .env("FARPORT_HOST", "0.0.0.0")
            .env("FARPORT_PORT", port)
            .env("FARPORT_STORE", format!("sqlite:{}", state.display()));
        command
    };
    let mut server = Running::start(&mut start(&[], "0"));
    let origin = server.origin(BUILD);
    let port = origin.rsplit(':').next().unwrap().to_owned();
    let sum = call(&origin, "add", serde_json::json!({"a": 2, "b": 3}));
    assert_eq!(sum.unwrap(), "5");
    assert!(state.is_file());
    succeed(&mut start(&["--health"], &port));

    drop(server);
    eventually("the health check fails", SOON, || {
        run(&mut start(&["--health"], &port)).code == Some(1)
    });
    let said = run(&mut start(&["--health"], &port)).stderr;
    assert!(said.contains("health check of"), "{said}");
}

//! The database file: permissions, versions, and files of other programs.

use std::{fs, path::Path};

use farport_oauth::Store;
use farport_store::{OpenError, Sqlite, SqliteOAuth};
use rusqlite::Connection;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

fn open_error(path: &Path) -> String {
    Sqlite::open(path).expect_err("an error").to_string()
}

#[test]
#[cfg(unix)]
fn only_the_owner_can_access_files_and_folders() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("some/where");
    let path = folder.join("farport.db");
    let database = Sqlite::open(&path).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&root.path().join("some")), 0o700);
    let files: Vec<_> = fs::read_dir(&folder).unwrap().flatten().collect();
    assert!(
        files.len() >= 3,
        "the database, its log, the process: {files:?}"
    );
    for file in files {
        assert_eq!(mode(&file.path()), 0o600, "{file:?}");
    }
    drop(database);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    drop(Sqlite::open(&path).unwrap());
    assert_eq!(mode(&path), 0o600, "an existing database is restricted");
}

#[test]
fn a_closed_database_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("farport.db");
    drop((Sqlite::open(&path).unwrap(), Sqlite::open(&path).unwrap()));
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_newer_layout_is_refused_with_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("farport.db");
    drop(Sqlite::open(&path).unwrap());
    let before = fs::read(&path).unwrap();
    let newest: u32 = Connection::open(&path)
        .unwrap()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 1000)
        .unwrap();
    let error = Sqlite::open(&path).expect_err("an error");
    let expected = matches!(error, OpenError::Newer { found: 1000, known } if known == newest);
    assert!(expected, "{error:?}");
    let text = open_error(&path);
    assert!(
        text.contains("1000") && text.ends_with(&format!(" {newest}")),
        "{text}"
    );
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", newest)
        .unwrap();
    drop(Sqlite::open(&path).unwrap());
    assert_eq!(fs::read(&path).unwrap().len(), before.len());
}

/// Everything in a folder: names, permissions and contents.
#[cfg(unix)]
fn state_of(folder: &Path) -> Vec<(std::path::PathBuf, u32, Vec<u8>)> {
    use std::os::unix::fs::PermissionsExt;
    let mut state: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|entry| {
            let mode = entry.metadata().unwrap().permissions().mode();
            let content = fs::read(entry.path()).unwrap_or_default();
            (entry.path(), mode, content)
        })
        .collect();
    state.sort();
    state
}

#[test]
#[cfg(unix)]
fn files_of_other_programs_stay_unchanged() {
    use std::os::unix::fs::PermissionsExt;
    let text = "not a database, and longer than the header of one ".repeat(100);
    type Create<'a> = &'a dyn Fn(&Path);
    let files: [(&str, Create<'_>); 6] = [
        ("text", &|path| fs::write(path, &text).unwrap()),
        ("short", &|path| fs::write(path, "x").unwrap()),
        ("empty", &|path| fs::write(path, "").unwrap()),
        ("database", &|path| {
            let other = Connection::open(path).unwrap();
            other.execute_batch("CREATE TABLE theirs (x)").unwrap();
        }),
        ("database with a log", &|path| {
            let other = Connection::open(path).unwrap();
            let sql = "PRAGMA journal_mode = WAL; CREATE TABLE theirs (x)";
            other.execute_batch(sql).unwrap();
            // Without closing it, so that its write-ahead log stays.
            std::mem::forget(other);
        }),
        ("folder", &|path| fs::create_dir(path).unwrap()),
    ];
    for (what, create) in files {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("theirs");
        create(&path);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let before = state_of(folder.path());
        let expected = match what {
            "folder" => "the path is a folder",
            _ => "not a farport database",
        };
        assert!(open_error(&path).contains(expected), "{what}");
        Sqlite::open_read_only(&path).expect_err(what);
        Sqlite::open_existing(&path).expect_err(what);
        assert!(state_of(folder.path()) == before, "{what}");
    }
}

#[test]
#[cfg(unix)]
fn reading_creates_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("100% ?#'.db");
    for opened in [Sqlite::open_read_only(&path), Sqlite::open_existing(&path)] {
        assert!(matches!(opened, Err(OpenError::Missing)));
    }
    assert_eq!(state_of(folder.path()), []);

    // While the database is closed, and while a server has it open.
    drop(Sqlite::open(&path).unwrap());
    for server in [None, Some(Sqlite::open(&path).unwrap())] {
        let before = state_of(folder.path());
        let database = Sqlite::open_read_only(&path).unwrap();
        let store = SqliteOAuth::new(&database);
        assert!(block_on(store.api_tokens()).unwrap().is_empty());
        block_on(store.remove_api_token("x")).expect_err("an error");
        drop((store, database));
        let unchanged = state_of(folder.path()) == before;
        assert!(unchanged, "{:?}", server.is_some());
    }
}

#[test]
fn records_can_be_read_while_the_server_runs_and_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("farport.db");
    let server = Sqlite::open(&path).unwrap();
    let token = || farport_oauth::ApiToken {
        id: "1".into(),
        label: "ci".into(),
        digest: farport_oauth::Digest::of("x"),
        user: farport_oauth::UserId {
            issuer: "i".into(),
            subject: "s".into(),
        },
        scopes: farport_oauth::Scopes::default(),
        created: farport_oauth::UnixTime(1),
        expires: None,
    };
    block_on(SqliteOAuth::new(&server).add_api_token(token())).unwrap();
    // What a crash leaves: the file and its write-ahead log.
    let copy = folder.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    let wal = |path: &Path| format!("{}-wal", path.display());
    fs::copy(wal(&path), wal(&copy)).unwrap();
    for path in [path, copy] {
        let database = Sqlite::open_read_only(&path).unwrap();
        let tokens = block_on(SqliteOAuth::new(&database).api_tokens()).unwrap();
        assert_eq!(tokens.len(), 1);
    }
}

#[test]
fn an_older_layout_is_not_changed_by_reading() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("farport.db");
    drop(Sqlite::open(&path).unwrap());
    let database = Connection::open(&path).unwrap();
    database.pragma_update(None, "user_version", 1).unwrap();
    drop(database);
    let error = Sqlite::open_read_only(&path).expect_err("an error");
    assert!(matches!(error, OpenError::Older { found: 1, .. }));
}

#[test]
fn an_error_names_the_folder_that_cannot_be_created() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let text = open_error(&file.join("farport.db"));
    assert!(text.contains("file"), "{text}");
}

#[test]
fn concurrent_opens_of_a_new_file_all_succeed() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("farport.db");
        std::thread::scope(|scope| {
            let opening: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| Sqlite::open(&path).map(drop)))
                .collect();
            for opened in opening {
                opened.join().unwrap().unwrap();
            }
        });
    }
}

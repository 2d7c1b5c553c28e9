//! The file: whose it is, and which versions of it are known.

use std::{fs, path::Path};

use farport_store::{OpenError, Sqlite};
use rusqlite::Connection;

fn refused(path: &Path) -> String {
    Sqlite::open(path).expect_err("it opens").to_string()
}

#[test]
#[cfg(unix)]
fn files_and_folders_are_their_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("some/where");
    let path = folder.join("farport.db");
    let database = Sqlite::open(&path).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&place.path().join("some")), 0o700);
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
    assert_eq!(mode(&path), 0o600, "one that was there is made so");
}

#[test]
fn a_closed_database_is_one_file() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("farport.db");
    drop((Sqlite::open(&path).unwrap(), Sqlite::open(&path).unwrap()));
    let left: Vec<_> = fs::read_dir(place.path()).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_newer_layout_is_refused_with_both_versions() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("farport.db");
    drop(Sqlite::open(&path).unwrap());
    let before = fs::read(&path).unwrap();
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 1000)
        .unwrap();
    assert!(matches!(
        Sqlite::open(&path),
        Err(OpenError::Newer {
            found: 1000,
            known: 2
        })
    ));
    let text = refused(&path);
    assert!(text.contains("1000") && text.contains(" 2;"), "{text}");
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 2)
        .unwrap();
    drop(Sqlite::open(&path).unwrap());
    assert_eq!(fs::read(&path).unwrap().len(), before.len());
}

#[test]
fn somebody_else_s_file_is_let_be() {
    let place = tempfile::tempdir().unwrap();
    let text = place.path().join("notes.txt");
    fs::write(
        &text,
        "not a database, and longer than the header of one ".repeat(100),
    )
    .unwrap();
    let other = place.path().join("other.db");
    Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE theirs (x)")
        .unwrap();
    for path in [text, other] {
        let before = fs::read(&path).unwrap();
        assert!(refused(&path).contains("not a database of farport's"));
        assert!(fs::read(&path).unwrap() == before, "{}", path.display());
    }
}

#[test]
fn a_place_that_cannot_be_made_is_named() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let text = refused(&file.join("farport.db"));
    assert!(text.contains("file"), "{text}");
}

#[test]
fn many_who_open_a_new_file_at_once_all_get_it() {
    for _ in 0..20 {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("farport.db");
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

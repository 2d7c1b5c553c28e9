//! Master keys.

use std::{collections::HashSet, fs};

use farport_store::{KeyError, MasterKey, MasterKeys};

const ZERO: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const HIGH: &str = "__________________________________________8";
const VARIABLES: [&str; 2] = ["FARPORT_MASTER_KEY", "FARPORT_PREVIOUS_MASTER_KEYS"];

#[test]
fn keys_are_read_from_the_environment() {
    let keys = MasterKeys::parse(ZERO, &format!("{HIGH}, {ZERO},"), VARIABLES).unwrap();
    assert_eq!(keys.current().secret(), &[0; 32]);
    let previous: Vec<_> = keys.previous().iter().map(MasterKey::secret).collect();
    assert_eq!(previous, [&[255; 32], &[0; 32]]);
    for (current, previous, variable) in [
        ("", "", VARIABLES[0]),
        ("AAAA", "", VARIABLES[0]),
        ("not base64!", "", VARIABLES[0]),
        (ZERO, "AAAA", VARIABLES[1]),
    ] {
        let error = MasterKeys::parse(current, previous, VARIABLES).unwrap_err();
        assert!(matches!(&error, KeyError::InvalidKey { location } if location == variable));
    }
}

#[test]
fn an_id_identifies_a_key_and_reveals_nothing_of_it() {
    let keys = MasterKeys::parse(ZERO, HIGH, VARIABLES).unwrap();
    let (zero, high) = (keys.current(), &keys.previous()[0]);
    assert_eq!(zero.id(), MasterKey::new([0; 32]).id());
    assert_ne!(zero.id(), high.id());
    assert_eq!(zero.id().len(), 8);
    let printed = format!("{keys:?}");
    assert!(
        printed.contains(zero.id()) && !printed.contains("0, 0"),
        "{printed}"
    );
}

#[test]
fn the_file_is_created_once_and_read_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/master.key");
    let created = MasterKeys::from_file(&path).unwrap();
    assert_eq!(
        MasterKeys::from_file(&path).unwrap().current().secret(),
        created.current().secret()
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let left: Vec<_> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .flatten()
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn processes_that_create_the_file_at_once_get_the_same_key() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let keys: HashSet<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| *MasterKeys::from_file(&path).unwrap().current().secret()))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(keys.len(), 1);
    }
}

#[test]
fn a_file_can_contain_previous_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    fs::write(&path, format!("# ours\n{HIGH}\n\n{ZERO}\n")).unwrap();
    let keys = MasterKeys::from_file(&path).unwrap();
    assert_eq!(keys.current().secret(), &[255; 32]);
    assert_eq!(keys.previous().len(), 1);
    fs::write(&path, format!("{HIGH}\nwrong\n")).unwrap();
    let error = MasterKeys::from_file(&path).unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
    fs::write(&path, "# nothing\n").unwrap();
    let error = MasterKeys::from_file(&path).unwrap_err().to_string();
    assert!(error.contains("no key"), "{error}");
}

//! Keys and signatures below were made with another implementation of minisign, of the content `the library`.
use super::*;

const KEY: &str = "RWRnCQnOOnh/5kyWkkwbf/5FBR3TCqRGEps5p84rvHhwAEQVuod3l/il";
const KEY_ID: &str = "E67F783ACE090967";
const OTHER: &str = "RWT+pKYKaJtg1PhzO3iW24imBHjpv+mpx1hxVoHDbQB0mKMiANePzSx0";
const SIGNED: &str = "\
untrusted comment: who knows
RURnCQnOOnh/5j5tcuDZ4YHjJzGAqm6Ca2X4XVO7Ellnt59bKUD+mhLFXe2hDAg1/WP+sy178NVB0appLwYKGnsVhm2i8Qa+WQY=
trusted comment: acme 1.0.0 for linux
+/6GFP6vB4kJaa6JkZjexTwu5zyZUXyQWwf50ODhUYqoUDGd7vBV3QJn25ZfkOxWYcfOrNlSKzujzPoT0tGxCA==
";
const SIGNED_BY_OTHER: &str = "\
untrusted comment: who knows
RUT+pKYKaJtg1C5SRZmBErA+96dueOwBephCEsIhiSzkz7FyADEALIwEIEHpwGhUW3bZBRReixdvk/ZW7wPBfqHmnCMuohtZIw4=
trusted comment: acme 1.0.0 for linux
xkqGvP5nZRhNSUYYb8EuNNDzUjWtydnQL57rRvY0Si1fiuHdiG10oZdSivTV4djBSDxftrakJoqI9FFr3p3hCw==
";
const SIGNED_THE_OLD_WAY: &str = "\
untrusted comment: who knows
RWRnCQnOOnh/5sXcxN0/Me8r/cGexVo5il1wnEX6KVd32QdV8eZXb17/BeBH5LMKU9bAf0MvvuxjwJbJByMa6fjAc4vDiqmLHQ8=
trusted comment: acme 1.0.0 for linux
pkUZXcv/eEAFi8PU3QTFhWLm34Rctle+yCEQq2fifE7YYskpzJYA3MNuiStarrnFE98Zr0Qh1qnONsPOAEnSBw==
";

fn keys(list: &[&str]) -> Keys {
    Keys::read(&list.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>()).unwrap()
}

#[test]
fn signature_of_a_trusted_key_says_who_and_what() {
    let signer = Signer { key: KEY_ID.to_owned(), comment: "acme 1.0.0 for linux".to_owned() };
    assert_eq!(keys(&[OTHER, KEY]).check(SIGNED, b"the library"), Ok(signer));
}

#[test]
fn every_other_signature_is_told_apart() {
    let forged_comment = SIGNED.replace("acme 1.0.0", "acme 9.0.0");
    // The key's id is not signed: a forger may write that of a trusted key.
    let forged_id = {
        let trusted = SIGNED.lines().nth(1).unwrap();
        let other = SIGNED_BY_OTHER.lines().nth(1).unwrap();
        SIGNED_BY_OTHER.replace(other, &format!("{}{}", &trusted[..14], &other[14..]))
    };
    for (text, content, code) in [
        (SIGNED, &b"the library."[..], "bad-signature"),
        (SIGNED, b"", "bad-signature"),
        (&forged_comment, b"the library", "bad-signature"),
        (&forged_id, b"the library", "bad-signature"),
        (SIGNED_BY_OTHER, b"the library", "other-key"),
        (SIGNED_THE_OLD_WAY, b"the library", "old-signature"),
        ("", b"the library", "bad-signature"),
        ("untrusted comment: x\nAAAA\ntrusted comment: y\nAAAA\n", b"the library", "bad-signature"),
    ] {
        let refused = keys(&[KEY]).check(text, content).unwrap_err();
        assert_eq!(refused.code(), code, "{text}");
    }
    assert_eq!(Keys::default().check(SIGNED, b"the library").unwrap_err().code(), "other-key");
}

#[test]
fn keys_are_texts_or_files() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("acme.pub");
    fs::write(&file, format!("untrusted comment: minisign public key {KEY_ID}\n{KEY}\n")).unwrap();
    let of_file = keys(&[file.to_str().unwrap()]);
    assert!(of_file.check(SIGNED, b"the library").is_ok());
    for (key, why) in [
        ("none.pub", "cannot be read: "),
        ("RWQAAAA", "is no minisign public key; give a minisign public key or its .pub file"),
        ("", "is no minisign public key"),
    ] {
        let told = Keys::read(&[key.to_owned()]).unwrap_err();
        assert!(told.starts_with("plugins.trusted_keys: ") && told.contains(why), "{told}");
    }
}

#[test]
fn signature_beside_a_file_is_found_bounded_and_no_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let library = dir.path().join("liba.so");
    let of = |keys: &Keys| check(&library, b"the library", keys);
    assert_eq!(of(&keys(&[KEY])), Ok(None));
    fs::write(place(&library), SIGNED).unwrap();
    assert_eq!(of(&keys(&[KEY])).unwrap().unwrap().key, KEY_ID);
    assert_eq!(of(&Keys::default()), Ok(None), "without keys nothing is asked");
    fs::write(place(&library), " ".repeat(20_000)).unwrap();
    assert_eq!(
        of(&keys(&[KEY])).unwrap_err().to_string(),
        "its signature does not hold: its file is too large"
    );
    fs::remove_file(place(&library)).unwrap();
    fs::create_dir(place(&library)).unwrap();
    assert_eq!(of(&keys(&[KEY])).unwrap_err().code(), "bad-signature");
}

#[test]
fn id_of_a_key_is_as_minisign_prints_it() {
    // From the documentation of minisign-verify, where the key's own comment has it.
    let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    assert_eq!(id_in(key).as_deref(), Some("E7620F1842B4E81F"));
}

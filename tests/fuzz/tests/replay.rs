//! Every corpus and every input that once broke something, through its target: needs no fuzzer.
use std::fs;
use std::path::Path;

#[test]
fn corpora_break_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for target in fuzz::TARGETS {
        let folder = root.join(target.name);
        let files = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut n_files = 0;
        for file in files {
            let path = file.expect("an entry").path();
            let data = fs::read(&path).expect("a file");
            let ran = std::panic::catch_unwind(|| (target.run)(&data));
            assert!(ran.is_ok(), "{} breaks {}", path.display(), target.name);
            n_files += 1;
        }
        assert!(n_files >= 3, "{} has {n_files} inputs", target.name);
    }
}

/// Not only what is in the corpora: every beginning of each input, and each byte changed.
#[test]
fn neighbours_of_the_corpora_break_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for target in fuzz::TARGETS {
        for file in fs::read_dir(root.join(target.name)).expect("a corpus") {
            let data = fs::read(file.expect("an entry").path()).expect("a file");
            for at in 0..data.len().min(400) {
                (target.run)(&data[..at]);
                let mut other = data.clone();
                other[at] ^= 0x15;
                (target.run)(&other);
            }
        }
    }
}

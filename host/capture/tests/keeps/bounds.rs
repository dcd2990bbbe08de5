use crate::kit::{Word, bytes, kept, request, rules, standing, turn};
use capture::files::list;
use capture::rules::Rules;
use capture::tape::Tapes;
use events::wire::{End, Piece, Wires};
use std::sync::Arc;

#[test]
fn turns_come_back_as_they_were_and_without_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("a/b");
    let tapes = Tapes::start(Rules { masks: Arc::new(Word("a-secret-of-the-host")), ..rules(&place) })
        .expect("a thread");
    turn(&tapes, &["one", "two a-sec", "ret-of-the-", "host", " three"]);
    let kept = kept(&tapes, &place);
    let [turn] = &kept[..] else { panic!("{kept:?}") };
    assert!(turn.is_whole());
    assert_eq!(String::from_utf8(turn.bytes()).expect("text"), format!("onetwo {} three", "*".repeat(20)));
    let sizes = |pieces: &[capture::record::Piece]| pieces.iter().map(|p| p.data.0.len()).collect::<Vec<_>>();
    assert_eq!((sizes(&turn.sent), sizes(&turn.asks[&0].came)), (vec![3, 9, 11, 4, 6], vec![3, 9, 11, 4, 6]));
    let text = String::from_utf8(bytes(&place)).expect("text");
    for secret in ["the-clients-key", "the-hosts-key", "me:pw", "a-secret-of-the-host", "a-sec"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| path.metadata().expect("data").permissions().mode() & 0o777;
        assert_eq!((mode(&place), mode(&list(&place)[0])), (0o700, 0o600));
    }
}

#[test]
fn files_stay_within_their_bounds() {
    let folder = tempfile::tempdir().expect("a folder");
    let bounds = Rules { file_bytes: 64 << 10, total_bytes: 200 << 10, files: 4, ..rules(folder.path()) };
    let tapes = Tapes::start(bounds).expect("a thread");
    let piece = "x".repeat(1000);
    for _ in 0..400 {
        turn(&tapes, &[&piece, &piece]);
    }
    let kept = kept(&tapes, folder.path());
    let sizes: Vec<u64> =
        list(folder.path()).iter().map(|path| path.metadata().expect("data").len()).collect();
    assert!(sizes.len() <= 4 && sizes.iter().all(|size| *size <= 64 << 10), "{sizes:?}");
    assert!(sizes.iter().sum::<u64>() <= 200 << 10, "{sizes:?}");
    // What is kept is the newest, and whole.
    assert_eq!(kept.last().expect("turns").request.turn, 400);
    assert!(kept.len() > 20 && kept.iter().all(capture::turn::Turn::is_whole), "{}", kept.len());
}

#[test]
fn a_turn_that_is_too_large_is_cut_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let tapes = Tapes::start(Rules { file_bytes: 64 << 10, ..rules(folder.path()) }).expect("a thread");
    let piece = "x".repeat(10_000);
    turn(&tapes, &[&*piece; 10]);
    turn(&tapes, &["small"]);
    let kept = kept(&tapes, folder.path());
    assert_eq!(
        kept.iter().map(|turn| (turn.has_gap, turn.is_whole())).collect::<Vec<_>>(),
        [(true, false), (false, true)]
    );
    assert_eq!(standing(&tapes).cut, 1);
}

#[test]
fn a_full_queue_costs_the_turn_in_the_capture_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let tapes = Tapes::start(Rules { queue_bytes: 64 << 10, ..rules(folder.path()) }).expect("a thread");
    // More than the queue holds: whatever the thread does meanwhile.
    turn(&tapes, &[&"x".repeat(70_000)]);
    let kept = kept(&tapes, folder.path());
    assert_eq!(kept.iter().map(|turn| turn.has_gap).collect::<Vec<_>>(), [true]);
    assert_eq!((standing(&tapes).cut, standing(&tapes).waiting), (1, 0));
}

#[test]
fn a_folder_that_cannot_be_written_hurts_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("file");
    std::fs::write(&place, "no folder").expect("a file");
    let tapes = Tapes::start(rules(&place)).expect("a thread");
    turn(&tapes, &["x"]);
    assert!(kept(&tapes, &place).is_empty());
    let standing = standing(&tapes);
    assert_eq!((standing.turns, standing.cut, standing.failures), (1, 1, 1));
}

#[test]
fn only_named_sessions_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    for (sessions, n) in [(vec!["lip-1"], 1), (vec!["other", "mine"], 1), (vec!["other"], 0)] {
        let place = folder.path().join(sessions.join("-"));
        let sessions = sessions.into_iter().map(str::to_owned).collect();
        let tapes = Tapes::start(Rules { sessions, ..rules(&place) }).expect("a thread");
        turn(&tapes, &["x"]);
        // One that was refused before anybody knew its session.
        let wire = tapes.wire().expect("a wire");
        request(&*wire, "bad");
        wire.tell(Piece::Over(&End::Whole));
        let kept = kept(&tapes, &place);
        assert_eq!((kept.len(), kept.iter().all(capture::turn::Turn::is_whole)), (n, true));
    }
}

#[test]
fn a_request_that_was_not_let_in_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let tapes = Tapes::start(rules(folder.path())).expect("a thread");
    let wire = tapes.wire().expect("a wire");
    wire.tell(Piece::Answer(401, &http::HeaderMap::new()));
    wire.tell(Piece::Over(&End::Whole));
    assert!(kept(&tapes, folder.path()).is_empty());
    assert!(list(folder.path()).is_empty());
}

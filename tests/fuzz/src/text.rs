//! What people type: selectors and commands.
use commands::{Syntax, scan};
use routing::selector::Selector;

/// What is read can be written and read again; a mistake is inside the text.
pub(crate) fn selector(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Selector::parse(text) {
        Ok(parsed) => {
            let shown = parsed.selector.to_string();
            let again =
                Selector::parse(&shown).unwrap_or_else(|e| panic!("{text:?} shows as {shown:?}: {e}"));
            assert_eq!(parsed.selector, again.selector, "{text:?} shows as {shown:?}");
        }
        Err(error) => {
            assert!(text.is_char_boundary(error.at), "{text:?}: {error}");
            assert_eq!(error.caret().lines().count(), 2, "{text:?}");
        }
    }
}

/// Cuts lie on characters, in order; what is left holds no command any more that was found.
pub(crate) fn commands(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parts: Vec<&str> = text.split('\0').collect();
    for strict in [false, true] {
        let syntax = Syntax { prefix: "!/", strict };
        let found = scan(&parts, &syntax);
        for cut in &found.cuts {
            assert!(parts[cut.part].get(cut.span.clone()).is_some(), "{parts:?}: {cut:?}");
        }
        for call in &found.calls {
            let spelled = parts[call.part].get(call.span.clone()).expect("on characters");
            assert!(spelled.starts_with("!/"), "{parts:?}: {spelled:?}");
            let is_cut =
                |at: usize| found.cuts.iter().any(|cut| cut.part == call.part && cut.span.contains(&at));
            assert!(
                is_cut(call.span.start) && is_cut(call.span.end - 1),
                "{parts:?}: {spelled:?} is not cut"
            );
        }
        for (part, text) in parts.iter().enumerate() {
            let rest = found.remainder(part, text).unwrap_or_default();
            assert!(rest.len() <= text.len());
        }
        assert!(!found.is_command_only || !found.calls.is_empty());
    }
}

/// Any bytes are a capture file or a sentence; its turns can be put together, and what they sent is in the file.
pub fn capture(data: &[u8]) {
    match ::capture::read::read(data) {
        Ok(contents) => {
            for turn in ::capture::turn::turns(&contents) {
                assert!(turn.bytes().len() <= data.len(), "more was sent than the file holds");
            }
        }
        Err(sentence) => assert!(!sentence.is_empty()),
    }
}

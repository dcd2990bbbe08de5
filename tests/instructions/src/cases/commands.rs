//! Commands found in what a user wrote.
use super::code;
use crate::case::Case;
use crate::translation::LARGE_BYTES;
use commands::{Syntax, scan};
use std::hint::black_box;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("commands 200 KB without", String::new(), 0),
        case("commands 200 KB with what looks like one", "see a!/b\n".to_owned(), 0),
        case("commands 200 KB with one", "!/backend(openai)\n".to_owned(), 1),
    ]
}

/// 200 KB of code behind these words, in which there are so many commands.
fn case(name: &str, words: String, n_calls: usize) -> Case {
    Case::new(name, move || {
        let text = words + &code(LARGE_BYTES);
        move || {
            let found = scan(&[black_box(&text)], &Syntax::default());
            assert_eq!(found.calls.len(), n_calls, "commands of these words");
            drop(black_box(found));
        }
    })
}

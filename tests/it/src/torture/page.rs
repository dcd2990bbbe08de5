//! The page for authors says of every rogue what the stories see.
use super::rogues::{CONTAINED, DEADLY, ENDLESS, Fate, HARMFUL};
use std::collections::BTreeMap;

fn words(fate: Fate) -> String {
    match fate {
        Fate::Answers(_) => "answered".to_owned(),
        Fate::Fails(code) => format!("error `{code}`"),
        Fate::Refused => "error".to_owned(),
        Fate::Cut => "error in the stream".to_owned(),
        Fate::Nothing => "nothing".to_owned(),
        Fate::EndsHost => "**the host ends**".to_owned(),
        Fate::Holds(code) => format!("holds a thread; others: error `{code}`"),
        Fate::Harms(what) => format!("**harm: {what}**"),
    }
}

#[test]
fn page_says_what_becomes_of_every_rogue() {
    let page = std::fs::read_to_string("../../docs/plugin-author/cages.md").expect("the page");
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, _, inproc, child] = cells[..] else { panic!("four cells: {line}") };
        (name.trim_matches('`').to_owned(), [inproc.to_owned(), child.to_owned()])
    };
    let told: BTreeMap<_, _> = page.lines().filter(|line| line.starts_with("| `")).map(row).collect();
    let all = [CONTAINED, ENDLESS, DEADLY, HARMFUL].concat();
    let seen = all.iter().map(|one| (one.name.to_owned(), [words(one.inproc), words(one.child)]));
    assert_eq!(told, seen.collect());
}

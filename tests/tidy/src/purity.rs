//! Rule: pure rooms hold no IO, clock, randomness or runtime. Time and random numbers are arguments there.
use crate::levels;
use crate::mask::{self, Keep};
use crate::metadata;
use crate::repo::{self, Report};
use crate::table;
use crate::test_modules::TestModules;

/// Pure room (folder) and the outside crates it may use.
fn pure_rooms() -> Vec<(String, Vec<String>)> {
    table::rows(&repo::page(levels::PAGE), &["pure room", "outside crates"])
        .into_iter()
        .map(|row| (row[0].clone(), table::names(&row[1])))
        .collect()
}

#[test]
fn the_five_pure_rooms_are_listed() {
    let listed: Vec<String> = pure_rooms().into_iter().map(|(room, _)| room).collect();
    for room in ["plugin-api/lip-wire", "host/settings", "host/commands", "host/sessions", "host/routing"] {
        assert!(
            listed.iter().any(|l| l == room),
            "{room} is pure and must stand in docs/ARCHITECTURE.md, Pure rooms"
        );
    }
}

#[test]
fn pure_rooms_use_listed_crates_only() {
    let mut report =
        Report::new("a pure room uses only the outside crates of its row: docs/ARCHITECTURE.md, Pure rooms");
    let members = metadata::members();
    for (room, allowed) in pure_rooms() {
        for member in members.iter().filter(|member| member.room == room) {
            for need in
                member.needs.iter().filter(|need| !need.ours && !need.dev && !allowed.contains(&need.name))
            {
                report.note(
                    &room,
                    format!("depends on {}; no IO, clock, randomness or runtime here", need.name),
                );
            }
        }
    }
    report.done();
}

#[test]
fn pure_rooms_touch_no_world() {
    let mut report = Report::new(
        "pure rooms hold no IO, clock or randomness; `now` and random numbers are arguments: docs/ARCHITECTURE.md, Pure rooms",
    );
    let rooms = pure_rooms();
    let tests = TestModules::read();
    for file in repo::rust_files() {
        let Some((room, _)) = rooms.iter().find(|(room, _)| repo::inside(&file, room)) else {
            continue;
        };
        let test_only = file.contains("/tests/") || file.contains("/benches/") || tests.contain(&file);
        if !repo::inside(&file, &format!("{room}/src")) || test_only {
            continue;
        }
        let code = mask::product(&repo::page(&file), Keep::Code);
        for (at, what) in worldly(&code) {
            report.note(format!("{file}:{}", mask::line_of(&code, at)), what);
        }
    }
    report.done();
}

/// Positions in `code` that reach for the world, with the way out.
fn worldly(code: &str) -> Vec<(usize, String)> {
    const BANNED: [(&str, &str); 12] = [
        ("std::fs", "files belong to an edge room"),
        ("std::net", "sockets belong to an edge room; address types are in core::net"),
        ("std::env", "the environment is read by `lip` and passed in"),
        ("std::process", "processes belong to an edge room"),
        ("std::thread", "threads belong to an edge room"),
        ("Instant::now", "take `now` as an argument"),
        ("SystemTime::now", "take `now` as an argument"),
        ("tokio::", "no runtime in a pure room"),
        ("rand::", "take random numbers as an argument"),
        ("RandomState::new", "take random numbers as an argument"),
        ("println!", "return what is to be said"),
        ("eprintln!", "return what is to be said"),
    ];
    let mut found: Vec<(usize, String)> = BANNED
        .iter()
        .flat_map(|(word, way)| mask::words(code, word).map(move |at| (at, format!("{word}: {way}"))))
        .collect();
    // `use std::{fs, …}` hides the same names behind a brace.
    for (at, _) in code.match_indices("std::{") {
        let group = &code[at..at + code[at..].find(';').unwrap_or(code.len() - at)];
        for name in ["fs", "net", "env", "process", "thread"] {
            if mask::words(group, name).next().is_some() {
                found.push((at, format!("std::{name} in a group import")));
            }
        }
    }
    found
}

#[test]
fn worldly_sees_plain_and_grouped_paths() {
    let hits = |code: &str| worldly(code).len();
    assert_eq!(hits("use std::fs;"), 1);
    assert_eq!(hits("use std::{collections::HashMap, env, process::Command};"), 2);
    assert_eq!(hits("let t = Instant::now();"), 1);
    assert_eq!(hits("use std::{fmt, time::Instant}; fn f(now: Instant) {} use core::net::IpAddr;"), 0);
}

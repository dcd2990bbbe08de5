//! Rule: a room imports what its row of the level table names, and nothing above itself.
use crate::levels::{self, Room, State};
use crate::metadata::{self, Member};
use crate::repo::{self, Report};
use crate::table;

fn row<'a>(rooms: &'a [Room], member: &Member) -> Option<&'a Room> {
    rooms.iter().find(|room| room.covers(&member.room))
}

#[test]
fn every_crate_stands_in_the_level_table() {
    let mut report = Report::new("every crate of the workspace has a row in docs/ARCHITECTURE.md, Levels");
    let rooms = levels::rooms();
    for member in metadata::members() {
        match row(&rooms, &member).map(|room| &room.state) {
            None => report.note(&member.room, "no row; add one with its level and imports"),
            Some(State::Planned(theme)) => report
                .note(&member.room, format!("exists, yet its row says `planned: {theme}`; write `here`")),
            Some(State::Here) => {}
        }
    }
    report.done();
}

#[test]
fn every_room_of_the_table_exists() {
    let mut report =
        Report::new("a row marked `here` is a crate of the workspace: docs/ARCHITECTURE.md, Levels");
    let members = metadata::members();
    for room in levels::rooms().iter().filter(|room| room.state == State::Here) {
        if !members.iter().any(|member| room.covers(&member.room)) {
            report.note(&room.path, "no crate there; build it, or mark the row `planned: theme`");
        }
    }
    report.done();
}

#[test]
fn imports_follow_the_level_table() {
    let mut report = Report::new("a room imports only what its row names: docs/ARCHITECTURE.md, Levels");
    let rooms = levels::rooms();
    for member in metadata::members() {
        let Some(room) = row(&rooms, &member) else {
            continue;
        };
        for need in member.needs.iter().filter(|need| need.ours) {
            let allowed =
                room.imports.contains(&need.name) || (need.dev && room.in_tests.contains(&need.name));
            if !allowed {
                let how = if need.dev { "may not import (in tests)" } else { "may not import" };
                report.note(
                    &member.room,
                    format!("{} {how} {}; its row allows {:?}", member.name, need.name, room.imports),
                );
            }
        }
    }
    report.done();
}

#[test]
fn level_table_points_downwards() {
    let mut report = Report::new("the level table allows lower levels only: docs/ARCHITECTURE.md, Levels");
    let rooms = levels::rooms();
    for room in &rooms {
        for name in &room.imports {
            match rooms.iter().find(|other| other.name() == name) {
                None => report.note(&room.path, format!("names `{name}`, which has no row")),
                Some(other) if other.level >= room.level => {
                    report.note(
                        &room.path,
                        format!("level {} names {name} of level {}", room.level, other.level),
                    );
                }
                Some(_) => {}
            }
        }
    }
    report.done();
}

#[test]
fn crates_are_named_after_their_folder() {
    let mut report = Report::new(
        "host and tests: bare folder name; plugin-api: lip-*; plugins: lip-<folder>: docs/STYLE.md, Names",
    );
    for member in metadata::members() {
        let folder = member.room.rsplit('/').next().unwrap_or_default().to_owned();
        let wanted = if member.room.starts_with("plugins/") { format!("lip-{folder}") } else { folder };
        if member.name != wanted {
            report.note(&member.room, format!("package is called {}, should be {wanted}", member.name));
        }
        if member.room.starts_with("plugin-api/") && !member.name.starts_with("lip-") {
            report.note(&member.room, "a public crate starts with lip-");
        }
    }
    report.done();
}

#[test]
fn outside_crates_have_one_home() {
    let mut report = Report::new("these outside crates have one home: docs/ARCHITECTURE.md, One home each");
    let homes = table::rows(&repo::page(levels::PAGE), &["outside crate", "home", "why there"]);
    for member in metadata::members() {
        for need in member.needs.iter().filter(|need| !need.ours && !need.dev) {
            let Some(home) = homes.iter().find(|home| home[0] == need.name) else {
                continue;
            };
            let name = member.room.rsplit('/').next().unwrap_or_default().to_owned();
            if !table::names(&home[1]).contains(&name) && !member.room.starts_with("tests/") {
                report.note(&member.room, format!("imports {}, whose home is {}", need.name, home[1]));
            }
        }
    }
    report.done();
}

#[test]
fn product_crates_take_the_workspace_lints() {
    let mut report = Report::new("product crates say `[lints] workspace = true`: docs/STYLE.md, Lints");
    let product = ["host/", "plugin-api/", "plugins/"];
    // Where `unsafe` may live, cargo wants the whole table spelled out; then these must be in it.
    let own_table = ["plugin-api/lip-abi", "plugin-api/lip-plugin", "host/loader"];
    let denied = ["unwrap_used", "expect_used", "panic", "undocumented_unsafe_blocks"];
    for member in metadata::members().iter().filter(|m| product.iter().any(|p| m.room.starts_with(p))) {
        let flat = repo::page(&format!("{}/Cargo.toml", member.room)).replace(' ', "");
        let spelled = own_table.contains(&member.room.as_str())
            && denied.iter().all(|lint| flat.contains(&format!("\n{lint}=\"deny\"")));
        if !spelled && !flat.contains("[lints]\nworkspace=true") {
            report.note(&member.room, "Cargo.toml lacks the two lines");
        }
    }
    report.done();
}

//! The level table of `docs/ARCHITECTURE.md`: which room stands where, and whom it may import.
use crate::{repo, table};

/// Page that holds the table.
pub(crate) const PAGE: &str = "docs/ARCHITECTURE.md";

/// Whether the room is in the tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// A crate of the workspace.
    Here,
    /// Named, not built; the text says by which theme.
    Planned(String),
}

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    /// Height: a room imports lower levels only.
    pub(crate) level: u8,
    /// Folder; `plugins/*` stands for all of them.
    pub(crate) path: String,
    /// Rooms it may import, `lower` spelled out.
    pub(crate) imports: Vec<String>,
    /// Rooms that its tests may import as well.
    pub(crate) in_tests: Vec<String>,
    /// Whether it exists.
    pub(crate) state: State,
}

impl Room {
    /// Last part of the folder, which is the crate's name except in plugins.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Whether a crate in `folder` is described by this row.
    pub(crate) fn covers(&self, folder: &str) -> bool {
        match self.path.strip_suffix("/*") {
            Some(parent) => repo::inside(folder, parent),
            None => self.path == folder,
        }
    }
}

/// The table as it stands in the page.
pub(crate) fn rooms() -> Vec<Room> {
    parse(&repo::page(PAGE))
}

fn parse(page: &str) -> Vec<Room> {
    let rows = table::rows(page, &["level", "room", "may import", "in tests also", "state"]);
    let mut rooms: Vec<Room> = rows.iter().map(|row| room(row)).collect();
    // `lower`: every lower room but the plugins and what only plugins import.
    let all: Vec<(u8, String)> = rooms.iter().map(|room| (room.level, room.path.clone())).collect();
    for room in &mut rooms {
        if let Some(at) = room.imports.iter().position(|name| name == "lower") {
            room.imports.remove(at);
            let below = all.iter().filter(|(level, path)| *level < room.level && shared(path));
            room.imports
                .extend(below.map(|(_, path)| path.rsplit('/').next().unwrap_or_default().to_owned()));
        }
    }
    rooms
}

fn shared(path: &str) -> bool {
    path.starts_with("host/") || ["plugin-api/lip-abi", "plugin-api/lip-wire", "tests/stage"].contains(&path)
}

fn room(row: &[String]) -> Room {
    let [level, path, imports, in_tests, state] = row else {
        panic!("{PAGE}: a level row needs five cells: {row:?}")
    };
    Room {
        level: level.parse().unwrap_or_else(|_| panic!("{PAGE}: `{level}` is no level")),
        path: path.clone(),
        imports: table::names(imports),
        in_tests: table::names(in_tests),
        state: match state.strip_prefix("planned: ") {
            Some(theme) => State::Planned(theme.to_owned()),
            None if state == "here" => State::Here,
            None => panic!("{PAGE}: state of {path} is `here` or `planned: theme`, not `{state}`"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_is_spelled_out() {
        let page = "| level | room | may import | in tests also | state |\n|--|--|--|--|--|\n\
            | 0 | `host/base` | – | – | here |\n| 1 | `plugins/*` | lip-plugin | lip-testkit | here |\n\
            | 4 | `host/engine` | lower | stage | planned: later |\n";
        let rooms = parse(page);
        assert_eq!(rooms[2].imports, ["base"]);
        assert_eq!(rooms[2].in_tests, ["stage"]);
        assert_eq!(rooms[2].state, State::Planned("later".into()));
        assert!(rooms[1].covers("plugins/echo") && !rooms[1].covers("host/echo"));
        assert_eq!(rooms[0].name(), "base");
    }
}

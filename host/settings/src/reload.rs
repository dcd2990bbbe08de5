//! What of a new configuration a host that runs can take up. Compares; reads nothing.
use crate::{
    clients,
    libraries::{LIBRARY_TABLE, Library},
    resolve::Resolved,
    row::Applies,
    table::TABLE,
};

impl Resolved {
    /// The keys of the settings whose values are others than in `old`, but for those of backends.
    pub fn changed_from(&self, old: &Self) -> Vec<&'static str> {
        let rows = TABLE.iter().filter(|row| !(row.is_same)(&self.values, &old.values));
        let named = (!is_same_clients(self, old)).then_some(clients::BASE);
        rows.map(|row| row.setting.key).chain(named).collect()
    }

    /// Gives every setting that a running host cannot change the value that it `started` with. Returns the keys of those which
    /// were to have another one.
    pub fn keep_started(&mut self, started: &Self) -> Vec<String> {
        let mut kept = Vec::new();
        for row in TABLE.iter().filter(|row| row.setting.applies == Applies::AtStart) {
            if !(row.is_same)(&self.values, &started.values) {
                kept.push(row.setting.key.to_owned());
                (row.take)(&mut self.values, &started.values);
            }
        }
        let names = self.libraries.iter().chain(&started.libraries).map(|library| &library.name);
        let mut names: Vec<&String> = names.filter(|name| !is_same_library(self, started, name)).collect();
        names.sort();
        names.dedup();
        kept.extend(names.into_iter().map(|name| format!("plugins.library.{name}")));
        self.libraries.clone_from(&started.libraries);
        kept
    }
}

fn is_same_clients(new: &Resolved, old: &Resolved) -> bool {
    let fields = |all: &Resolved| -> Vec<_> {
        all.clients.iter().map(|key| (key.name.clone(), key.fields())).collect()
    };
    fields(new) == fields(old)
}

fn is_same_library(new: &Resolved, old: &Resolved, name: &str) -> bool {
    let find = |all: &Resolved| -> Option<Library> { all.libraries.iter().find(|l| l.name == name).cloned() };
    match (find(new), find(old)) {
        (Some(new), Some(old)) => LIBRARY_TABLE.iter().all(|row| (row.is_same)(&new.values, &old.values)),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::{CliOverrides, Env, File, Format, Resolved, resolve};

    fn of(text: &str) -> Resolved {
        let file = File { name: "lip.toml", format: Format::Toml, text };
        resolve(Some(&file), &Env::default(), &CliOverrides::default()).expect("settings")
    }

    #[test]
    fn what_needs_a_restart_stays_and_the_rest_is_new() {
        let started = of("port = 9000\n[timeouts]\ntotal = 60\n[plugins.library.a]\nstep = 3\n");
        let mut new = of("port = 9001\nstatic_route = \"a:b\"\n[timeouts]\ntotal = 61\n");
        assert_eq!(new.changed_from(&started), ["port", "timeouts.total", "static_route"]);
        assert_eq!(new.keep_started(&started), ["port", "plugins.library.a"]);
        assert_eq!((new.port(), new.total_timeout().as_secs(), new.static_route()), (9000, 61, Some("a:b")));
        assert_eq!(new.library("a").step().as_secs(), 3);
        assert!(of("port = 9000").changed_from(&of("port=9000")).is_empty());
    }
}

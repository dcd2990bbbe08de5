//! Says which library owns which connector id. Pure: knows no files but their names.
use crate::manifest::ConnectorManifest;
use crate::plugin::Plugin;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A claim that was not granted. `Display` is one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Conflict {
    /// Two libraries claim one id.
    Claimed {
        /// The connector.
        id: String,
        /// The library that has it.
        kept: PathBuf,
        /// The library that does not get it.
        refused: PathBuf,
        /// Is the owner the one of the bundled set?
        bundled: bool,
    },
    /// The config names a library for an id, but it is not loaded or has no such connector.
    OverrideMissing {
        /// The connector.
        id: String,
        /// The file that the config names.
        file: String,
    },
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claimed { id, kept, refused, bundled } => {
                let (kept, refused) = (kept.display(), refused.display());
                let whose = if *bundled { "the bundled " } else { "" };
                write!(f, "connector \"{id}\" of {refused} is not used: it belongs to {whose}{kept}; ")?;
                write!(f, "to use it, set backends.{id}.plugin to that file, or give it another id")
            }
            Self::OverrideMissing { id, file } => write!(
                f,
                "backends.{id}.plugin names {file}, which is not loaded or has no connector \"{id}\"; \
                 correct the name, or remove the setting"
            ),
        }
    }
}

/// Who owns which connector id.
#[derive(Debug, Default)]
pub struct Registry {
    owners: BTreeMap<String, (Arc<Plugin>, Arc<ConnectorManifest>)>,
    conflicts: Vec<Conflict>,
}

impl Registry {
    /// Grants each id to the file that `overrides` names for it, else to the file in `bundled_dir` that claims it, else to
    /// the first that does. `overrides`: connector id → path or name of a file.
    pub fn build<'a>(
        plugins: impl IntoIterator<Item = &'a Arc<Plugin>>,
        bundled_dir: Option<&Path>,
        overrides: &BTreeMap<String, String>,
    ) -> Self {
        let offers: Vec<(&Arc<Plugin>, &Arc<ConnectorManifest>)> = plugins
            .into_iter()
            .flat_map(|plugin| plugin.manifest().connectors.iter().map(move |connector| (plugin, connector)))
            .collect();
        let claims: Vec<Claim<'_>> =
            offers.iter().map(|(plugin, c)| Claim { id: &c.id, file: plugin.path() }).collect();
        let (granted, conflicts) = grant(&claims, bundled_dir, overrides);
        let owner = |at: usize| {
            let (plugin, connector) = offers.get(at)?;
            Some((connector.id.clone(), (Arc::clone(plugin), Arc::clone(connector))))
        };
        Self { owners: granted.into_iter().filter_map(owner).collect(), conflicts }
    }

    /// The library and the connector with this id.
    pub fn get(&self, id: &str) -> Option<(&Arc<Plugin>, &Arc<ConnectorManifest>)> {
        self.owners.get(id).map(|(plugin, connector)| (plugin, connector))
    }

    /// Every connector in the order of ids.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<Plugin>, &Arc<ConnectorManifest>)> {
        self.owners.values().map(|(plugin, connector)| (plugin, connector))
    }

    /// What was not granted.
    pub fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }
}

#[derive(Clone, Copy)]
struct Claim<'a> {
    id: &'a str,
    file: &'a Path,
}

/// Positions of the claims that are granted, and what is to be told of the others.
fn grant(
    claims: &[Claim<'_>],
    bundled_dir: Option<&Path>,
    overrides: &BTreeMap<String, String>,
) -> (Vec<usize>, Vec<Conflict>) {
    let mut granted = Vec::new();
    let mut conflicts = Vec::new();
    let is_bundled = |claim: &Claim<'_>| bundled_dir.is_some_and(|dir| claim.file.parent() == Some(dir));
    let ids: BTreeSet<&str> = claims.iter().map(|claim| claim.id).collect();
    for id in &ids {
        let of_id = || claims.iter().enumerate().filter(|(_, claim)| claim.id == *id);
        let winner = match overrides.get(*id) {
            Some(file) => of_id().find(|(_, claim)| is_named(claim.file, file)),
            None => of_id().find(|(_, claim)| is_bundled(claim)).or_else(|| of_id().next()),
        };
        // A missing override is told below; nothing else may take its place in silence.
        let Some((at, winner)) = winner else { continue };
        granted.push(at);
        if overrides.contains_key(*id) {
            continue;
        }
        conflicts.extend(of_id().filter(|(other, _)| *other != at).map(|(_, loser)| Conflict::Claimed {
            id: (*id).to_owned(),
            kept: winner.file.to_owned(),
            refused: loser.file.to_owned(),
            bundled: is_bundled(winner),
        }));
    }
    let found =
        |id: &str, file: &str| claims.iter().any(|claim| claim.id == id && is_named(claim.file, file));
    conflicts.extend(
        overrides
            .iter()
            .filter(|(id, file)| !found(id, file))
            .map(|(id, file)| Conflict::OverrideMissing { id: id.clone(), file: file.clone() }),
    );
    (granted, conflicts)
}

fn is_named(path: &Path, file: &str) -> bool {
    path == Path::new(file) || path.file_name().is_some_and(|name| name == file)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `claims` and `overrides` as `id@file` words; gives the granted ones, then the conflicts in short.
    fn check(claims: &str, overrides: &str, granted: &str, conflicts: &[&str]) {
        let pairs: Vec<(&str, &str)> =
            claims.split_whitespace().filter_map(|word| word.split_once('@')).collect();
        let claims: Vec<Claim<'_>> =
            pairs.iter().map(|(id, file)| Claim { id, file: Path::new(file) }).collect();
        let overrides = overrides.split_whitespace().filter_map(|word| word.split_once('@'));
        let overrides = overrides.map(|(id, file)| (id.to_owned(), file.to_owned())).collect();
        let (won, told) = grant(&claims, Some(Path::new("bundled")), &overrides);
        let won: Vec<String> =
            won.iter().map(|at| format!("{}@{}", claims[*at].id, claims[*at].file.display())).collect();
        assert_eq!(won.join(" "), granted);
        let short = |conflict: &Conflict| match conflict {
            Conflict::Claimed { id, refused, bundled, .. } => format!("{id}@{} {bundled}", refused.display()),
            Conflict::OverrideMissing { id, file } => format!("{id}@{file} missing"),
        };
        assert_eq!(told.iter().map(short).collect::<Vec<_>>(), conflicts);
    }

    #[test]
    fn ids_are_granted() {
        check("a@bundled/1.so b@user/2.so", "", "a@bundled/1.so b@user/2.so", &[]);
        check("a@user/1.so a@user/2.so", "", "a@user/1.so", &["a@user/2.so false"]);
        // The bundled file owns its ids even if another directory comes first.
        check("a@first/1.so a@bundled/2.so", "", "a@bundled/2.so", &["a@first/1.so true"]);
        check("a@bundled/1.so a@bundled/2.so", "", "a@bundled/1.so", &["a@bundled/2.so true"]);
        // A file below the bundled directory is not in it.
        check("a@user/1.so a@bundled/sub/2.so", "", "a@user/1.so", &["a@bundled/sub/2.so false"]);
    }

    #[test]
    fn config_overrides_the_bundled_owner() {
        check("a@bundled/1.so a@user/2.so", "a@2.so", "a@user/2.so", &[]);
        check("a@bundled/1.so a@user/2.so", "a@user/2.so", "a@user/2.so", &[]);
        check("a@bundled/1.so", "a@2.so", "", &["a@2.so missing"]);
        check("a@bundled/1.so", "z@1.so", "a@bundled/1.so", &["z@1.so missing"]);
        check("", "", "", &[]);
    }

    #[test]
    fn conflict_names_the_way_out() {
        let conflict = Conflict::Claimed {
            id: "a".into(),
            kept: "b/1.so".into(),
            refused: "u/2.so".into(),
            bundled: true,
        };
        assert_eq!(
            conflict.to_string(),
            "connector \"a\" of u/2.so is not used: it belongs to the bundled b/1.so; \
             to use it, set backends.a.plugin to that file, or give it another id"
        );
    }
}

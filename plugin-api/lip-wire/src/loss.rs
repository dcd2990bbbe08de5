//! What a translation could not carry over: said, never silent.
use std::fmt;

use crate::{Dialect, canon::Extensions};

/// More than a human reads; what comes after is only counted.
const LISTED_MAX: usize = 64;

/// One thing that a target dialect cannot express.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Where it stood, in canonical terms: `sampling.top_k`, `turns[2].parts[0].signature`.
    pub path: String,
    /// What became of it.
    pub kind: LossKind,
    /// Why, in a few words.
    pub why: &'static str,
}

/// What became of a thing that could not be carried over as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossKind {
    /// It is gone.
    Dropped,
    /// It is there in another form (clamped, moved, flattened to text).
    Changed,
}

/// The losses of one translation; an empty list allocates nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    listed: Vec<Loss>,
    unlisted: usize,
}

impl Losses {
    /// None.
    pub const fn new() -> Self {
        Self { listed: Vec::new(), unlisted: 0 }
    }

    /// Something is gone.
    pub fn dropped(&mut self, path: impl Into<String>, why: &'static str) {
        self.add(path, LossKind::Dropped, why);
    }

    /// Something is there in another form.
    pub fn changed(&mut self, path: impl Into<String>, why: &'static str) {
        self.add(path, LossKind::Changed, why);
    }

    /// Notes `path` as dropped if it was said.
    pub fn unless_absent<T>(&mut self, value: Option<&T>, path: impl fmt::Display, why: &'static str) {
        if value.is_some() {
            self.dropped(path.to_string(), why);
        }
    }

    /// Notes every field of dialects other than `target`. Names with `lip_` are a codec's own marks of how something was spelled: nobody misses these.
    pub fn foreign(&mut self, extensions: &Extensions, target: Dialect, path: impl fmt::Display) {
        for (dialect, fields) in extensions.iter().filter(|(d, _)| *d != target) {
            for (name, _) in fields.iter().filter(|(name, _)| !name.starts_with("lip_")) {
                self.dropped(format!("{path}extensions.{dialect}.{name}"), "field of another dialect");
            }
        }
    }

    /// The listed losses (at most 64).
    pub fn iter(&self) -> impl Iterator<Item = &Loss> {
        self.listed.iter()
    }

    /// How many there are, unlisted ones included.
    pub fn len(&self) -> usize {
        self.listed.len() + self.unlisted
    }

    /// Whether nothing was lost.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Adds the losses of another step.
    pub fn append(&mut self, other: Self) {
        self.unlisted += other.unlisted;
        for loss in other.listed {
            self.add(loss.path, loss.kind, loss.why);
        }
    }

    fn add(&mut self, path: impl Into<String>, kind: LossKind, why: &'static str) {
        // Formatting a path costs; past the cap only the count matters, and a stream repeats the same loss per delta.
        if self.listed.len() >= LISTED_MAX {
            self.unlisted += 1;
            return;
        }
        let loss = Loss { path: path.into(), kind, why };
        if self.listed.last() != Some(&loss) {
            self.listed.push(loss);
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            LossKind::Dropped => "dropped",
            LossKind::Changed => "changed",
        };
        write!(f, "{} {kind}: {}", self.path, self.why)
    }
}

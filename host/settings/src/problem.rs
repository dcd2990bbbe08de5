//! Where a value came from, and what is wrong with it. Knows no setting.
use std::{fmt, sync::Arc};

use crate::tree::Pos;

/// Where a value came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    #[default]
    Default,
    /// The configuration file.
    File {
        /// The file's name as the caller gave it.
        name: Arc<str>,
        /// The position of the key.
        at: Pos,
    },
    /// An environment variable (or several, joined by `, `).
    Env(String),
    /// A command-line flag, with its dashes.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, at } => write!(f, "{name}:{}:{}", at.line, at.column),
            Self::Env(name) => write!(f, "environment {name}"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The host does not start.
    Error,
    /// The host starts without what was asked for.
    Warning,
}

/// One thing that is wrong with the configuration. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands.
    pub source: Source,
    /// The path of the key, empty when the whole file is meant.
    pub key: String,
    /// What is wrong: what was expected, what was found.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    /// `file:line:column: key: message`, and the hint on a line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.source != Source::Default {
            write!(f, "{}: ", self.source)?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Why a configuration was refused: every error, not just the first, and the warnings beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The errors; never empty.
    pub errors: Vec<Problem>,
    /// The warnings.
    pub warnings: Vec<Problem>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (idx, problem) in self.errors.iter().enumerate() {
            let gap = if idx == 0 { "" } else { "\n" };
            write!(f, "{gap}error: {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

/// Collects problems on the way.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn push(
        &mut self,
        severity: Severity,
        source: &Source,
        key: impl Into<String>,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        // No report can be made endless by a hostile file.
        const PROBLEMS_MAX: usize = 200;
        if self.0.len() < PROBLEMS_MAX || severity == Severity::Error && self.is_clean() {
            let (key, message) = (key.into(), message.into());
            self.0.push(Problem { severity, source: source.clone(), key, message, hint });
        }
    }

    fn is_clean(&self) -> bool {
        self.0.iter().all(|problem| problem.severity == Severity::Warning)
    }

    /// The warnings, or the refusal if there is an error.
    pub(crate) fn verdict(self) -> Result<Vec<Problem>, Refused> {
        let clean = self.is_clean();
        let (errors, warnings) = self.0.into_iter().partition(|problem| problem.severity == Severity::Error);
        if clean { Ok(warnings) } else { Err(Refused { errors, warnings }) }
    }
}

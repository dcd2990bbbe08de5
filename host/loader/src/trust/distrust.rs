//! Why a library that could be loaded is not: nobody vouches for it.
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::PathBuf;

/// Why a library is not trusted. `Display` is the sentence without the remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", rename_all_fields = "snake_case")]
#[non_exhaustive]
pub enum Distrust {
    /// The lock file does not know it.
    #[error("it is not in the lock file {}", .lock.display())]
    NotLocked {
        /// The library's file name.
        file: String,
        /// The lock file.
        lock: PathBuf,
    },
    /// The lock file knows other content of this name.
    #[error("it has changed since it was locked")]
    Changed {
        /// The library's file name.
        file: String,
    },
    /// The lock file knows a later version.
    #[error("it is version {version} of {plugin}, older than the locked {locked}")]
    Older {
        /// The library's file name.
        file: String,
        /// The plugin.
        plugin: String,
        /// Its version.
        version: String,
        /// The version that is locked.
        locked: String,
    },
    /// The lock file cannot be used.
    #[error("the lock file {} cannot be used: {why}", .lock.display())]
    BadLock {
        /// The lock file.
        lock: PathBuf,
        /// The first thing that is wrong.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// A signature is required.
    #[error("it has no signature beside it ({file}.minisig)")]
    Unsigned {
        /// The library's file name.
        file: String,
    },
    /// The signature is of another content, or damaged.
    #[error("its signature does not hold: {why}")]
    BadSignature {
        /// What is wrong.
        why: String,
    },
    /// A signature by a key that is not trusted.
    #[error("it is signed by the key {key}, which is none of plugins.trusted_keys")]
    OtherKey {
        /// The key's id.
        key: String,
    },
    /// A signature of the kind that minisign made before version 0.10.
    #[error("its signature is of the old kind, over the file instead of its hash")]
    OldSignature,
    /// Many may replace it, and the host serves many users.
    #[error("{what} is writable by every member of its group (mode {mode:o})")]
    GroupWritable {
        /// `the file` or `its directory <path>`.
        what: String,
        /// Permission bits.
        mode: u32,
    },
    /// Somebody else may change it, and the host serves many users.
    #[error("{what} belongs to another user (id {uid})")]
    OtherOwner {
        /// `the file` or `its directory <path>`.
        what: String,
        /// Who.
        uid: u32,
    },
    /// Another file took its place while it was read.
    #[error("it was replaced while it was read")]
    Replaced,
}

impl Distrust {
    /// What to do about it.
    pub fn remedy(&self) -> Cow<'static, str> {
        match self {
            Self::NotLocked { file, .. } => {
                format!("look at it, then run lip plugin lock {file} to accept it").into()
            }
            Self::Changed { file } => {
                format!("if the change is meant, run lip plugin lock {file} to accept it").into()
            }
            Self::Older { file, .. } => {
                format!("take a newer build, or run lip plugin lock --older {file} to accept it").into()
            }
            Self::BadLock { remedy, .. } => remedy.clone().into(),
            Self::Unsigned { .. } => {
                "put its author's signature there, or unset plugins.require_signature".into()
            }
            Self::BadSignature { .. } => "get the file and its .minisig again, from their author".into(),
            Self::OtherKey { .. } => "add the key if you trust its owner, else take another build".into(),
            Self::OldSignature => "have it signed again, with minisign 0.10 or newer".into(),
            Self::GroupWritable { .. } => {
                "take the right away (chmod g-w), or run in single-user mode".into()
            }
            Self::OtherOwner { .. } => {
                "make it root's or that of the user who runs the host (chown), or run in single-user mode"
                    .into()
            }
            Self::Replaced => "wait until it is written, then load it again".into(),
        }
    }

    /// A stable code for machines, such as `not-locked`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotLocked { .. } => "not-locked",
            Self::Changed { .. } => "changed",
            Self::Older { .. } => "older",
            Self::BadLock { .. } => "bad-lock",
            Self::Unsigned { .. } => "unsigned",
            Self::BadSignature { .. } => "bad-signature",
            Self::OtherKey { .. } => "other-key",
            Self::OldSignature => "old-signature",
            Self::GroupWritable { .. } => "group-writable",
            Self::OtherOwner { .. } => "other-owner",
            Self::Replaced => "replaced",
        }
    }
}

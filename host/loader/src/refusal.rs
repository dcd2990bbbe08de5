//! Why a file is no plugin: each reason has a stable code, one sentence and a remedy.
use crate::generations::RETIRED_MAX;
use crate::trust::Distrust;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

/// Largest file that is read, in bytes.
pub const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Why a file was not loaded. `Display` is the sentence without the remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", rename_all_fields = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// The file cannot be opened or read.
    #[error("cannot be read: {why}")]
    Unreadable {
        /// What the system said.
        why: String,
    },
    /// Symbolic links that lead in a circle.
    #[error("its symbolic links lead in a circle")]
    LinkLoop,
    /// A symbolic link to nothing.
    #[error("it is a symbolic link to a file that does not exist")]
    DanglingLink,
    /// A folder with a library's name.
    #[error("it is a directory")]
    Directory,
    /// A pipe, socket or device.
    #[error("it is no regular file but a pipe, socket or device")]
    NotRegular,
    /// No bytes at all.
    #[error("the file is empty")]
    Empty,
    /// More bytes than [`FILE_BYTES_MAX`].
    #[error("the file has {bytes} bytes, more than {} MiB", FILE_BYTES_MAX >> 20)]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// Everybody may replace it, and the host serves many users.
    #[error("{what} is writable by every user of this machine (mode {mode:o})")]
    WorldWritable {
        /// `the file` or `its directory <path>`.
        what: String,
        /// Permission bits.
        mode: u32,
    },
    /// No object file of any kind.
    #[error("it is no shared library: its content is of another kind")]
    NotALibrary,
    /// An object file for another operating system.
    #[error("it is a library for {found}, this system loads those for {wanted}")]
    OtherSystem {
        /// What it is.
        found: String,
        /// What this host loads.
        wanted: String,
    },
    /// 32-bit code, or for another number of pointer bits.
    #[error("it is a {found}-bit library, this host is {wanted}-bit")]
    OtherWidth {
        /// Bits of its pointers.
        found: u32,
        /// Bits of the host's.
        wanted: u32,
    },
    /// Code for another processor.
    #[error("it is built for {found}, this host runs on {wanted}")]
    OtherProcessor {
        /// Its processor.
        found: String,
        /// The host's.
        wanted: String,
    },
    /// A program, an object file, a core dump.
    #[error("it is {found}, not a shared library")]
    OtherKind {
        /// What it is, with its article.
        found: String,
    },
    /// Headers that point outside the file.
    #[error("the file is cut short or damaged: {why}")]
    Damaged {
        /// The first thing that is wrong.
        why: String,
    },
    /// No stamp in the file.
    #[error("it is a library, but not a plugin of LIP: it holds no plugin stamp")]
    NotAPlugin,
    /// Another major version of the ABI.
    #[error("it was built for plugin ABI {}, this host has {}", version(plugin), version(host))]
    OtherAbi {
        /// The library's version.
        plugin: [u16; 3],
        /// The host's.
        host: [u16; 3],
    },
    /// Its first bug would end the host.
    #[error("it was built with panic = \"abort\", so one bug in it would end the host")]
    PanicAbort,
    /// The same bytes under another name.
    #[error("it has the same content as {}, which is loaded", .first.display())]
    Duplicate {
        /// The file that was loaded.
        first: PathBuf,
    },
    /// More of its contents than may stay in one process.
    #[error("{n} contents of it are in this process already, which can give none of them back")]
    TooManyGenerations {
        /// How many.
        n: usize,
    },
    /// The private copy cannot be made.
    #[error("no private copy could be made in {}: {why}", .dir.display())]
    NotCopied {
        /// The folder of the copies.
        dir: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Loading it ended the probe process.
    #[error("loading it ends the process ({how})")]
    Deadly {
        /// Signal or exit code.
        how: String,
    },
    /// Loading it did not end in time.
    #[error("loading it took more than {limit_s} s")]
    Endless {
        /// The limit, in seconds.
        limit_s: u64,
    },
    /// It should run in a process of its own, which this system does not offer.
    #[error("this system has no child cage")]
    NoCage,
    /// The probe process could not be used.
    #[error("it could not be tried in a process of its own: {why}")]
    NotProbed {
        /// What failed.
        why: String,
    },
    /// The system's loader refused it.
    #[error("the system cannot load it: {why}")]
    NotMapped {
        /// What the system's loader said.
        why: String,
    },
    /// No root symbol.
    #[error("it holds a plugin stamp, but exports neither a root module nor a table for C")]
    NoRootModule,
    /// The root symbol is something else, or of another abi_stable.
    #[error("its entry is of another kind or version: {why}")]
    ForeignRoot {
        /// What differs.
        why: String,
    },
    /// The types at the boundary differ.
    #[error("its types at the boundary differ from this host's: {why}")]
    OtherLayout {
        /// The first difference.
        why: String,
    },
    /// The constructor of the root module failed.
    #[error("its start-up code failed: {why}")]
    NotInitialised {
        /// What it said.
        why: String,
    },
    /// It could be loaded, but nobody vouches for it.
    #[error("{0}")]
    Untrusted(Distrust),
    /// The manifest cannot be used.
    #[error("its manifest cannot be used: {why}")]
    BadManifest {
        /// The first thing that is wrong.
        why: String,
    },
}

impl From<Distrust> for Refusal {
    fn from(distrust: Distrust) -> Self {
        Self::Untrusted(distrust)
    }
}

fn version(numbers: &[u16; 3]) -> String {
    let [major, minor, patch] = numbers;
    format!("{major}.{minor}.{patch}")
}

impl Refusal {
    /// What to do about it.
    pub fn remedy(&self) -> Cow<'static, str> {
        let remedy = match self {
            Self::Untrusted(distrust) => return distrust.remedy(),
            Self::Unreadable { .. } => "check its permissions",
            Self::LinkLoop | Self::DanglingLink => "remove the link, or point it at a library",
            Self::Directory => "put libraries straight into the plugin directory",
            Self::NotRegular => "remove it from the plugin directory",
            Self::Empty | Self::Damaged { .. } => "copy it again",
            Self::TooLarge { .. } => "build it in release mode and strip its symbols",
            Self::WorldWritable { .. } => "take the right away (chmod o-w), or run in single-user mode",
            Self::NotALibrary | Self::OtherKind { .. } => "build the plugin with crate-type = [\"cdylib\"]",
            Self::OtherSystem { .. } | Self::OtherWidth { .. } | Self::OtherProcessor { .. } => {
                "take the build for this platform"
            }
            Self::NotAPlugin | Self::NoRootModule | Self::ForeignRoot { .. } => {
                "export a connector with lip-plugin's export_connector!, or the table of lip_plugin.h"
            }
            Self::OtherAbi { plugin, host } if plugin > host => "update LIP, or take an older build of it",
            Self::OtherAbi { .. } => "take a newer build of it, or rebuild it with the current lip-plugin",
            Self::PanicAbort => "rebuild it with panic = \"unwind\"",
            Self::Duplicate { .. } => "remove one of the two",
            Self::TooManyGenerations { .. } => "restart LIP, or run it with isolation = \"child\"",
            Self::NotCopied { .. } => {
                "make the state directory private, writable and executable, or name another"
            }
            Self::Deadly { .. } | Self::Endless { .. } => {
                "take start-up code (static constructors) out of the library"
            }
            Self::NoCage => "set its isolation to \"inproc\" if you trust it",
            Self::NotProbed { .. } => "check that this system lets LIP start itself",
            Self::NotMapped { .. } => "install what it needs, or rebuild it on this system",
            Self::OtherLayout { .. } => "rebuild it with the lip-plugin of this release, unchanged",
            Self::NotInitialised { .. } => "ask its author for a fixed build",
            Self::BadManifest { .. } => "correct the MANIFEST of its connector",
        };
        remedy.into()
    }

    /// A stable code for machines, such as `other-abi`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::LinkLoop => "link-loop",
            Self::DanglingLink => "dangling-link",
            Self::Directory => "directory",
            Self::NotRegular => "not-regular",
            Self::Empty => "empty",
            Self::TooLarge { .. } => "too-large",
            Self::WorldWritable { .. } => "world-writable",
            Self::NotALibrary => "not-a-library",
            Self::OtherSystem { .. } => "other-system",
            Self::OtherWidth { .. } => "other-width",
            Self::OtherProcessor { .. } => "other-processor",
            Self::OtherKind { .. } => "other-kind",
            Self::Damaged { .. } => "damaged",
            Self::NotAPlugin => "not-a-plugin",
            Self::OtherAbi { .. } => "other-abi",
            Self::PanicAbort => "panic-abort",
            Self::Duplicate { .. } => "duplicate",
            Self::TooManyGenerations { .. } => "too-many-generations",
            Self::NotCopied { .. } => "not-copied",
            Self::Deadly { .. } => "deadly",
            Self::Endless { .. } => "endless",
            Self::NoCage => "no-cage",
            Self::NotProbed { .. } => "not-probed",
            Self::NotMapped { .. } => "not-mapped",
            Self::NoRootModule => "no-root-module",
            Self::ForeignRoot { .. } => "foreign-root",
            Self::OtherLayout { .. } => "other-layout",
            Self::NotInitialised { .. } => "not-initialised",
            Self::Untrusted(distrust) => distrust.code(),
            Self::BadManifest { .. } => "bad-manifest",
        }
    }
}

/// A file and why it was not loaded. `Display` is one sentence that says why and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The file as it was found.
    pub path: PathBuf,
    /// Why.
    pub reason: Refusal,
}

impl Refused {
    pub(crate) fn new(path: &Path, reason: Refusal) -> Self {
        Self { path: path.to_owned(), reason }
    }

    /// Why and what to do, without the file's name.
    pub fn sentence(&self) -> String {
        format!("{}; {}", self.reason, self.reason.remedy())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.sentence())
    }
}

/// Something about a loaded file that its user should know. `Display` is one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// Everybody may replace the file. Let through in single-user mode.
    WorldWritable {
        /// `the file` or `its directory <path>`.
        what: String,
        /// Permission bits.
        mode: u32,
    },
    /// Many of its older contents stay in this process.
    ManyGenerations {
        /// How many.
        retired: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WorldWritable { what, mode } => {
                let reason = Refusal::WorldWritable { what: what.clone(), mode: *mode };
                write!(f, "{reason}; take the right away (chmod o-w)")
            }
            Self::ManyGenerations { retired } => {
                write!(
                    f,
                    "{retired} older generations of it stay in this process, which can give none of them back; "
                )?;
                write!(f, "at {RETIRED_MAX} it is replaced no more: ")?;
                f.write_str(&Refusal::TooManyGenerations { n: *retired }.remedy())
            }
        }
    }
}

/// Text from outside for one line of a sentence: control characters escaped, at most `chars_max` characters.
pub(crate) fn tidy(text: &str, chars_max: usize) -> String {
    let mut out = String::new();
    for (n, c) in text.trim().chars().enumerate() {
        if n == chars_max {
            out.push('…');
            break;
        }
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentence_names_cause_and_remedy() {
        let refused =
            Refused::new(Path::new("p/x.so"), Refusal::OtherAbi { plugin: [2, 0, 1], host: [1, 0, 0] });
        assert_eq!(
            refused.to_string(),
            "p/x.so: it was built for plugin ABI 2.0.1, this host has 1.0.0; update LIP, or take an older build of it"
        );
    }

    #[test]
    fn code_is_the_serialised_name() {
        for reason in [Refusal::Empty, Refusal::NotAPlugin] {
            assert_eq!(serde_json::to_value(&reason).unwrap(), reason.code());
        }
        let reason = Refusal::Deadly { how: "signal 6".into() };
        let json = serde_json::to_value(&reason).unwrap();
        assert_eq!(json[reason.code()]["how"], "signal 6");
        assert_eq!(serde_json::from_value::<Refusal>(json).unwrap(), reason);
    }

    #[test]
    fn foreign_text_is_bounded_and_without_controls() {
        assert_eq!(tidy("\n a\u{1b}[31m\nb ", 99), "a\\u{1b}[31m\\nb");
        assert_eq!(tidy("abcd", 3), "abc…");
    }
}

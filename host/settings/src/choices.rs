//! Settings that are one of a few words.
use crate::{
    read::{Raw, Reader},
    row::{Kind, Shape},
    tree::Value,
};

/// An enum whose values are words: the first word is the canonical one, further ones are accepted.
macro_rules! choice {
    ($(#[doc = $about:literal])+ $Name:ident: $($(#[doc = $doc:literal])+ $Variant:ident = $word:literal $(| $alias:literal)*),+ $(,)?) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $Name {
            $($(#[doc = $doc])+ $Variant,)+
        }

        impl $Name {
            /// The words, in the order of the docs.
            pub const WORDS: &[&str] = &[$($word),+];

            /// The canonical word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$Variant => $word,)+ }
            }

            fn from_word(word: &str) -> Option<Self> {
                match word.to_ascii_lowercase().as_str() {
                    $($word $(| $alias)* => Some(Self::$Variant),)+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Kind for $Name {
            type Value = Self;
            type Out<'a> = Self;
            const SHAPE: Shape = Shape::Choice(Self::WORDS);

            fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<Self> {
                raw.text().and_then(Self::from_word).or_else(|| {
                    reader.mismatch(raw, &format!("one of {}", Self::WORDS.join(", ")))
                })
            }

            fn get(value: &Self) -> Self {
                *value
            }

            fn show(value: &Self) -> Option<String> {
                Some(value.as_str().to_owned())
            }
        }
    };
}

choice! {
    /// What an agent is answered that asks whether it may use a tool.
    AgentPermissions:
    /// Yes, this time.
    Allow = "allow",
    /// No.
    Reject = "reject",
    /// Neither: its turn is cancelled.
    Cancel = "cancel",
}

choice! {
    /// What becomes of client keys with bounds while the shared state is away.
    WithoutState:
    /// Each host decides by what it knows.
    Alone = "alone",
    /// None is let in.
    Refuse = "refuse",
}

choice! {
    /// From when on a turn's row outlives its host.
    Durable:
    /// Soon after its end, with others.
    Soon = "soon",
    /// Before its client knows its end.
    Turn = "turn",
}

choice! {
    /// How much is logged.
    LogLevel:
    /// Failures that need a human.
    Error = "error" | "critical" | "fatal",
    /// And what may become one.
    Warn = "warn" | "warning",
    /// And what happened.
    Info = "info",
    /// And why.
    Debug = "debug",
    /// And every step.
    Trace = "trace",
}

choice! {
    /// The form of log lines.
    LogFormat:
    /// For people.
    Text = "text",
    /// One JSON object a line.
    Json = "json",
}

choice! {
    /// Where libraries run.
    Isolation:
    /// In the host's process; in multi-user mode, those that did not come with the program in processes of their own.
    Auto = "auto",
    /// In the host's process.
    Inproc = "inproc",
    /// In a supervised process of its own.
    Child = "child",
}

choice! {
    /// Whether libraries must be those that the lock file knows.
    PluginLock:
    /// In single-user mode new ones are added and changed ones refused; in multi-user mode both are refused.
    Auto = "auto",
    /// New and changed ones are refused.
    Require = "require",
    /// The lock file is neither read nor written.
    Off = "off",
}

choice! {
    /// Who may use the host.
    AccessMode:
    /// One person on this machine; listens on loopback only.
    SingleUser = "single_user" | "single-user",
    /// Several people with client keys.
    MultiUser = "multi_user" | "multi-user",
}

choice! {
    /// What a key with a bound of money may do with models whose price is not known.
    Unpriced:
    /// It may not ask for them.
    Refuse = "refuse",
    /// It may, and they count nothing.
    Free = "free",
}

/// [`AccessMode`] in all the spellings of a file: a word, `access_mode.mode`, or `multi_user_mode = true`.
pub(crate) struct Mode;

impl Kind for Mode {
    type Value = AccessMode;
    type Out<'a> = AccessMode;
    const SHAPE: Shape = AccessMode::SHAPE;

    fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<AccessMode> {
        let (yes, no) = match reader.spelled {
            "single_user_mode" => (AccessMode::SingleUser, AccessMode::MultiUser),
            "multi_user_mode" => (AccessMode::MultiUser, AccessMode::SingleUser),
            _ => return AccessMode::read(raw, reader),
        };
        match raw {
            Raw::Node(node) if node.value == Value::Bool(true) => Some(yes),
            Raw::Node(node) if node.value == Value::Bool(false) => Some(no),
            Raw::Node(_) | Raw::Env(_) | Raw::Cli(_) => reader.mismatch(raw, "true or false"),
        }
    }

    fn get(value: &AccessMode) -> AccessMode {
        *value
    }

    fn show(value: &AccessMode) -> Option<String> {
        AccessMode::show(value)
    }
}

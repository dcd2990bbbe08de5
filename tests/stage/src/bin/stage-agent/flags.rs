//! The command line.
use std::path::PathBuf;

/// What it says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    /// All of it, for processes that are to be the same.
    pub(crate) args: Vec<String>,
    /// `--models A,B`: what is offered, the first as the current one.
    pub(crate) models: Vec<String>,
    /// `--config-options`: models and efforts are offered in the standard's way instead of Gemini's.
    pub(crate) config_options: bool,
    /// `--needs-login`: no session before `authenticate`.
    pub(crate) needs_login: bool,
    /// `--no-auth`: no session at all.
    pub(crate) no_auth: bool,
    /// `--slow-start MS`: silence at first.
    pub(crate) slow_start_ms: u64,
    /// `--pidfile DIR`: each process leaves an empty file there that is named after its pid.
    pub(crate) pidfile: Option<PathBuf>,
    /// `--rogue HOW`, any number of times.
    pub(crate) rogue: Vec<String>,
}

impl Flags {
    /// Reads it; what it does not know is ignored, as real agents have more options.
    pub(crate) fn read(args: &[String]) -> Self {
        let mut flags = Self {
            args: args.to_vec(),
            models: vec!["stage-1".to_owned(), "stage-2".to_owned()],
            ..Self::default()
        };
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            let mut value = || rest.next().unwrap_or_else(|| panic!("{arg} needs a value")).clone();
            match &**arg {
                "--models" => flags.models = value().split(',').map(str::to_owned).collect(),
                "--config-options" => flags.config_options = true,
                "--needs-login" => flags.needs_login = true,
                "--no-auth" => flags.no_auth = true,
                "--slow-start" => flags.slow_start_ms = value().parse().expect("milliseconds"),
                "--pidfile" => flags.pidfile = Some(value().into()),
                "--rogue" => flags.rogue.push(value()),
                _ => {}
            }
        }
        flags
    }

    /// Was it asked to behave so?
    pub(crate) fn is(&self, rogue: &str) -> bool {
        self.rogue.iter().any(|how| how == rogue)
    }

    /// Leaves its pid where the test looks.
    pub(crate) fn note_pid(&self) {
        if let Some(dir) = &self.pidfile {
            let _ = std::fs::write(dir.join(std::process::id().to_string()), "");
        }
    }
}

//! `lip capture`, and what a host keeps of its turns' wires.
mod play;
mod replay;
mod script;
mod show;
mod stamp;

use crate::setup::Setup;
use crate::{log, setup};
use ::capture::read::{Contents, read};
use ::capture::rules::{Masks, Rules, Secrets};
use ::capture::tape::{CHANGING, Tapes};
use ::capture::turn::Turn;
use clap::{Arg, ArgAction, ArgMatches, Command};
use engine::{Engine, Redactor};
use settings::Resolved;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const DAY: u64 = 86_400;
/// The time that the last pieces have to be written when the host ends.
const CLOSE_TIME: Duration = Duration::from_secs(5);

/// Begins to keep the turns of the host that `id` names, where the settings ask for it.
///
/// # Errors
/// The system gives no thread.
pub(crate) fn start(settings: &Resolved, id: &str) -> Result<Option<Arc<Tapes>>, String> {
    let Some(folder) = settings.capture_dir() else { return Ok(None) };
    let rules = Rules {
        folder: folder.to_owned(),
        sessions: settings.capture_sessions().to_vec(),
        file_bytes: settings.capture_file_bytes(),
        total_bytes: settings.capture_total_bytes(),
        files: usize::try_from(settings.capture_files()).unwrap_or(usize::MAX),
        rotate_every: settings.capture_rotate_every(),
        keep: Duration::from_secs(settings.capture_keep_days().saturating_mul(DAY)),
        queue_bytes: settings.capture_queue_bytes(),
        program: concat!("lip ", env!("CARGO_PKG_VERSION")).to_owned(),
        host: id.to_owned(),
        masks: Arc::new(Known),
    };
    let tapes = Tapes::start(rules).map_err(|e| format!("capture.dir: turns cannot be kept: {e}"))?;
    tracing::info!(folder = %folder.display(), "turns are kept with what they say and are told; lip capture show reads them");
    Ok(Some(Arc::new(tapes)))
}

/// Turns that come from now on go under `setup`; where that is none, what they go under is about to change or to end.
pub(crate) fn under(tapes: Option<&Arc<Tapes>>, setup: Option<&Setup>) {
    if let Some(tapes) = tapes {
        tapes.under(setup.map_or(CHANGING, stamp::of));
    }
}

/// Ends the open turns of `engine`, which nobody can carry out again: when that was stands nowhere.
pub(crate) fn cut(tapes: Option<&Arc<Tapes>>, engine: &Engine) {
    under(tapes, None);
    engine.cut_turns();
}

/// Writes what waits.
pub(crate) async fn close(tapes: Option<&Arc<Tapes>>) {
    if let Some(tapes) = tapes.map(Arc::clone) {
        let _ = tokio::task::spawn_blocking(move || tapes.close(CLOSE_TIME)).await;
    }
}

/// The secrets of this host: those that stand in no log line.
#[derive(Debug)]
struct Known;

impl Masks for Known {
    fn now(&self) -> Arc<dyn Secrets> {
        Arc::new(Hidden(log::hidden()))
    }
}

#[derive(Debug)]
struct Hidden([Arc<Redactor>; 2]);

impl Secrets for Hidden {
    fn mask(&self, bytes: &mut [u8]) -> usize {
        self.0.iter().map(|secrets| secrets.mask(bytes)).sum()
    }

    fn finds(&self, bytes: &[u8]) -> bool {
        self.0.iter().any(|secrets| secrets.finds(bytes))
    }

    fn longest(&self) -> usize {
        self.0.iter().map(|secrets| secrets.longest()).max().unwrap_or_default()
    }
}

/// The subcommand's arguments.
pub(crate) fn command() -> Command {
    let file = || Arg::new("file").required(true).value_name("FILE").help("A file of capture.dir");
    let turn = |help| {
        Arg::new("turn").long("turn").value_name("N").value_parser(clap::value_parser!(u64)).help(help)
    };
    Command::new("capture")
        .about("What capture.dir has kept of turns")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("show")
                .about("Show the turns of a file, or one of them from its first byte to its last")
                .arg(file())
                .arg(turn("Only this turn"))
                .arg(
                    Arg::new("session")
                        .long("session")
                        .value_name("ID")
                        .help("Only turns of this session, by its id or by its client's name for it"),
                )
                .arg(
                    Arg::new("format")
                        .long("format")
                        .value_parser(["table", "json", "raw", "file"])
                        .default_value("table")
                        .help("raw: the bytes that the client got; file: a capture of these turns alone"),
                ),
        )
        .subcommand(
            Command::new("replay")
                .about("Carry out the turns of a file again, with the answers of then; exit 1 if a client would get other bytes")
                .arg(file())
                .arg(turn("Only this turn; those of its session before it are carried out first").conflicts_with("all"))
                .arg(Arg::new("all").long("all").action(ArgAction::SetTrue).help("Every turn (the default)"))
                .arg(
                    Arg::new("timed")
                        .long("timed")
                        .action(ArgAction::SetTrue)
                        .help("Take as long as then, not as short as can be"),
                ),
        )
}

/// Runs the subcommand.
///
/// # Errors
/// A file that is no capture; a turn that is not there; for `replay`, a turn that differs or cannot be carried out.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    match matches.subcommand() {
        Some(("show", own)) => show::run(own),
        Some(("replay", own)) => replay::run(own, || setup::in_process(own)),
        _ => Err("unknown subcommand of capture".to_owned()),
    }
}

/// What the file holds that the command line names, and its turns.
fn load(matches: &ArgMatches) -> Result<(Contents, Vec<Turn>), String> {
    let name = matches.get_one::<String>("file").map_or("", String::as_str);
    let bytes = std::fs::read(Path::new(name)).map_err(|e| format!("{name} cannot be read: {e}"))?;
    let contents = read(&bytes).map_err(|e| format!("{name}: {e}"))?;
    for (line, why) in &contents.bad {
        crate::out::warning(format!("{name}: line {line} cannot be read: {why}"));
    }
    let turns = ::capture::turn::turns(&contents);
    Ok((contents, turns))
}

/// The turn that the command line names, if it names one.
fn chosen(matches: &ArgMatches, turns: &[Turn]) -> Result<Option<u64>, String> {
    let Some(turn) = matches.get_one::<u64>("turn").copied() else { return Ok(None) };
    match turns.iter().any(|own| own.request.turn == turn) {
        true => Ok(Some(turn)),
        false => {
            Err(format!("the file holds no turn {turn}; lip capture show FILE lists those that it holds"))
        }
    }
}

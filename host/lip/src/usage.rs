//! `lip usage`, and the ledger of a host: where it is kept, what tokens cost.
mod tables;

use crate::{cli, dirs, out, setup};
use clap::{Arg, ArgMatches, Command};
use events::witness::Witness;
use frontends::ClientKeys;
use ledger::filter::{Filter, NAMES};
use ledger::ledger::{Ledger, Promise, Rules};
use ledger::lines::Turn;
use ledger::price::Prices;
use ledger::reader::{By, Order, PAGE, Reader};
use ledger::spool::SpoolRules;
use ledger::store::Place;
use serde_json::json;
use settings::{Durable, Env, Resolved, Values};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Handle;

/// Starts the ledger that the settings ask for.
///
/// # Errors
/// A database of an unknown kind.
pub(crate) fn start(
    settings: &Resolved,
    env: &Env,
    prices: &Arc<Prices>,
    runtime: &Handle,
) -> Result<Option<Arc<Ledger>>, String> {
    if !settings.usage_enabled() {
        return Ok(None);
    }
    let rules = rules(settings, env, Arc::clone(prices))?;
    let _within = runtime.enter();
    Ok(Some(Ledger::start(rules)))
}

/// Those who are told of turns: the ledger, where there is one.
pub(crate) fn witnesses(ledger: Option<&Arc<Ledger>>) -> Vec<Arc<dyn Witness>> {
    ledger.into_iter().map(|ledger| Arc::clone(ledger) as Arc<dyn Witness>).collect()
}

/// Reads what clients have used before, whenever somebody waits for it; never ends.
pub(crate) async fn read_spent(ledger: Option<&Arc<Ledger>>, keys: &ClientKeys) -> Infallible {
    match ledger {
        Some(ledger) => tokio::select! {
            never = keys.read_spent(ledger) => never,
            never = keys.tell_spent(ledger) => never,
        },
        None => std::future::pending().await,
    }
}

/// Tells other hosts what keys have used, and writes what waits.
pub(crate) async fn finish(ledger: Option<&Arc<Ledger>>, keys: &ClientKeys) {
    keys.finish().await;
    close(ledger).await;
}

/// Writes what waits.
pub(crate) async fn close(ledger: Option<&Arc<Ledger>>) {
    if let Some(ledger) = ledger {
        ledger.close().await;
    }
}

/// What tokens cost.
///
/// # Errors
/// A file of prices that cannot be read.
pub(crate) fn prices(settings: &Resolved) -> Result<Arc<Prices>, String> {
    let own = settings.usage_prices_file().map(|path| {
        let text = std::fs::read_to_string(path).map_err(|e| e.to_string());
        text.map_err(|e| format!("usage.prices_file: {} cannot be read: {e}", path.display()))
    });
    let prices = Prices::new(own.transpose()?.as_deref());
    prices.map(Arc::new).map_err(|e| format!("usage.prices_file: {e}"))
}

fn rules(settings: &Resolved, env: &Env, prices: Arc<Prices>) -> Result<Rules, String> {
    let days = settings.usage_keep_days();
    let keep = (days > 0).then(|| Duration::from_secs(days.saturating_mul(86_400)));
    let place = place(settings, env)?;
    let spool = spool(settings, env, &place);
    let promise = match settings.usage_durable() {
        Durable::Soon => Promise::Soon,
        Durable::Turn => Promise::BeforeItsEnd,
    };
    Ok(Rules { place, spool, keep, prices, promise })
}

/// Where rows wait while a server cannot be reached. A file on this machine is not away.
pub(crate) fn spool(settings: &Resolved, env: &Env, place: &Place) -> Option<SpoolRules> {
    let turns_max = settings.usage_spool_turns();
    let is_needed = settings.usage_enabled() && matches!(place, Place::Server(_)) && turns_max > 0;
    let path = || dirs::state(env).join("spool").join(place.file_name() + ".db");
    is_needed.then(|| SpoolRules { path: path(), turns_max })
}

/// Where rows are kept.
///
/// # Errors
/// A database of an unknown kind.
pub(crate) fn place(settings: &Values, env: &Env) -> Result<Place, String> {
    match settings.usage_database() {
        Some(text) => Place::parse(text).map_err(|e| format!("usage.database: {e}")),
        None => Ok(Place::File(dirs::usage(env))),
    }
}

/// The subcommand's arguments.
pub(crate) fn command() -> Command {
    let filtered = |command: Command| {
        let arg = |name: &'static str| {
            let (value, help) = match name {
                "from" => ("DATE", "Turns that began on this day or later, such as 2026-01-31"),
                "to" => ("DATE", "Turns that began on this day or earlier"),
                "backend" => ("BACKEND", "Turns of this backend"),
                "model" => ("MODEL", "Turns of this model"),
                "frontend" => ("DIALECT", "Turns of this frontend, such as openai-chat"),
                "caller" => ("NAME", "Turns of this client"),
                "session" => ("ID", "Turns of this session"),
                "status" => ("STATUS", "Turns that were answered with this HTTP status"),
                "outcome" => (
                    "OUTCOME",
                    "Turns that ended so: answered, answered_here, failed, broke_off, client_gone",
                ),
                _ => ("WHAT", "generate (the default), count_tokens, or all"),
            };
            Arg::new(name).long(name).value_name(value).help(help)
        };
        command.args(NAMES.map(arg)).arg(cli::json_flag())
    };
    let by = || {
        Arg::new("by")
            .long("by")
            .value_parser(By::NAMES.map(|(name, _)| name))
            .default_value("model")
            .help("What is summed up")
    };
    let limit = Arg::new("limit")
        .long("limit")
        .default_value("20")
        .value_parser(clap::value_parser!(i64).range(1..=1000));
    let format = Arg::new("format").long("format").value_parser(["json", "csv"]).default_value("csv");
    filtered(Command::new("usage"))
        .about("Show what turns used and cost: today by model, unless a subcommand asks for more")
        .arg(by())
        .args_conflicts_with_subcommands(true)
        .subcommand(filtered(Command::new("today").about("The turns of today, of UTC")).arg(by()))
        .subcommand(filtered(Command::new("stats").about("All turns that are kept, summed up")).arg(by()))
        .subcommand(filtered(Command::new("recent").about("The last turns")).arg(limit.help("How many")))
        .subcommand(
            filtered(Command::new("export").about("Every turn that is kept, to standard output"))
                .arg(format.help("A line for each turn, or JSON with every attempt")),
        )
}

/// Shows what the ledger keeps, whether its host runs or not.
///
/// # Errors
/// A date that is none, or a database that cannot be read.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let (settings, env) = setup::settings(matches)?;
    let place = place(&settings, &env)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let shown = place.shown();
    runtime.map_err(|e| e.to_string())?.block_on(async {
        if let Place::File(path) = &place
            && !path.exists()
        {
            return Err(format!("no usage is kept at {shown} yet: lip serve writes it there"));
        }
        let reader = Reader::open(&place).await.map_err(|e| format!("{shown}: {e}"))?;
        let told = match matches.subcommand() {
            None => sums(&reader, matches, Days::Today).await,
            Some(("today", own)) => sums(&reader, own, Days::Today).await,
            Some(("stats", own)) => sums(&reader, own, Days::All).await,
            Some(("recent", own)) => recent(&reader, own).await,
            Some(("export", own)) => export(&reader, own).await,
            Some((other, _)) => return Err(format!("unknown subcommand {other}")),
        };
        told.map_err(|e| match e {
            Trouble::Asked(sentence) => sentence,
            Trouble::Read(error) => format!("{shown}: {error}"),
        })
    })
}

/// What goes wrong.
enum Trouble {
    Asked(String),
    Read(ledger::store::Error),
}

impl From<ledger::store::Error> for Trouble {
    fn from(error: ledger::store::Error) -> Self {
        Self::Read(error)
    }
}

/// Which days count, unless the command line says so.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Days {
    Today,
    All,
}

fn filter(matches: &ArgMatches) -> Result<Filter, Trouble> {
    let mut filter = Filter::default();
    for name in NAMES {
        if let Some(value) = matches.get_one::<String>(name) {
            filter.set(name, value).map_err(|sentence| Trouble::Asked(format!("--{sentence}")))?;
        }
    }
    Ok(filter)
}

async fn sums(reader: &Reader, matches: &ArgMatches, days: Days) -> Result<(), Trouble> {
    let mut filter = filter(matches)?;
    if days == Days::Today && filter.from_us.is_none() && filter.until_us.is_none() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        filter.from_us = i64::try_from(now.as_secs() / 86_400 * 86_400 * 1_000_000).ok();
    }
    let name = matches.get_one::<String>("by").map_or("model", String::as_str);
    let by = By::NAMES.iter().find(|(known, _)| *known == name).map_or(By::Model, |(_, by)| *by);
    let total = reader.sums(&filter, By::Nothing).await?;
    let groups = reader.sums(&filter, by).await?;
    if matches.get_flag("json") {
        out::line(json!({"total": total.first(), "groups": groups}));
    } else if groups.is_empty() {
        out::line("no turns");
    } else {
        out::line(out::table(&tables::of_sums(name, &groups, &total)).trim_end());
        tables::notes(&total).iter().for_each(out::line);
    }
    Ok(())
}

async fn recent(reader: &Reader, matches: &ArgMatches) -> Result<(), Trouble> {
    let limit = matches.get_one::<i64>("limit").copied().unwrap_or(20);
    let turns = reader.turns(&filter(matches)?, Order::Newest, None, limit).await?;
    if matches.get_flag("json") {
        out::line(json!({"turns": turns}));
    } else if turns.is_empty() {
        out::line("no turns");
    } else {
        out::line(out::table(&tables::of_turns(&turns)).trim_end());
    }
    Ok(())
}

async fn export(reader: &Reader, matches: &ArgMatches) -> Result<(), Trouble> {
    let filter = filter(matches)?;
    let is_json = matches.get_flag("json")
        || matches.get_one::<String>("format").is_some_and(|format| format == "json");
    out::line(if is_json { "[" } else { Turn::CSV_HEAD.trim_end() });
    let mut behind = None;
    loop {
        let is_first = behind.is_none();
        let turns = reader.turns(&filter, Order::Oldest, behind, PAGE).await?;
        for (n, turn) in turns.iter().enumerate() {
            let comma = if is_first && n == 0 { "" } else { "," };
            match is_json {
                true => out::line(format!("{comma}{}", serde_json::to_string(turn).unwrap_or_default())),
                false => out::line(turn.csv().trim_end()),
            }
        }
        let Some(last) = turns.last() else { break };
        behind = Some((last.began_us, last.id.clone()));
    }
    if is_json {
        out::line("]");
    }
    Ok(())
}

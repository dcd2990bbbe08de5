//! `lip login`, `lip accounts`, `lip logout`: accounts of people, kept by the vault of this machine. A host that runs notices.
use crate::desk::Terminal;
use crate::{bundles, out, setup};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use engine::{Engine, Held, LoginAsk};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// `lip login`.
pub(crate) fn login_command() -> Command {
    Command::new("login")
        .about("Log in to a backend with a personal account")
        .arg(Arg::new("backend").required(true).help("As lip backends lists it"))
        .arg(Arg::new("account").long("account").value_name("NAME").help("A name for the account"))
        .arg(Arg::new("method").long("method").value_name("METHOD").help("How, where there are several ways"))
        .arg(
            Arg::new("option")
                .short('o')
                .long("option")
                .value_name("KEY=VALUE")
                .action(ArgAction::Append)
                .help("What the way needs to know, such as region=eu-central-1"),
        )
        .arg(
            Arg::new("import")
                .long("import")
                .value_name("FILE")
                .num_args(0..=1)
                .value_parser(value_parser!(PathBuf))
                .help("Take the account over from another program's file"),
        )
        .arg(
            Arg::new("no-browser")
                .long("no-browser")
                .action(ArgAction::SetTrue)
                .help("Open no browser; print the address only"),
        )
}

/// `lip accounts`.
pub(crate) fn list_command(json: Arg) -> Command {
    Command::new("accounts")
        .about("List the accounts that somebody has logged in to, and how they stand")
        .arg(json)
        .arg(Arg::new("backend").help("Only of this backend"))
}

/// `lip logout`.
pub(crate) fn logout_command() -> Command {
    Command::new("logout")
        .about("Forget an account")
        .arg(Arg::new("backend").required(true).help("As lip accounts lists it"))
        .arg(Arg::new("account").help("As lip accounts lists it; not needed where there is only one"))
}

fn engine(matches: &ArgMatches) -> Result<(Arc<Engine>, tokio::runtime::Runtime), String> {
    let engine = setup::setup(matches)?.engine()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok((Arc::new(engine), runtime.map_err(|e| e.to_string())?))
}

/// Logs in.
///
/// # Errors
/// Why nobody is logged in.
pub(crate) fn login(matches: &ArgMatches) -> Result<(), String> {
    let text = |key: &str| matches.get_one::<String>(key).cloned().unwrap_or_default();
    let pairs = matches.get_many::<String>("option").unwrap_or_default();
    let options = pairs.map(|pair| match pair.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), Value::from(value))),
        None => Err(format!("\"{pair}\" is no option: write KEY=VALUE")),
    });
    let options = options.collect::<Result<Map<String, Value>, String>>()?;
    let ask =
        LoginAsk { backend: text("backend"), account: text("account"), method: text("method"), options };
    let (engine, runtime) = engine(matches)?;
    check(&engine, &ask.backend)?;
    disclaim(&engine, &ask.backend);
    let backend = ask.backend.clone();
    let done = runtime.block_on(async {
        if matches.contains_id("import") {
            return engine
                .import_account(ask, matches.get_one::<PathBuf>("import").map(PathBuf::as_path))
                .await;
        }
        let desk = Arc::new(Terminal::new(!matches.get_flag("no-browser")));
        let waiting = Arc::clone(&desk);
        tokio::select! {
            done = engine.login(ask, desk) => done,
            never = waiting.tell_the_time() => match never {},
        }
    });
    // A line that is read at the terminal would be waited for.
    runtime.shutdown_background();
    let done = done.map_err(|fault| fault.public())?;
    let label = if done.label.is_empty() { String::new() } else { format!(" ({})", done.label) };
    out::line(format!("logged in to {backend} as \"{}\"{label}", done.account));
    if let Some(ended) = done.ended {
        out::warning(ended);
    }
    Ok(())
}

/// Is there such a backend, with its library?
fn check(engine: &Engine, name: &str) -> Result<(), String> {
    let backends = engine.backends();
    let known = backends.get(name);
    if known.is_some_and(|backend| backend.spec().plugin.is_some()) {
        return Ok(());
    }
    let connector = known.map_or(name, |backend| &backend.spec().connector);
    Err(match bundles::library_of(connector) {
        Some(library) => format!("{name} needs the library {library}: put it into a plugins directory"),
        None => format!("there is no backend \"{name}\"; lip backends lists them"),
    })
}

/// What a person should know before he logs in.
fn disclaim(engine: &Engine, backend: &str) {
    let manifest = engine.backends().get(backend).and_then(|backend| backend.spec().manifest.clone());
    for sentence in manifest.iter().flat_map(|manifest| &manifest.disclaimers) {
        out::warning(sentence);
    }
}

/// Lists accounts.
///
/// # Errors
/// An error of the configuration, or a backend that does not exist.
pub(crate) fn list(matches: &ArgMatches) -> Result<(), String> {
    let (engine, runtime) = engine(matches)?;
    let only = matches.get_one::<String>("backend").map(String::as_str);
    only.map_or(Ok(()), |name| check(&engine, name))?;
    let held = runtime.block_on(engine.accounts(only));
    if matches.get_flag("json") {
        let one = |held: &Held| match &held.standings {
            Ok(standings) => json!({"backend": held.backend, "accounts": standings}),
            Err(fault) => json!({"backend": held.backend, "accounts": [], "problem": fault.public()}),
        };
        out::line(Value::from(held.iter().map(one).collect::<Vec<_>>()));
        return Ok(());
    }
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let head = ["BACKEND", "ACCOUNT", "WHO", "STATE", "TOKEN", "RESTS", ""].map(str::to_owned).to_vec();
    let mut rows = vec![head];
    for held in &held {
        match &held.standings {
            Ok(standings) => {
                rows.extend(standings.iter().map(|standing| row(&held.backend, standing, now_ms)))
            }
            Err(fault) => out::warning(format!("{}: {}", held.backend, fault.public())),
        }
    }
    if rows.len() == 1 {
        out::line("nobody is logged in; lip login BACKEND does it");
        return Ok(());
    }
    out::line(out::table(&rows).trim_end());
    Ok(())
}

fn row(backend: &str, standing: &vault::Standing, now_ms: u64) -> Vec<String> {
    let dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let state = json!(standing.health).as_str().unwrap_or_default().replace('_', " ");
    let token = match standing.expires_at_ms {
        None => "-".to_owned(),
        Some(at) if at <= now_ms => "ended".to_owned(),
        Some(at) => format!("ends in {}", span(at - now_ms)),
    };
    let rest = |rest: &vault::Resting| {
        let time = span(rest.until_ms.saturating_sub(now_ms));
        if rest.scope == vault::ALL { time } else { format!("{} {time}", rest.scope) }
    };
    let rests: Vec<String> = standing.resting.iter().map(rest).collect();
    vec![
        backend.to_owned(),
        standing.account.clone(),
        dash(standing.label.clone()),
        state,
        token,
        dash(rests.join(", ")),
        standing.remark.clone().unwrap_or_default(),
    ]
}

fn span(ms: u64) -> String {
    match ms.div_ceil(1000) {
        s if s < 120 => format!("{s} s"),
        s if s < 7200 => format!("{} min", s / 60),
        s if s < 172_800 => format!("{} h", s / 3600),
        s => format!("{} days", s / 86_400),
    }
}

/// Forgets an account.
///
/// # Errors
/// No such account, or several where none is named.
pub(crate) fn logout(matches: &ArgMatches) -> Result<(), String> {
    let (engine, runtime) = engine(matches)?;
    let backend = matches.get_one::<String>("backend").cloned().unwrap_or_default();
    check(&engine, &backend)?;
    let named = matches.get_one::<String>("account").cloned();
    let account = match named {
        Some(account) => account,
        None => {
            let held = runtime.block_on(engine.accounts(Some(&backend)));
            let standings = held.into_iter().next().map(|held| held.standings);
            let standings = standings.ok_or_else(|| format!("backend \"{backend}\" has no accounts"))?;
            let mut names = standings.map_err(|fault| fault.public())?.into_iter().map(|one| one.account);
            match (names.next(), names.next()) {
                (Some(only), None) => only,
                (None, _) => return Err(format!("nobody is logged in to \"{backend}\"")),
                (Some(_), Some(_)) => return Err(format!("which one? lip accounts {backend} lists them")),
            }
        }
    };
    runtime.block_on(engine.forget_account(&backend, &account)).map_err(|fault| fault.public())?;
    out::line(format!("forgot the account \"{account}\" of {backend}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use vault::{Health, Resting, Standing};

    #[test]
    fn rows_say_what_a_person_asks() {
        let standing = Standing {
            backend: "b".to_owned(),
            account: "work".to_owned(),
            label: "me@example.test".to_owned(),
            health: Health::NeedsLogin,
            expires_at_ms: Some(61_000),
            is_renewable: false,
            resting: vec![Resting { scope: "m".to_owned(), until_ms: 7_201_000 }],
            last_used_ms: 0,
            last_success_ms: 0,
            last_renewed_ms: 0,
            file: None,
            remark: Some("has to log in again".to_owned()),
        };
        let want =
            ["b", "work", "me@example.test", "needs login", "ends in 60 s", "m 2 h", "has to log in again"];
        assert_eq!(row("b", &standing, 1_000), want);
        assert_eq!(
            row("b", &Standing { label: String::new(), ..standing }, 70_000)[2..5],
            ["-", "needs login", "ended"]
        );
    }
}

//! `lip capture replay`: the turns of a file through this build's host and connectors, without a network and without a key.
use super::play::{Played, key_of, play};
use super::{chosen, load, stamp};
use crate::setup::Setup;
use crate::{access, agents, backends, out, rules};
use ::access::{Clients, KeyHash, Names, ThrottleRules};
use ::agents::{Agents, native::Native};
use ::capture::turn::Turn;
use base::Secret;
use clap::ArgMatches;
use egress::Egress;
use engine::{BackendSpec, Backends, Edges, Engine};
use frontends::{Accounting, App, Carrier, ClientKeys, Given, Limits};
use http::HeaderValue;
use std::collections::BTreeSet;
use std::sync::Arc;
use vault::{SystemClock, Vault};

/// Replays.
///
/// # Errors
/// As for [`super::run`].
pub(super) fn run(matches: &ArgMatches, setup: impl FnOnce() -> Result<Setup, String>) -> Result<(), String> {
    let (contents, turns) = load(matches)?;
    let only = chosen(matches, &turns)?;
    let found = setup()?;
    // What people logged in to is not touched.
    let no_accounts = tempfile::tempdir().map_err(|e| format!("no folder can be made: {e}"))?;
    let vault = Vault::open(no_accounts.path().to_owned(), Arc::new(SystemClock));
    let carrier = Carrier::new(app(&found, &turns, (&contents.host, vault))?);
    let setup = format!("{:016x}", stamp::of(&found));
    // The clock stands still while there is something to do and then leaps to what is next: time passes as it did, and takes none.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(!matches.get_flag("timed"))
        .build()
        .map_err(|e| e.to_string())?;
    let played = runtime.block_on(async {
        let mut played = Vec::new();
        for turn in wanted(&turns, only) {
            let what = play(&carrier, turn, &setup).await;
            if only.is_none_or(|only| only == turn.request.turn) {
                played.push((turn, what));
            }
        }
        played
    });
    told(&played)
}

/// The turns to carry out, in their order: what a session is depends on the turns that it has had.
fn wanted(turns: &[Turn], only: Option<u64>) -> Vec<&Turn> {
    let Some(only) = only else { return turns.iter().collect() };
    let session = turns.iter().find(|turn| turn.request.turn == only).and_then(|turn| turn.session.clone());
    let is_before = |turn: &&Turn| turn.session.is_some() && turn.session == session;
    let end = turns.iter().position(|turn| turn.request.turn == only).map_or(turns.len(), |at| at + 1);
    let until = turns.get(..end).unwrap_or_default();
    until.iter().filter(|turn| turn.request.turn == only || is_before(turn)).collect()
}

fn told(played: &[(&Turn, Played)]) -> Result<(), String> {
    let (mut same, mut other, mut elsewhere, mut refused) = (0, 0, 0, 0);
    for (turn, what) in played {
        let (count, words) = match what {
            Played::Same(bytes) => (&mut same, format!("same, {bytes} bytes")),
            Played::Differs(why) => (&mut other, format!("differs: {why}")),
            Played::Elsewhere(why) => {
                (&mut elsewhere, format!("the configuration or a library is another than then: {why}"))
            }
            Played::Refused(why) => (&mut refused, format!("cannot be carried out again: {why}")),
        };
        *count += 1;
        out::line(format!("turn {}: {words}", turn.request.turn));
    }
    let sentence = format!("{same} of {} turns gave the same bytes", played.len());
    let rest = [
        (other, "gave others"),
        (elsewhere, "gave others under another configuration"),
        (refused, "cannot be carried out again"),
    ];
    let rest: Vec<String> =
        rest.into_iter().filter(|(n, _)| *n > 0).map(|(n, words)| format!("{n} {words}")).collect();
    if rest.is_empty() {
        out::line(sentence);
        return Ok(());
    }
    Err(format!("{sentence}; {}", rest.join(", ")))
}

fn app(found: &Setup, turns: &[Turn], (host, vault): (&str, Vault)) -> Result<Arc<App>, String> {
    let (mut specs, _) = found.backends();
    specs.iter_mut().for_each(|spec| ready(spec, turns));
    let default = backends::default(&found.settings, &specs);
    let backends = Backends::new(specs, default.as_deref()).map_err(|fault| fault.public())?;
    let edges = Edges {
        egress: Egress::nowhere(),
        agents: Agents::new(agents::rules(&found.settings), Native::new()),
        vault,
        home: None,
        user_agent: HeaderValue::from_static("lip"),
        host_id: host_id(host).unwrap_or(HeaderValue::from_static("lip-replay")),
        witnesses: Vec::new(),
        prices: None,
        hide: None,
        state: None,
        cluster: engine::Cluster::default(),
    };
    let engine = Engine::new(backends, rules::of(&found.settings)?, edges);
    let callers: BTreeSet<&str> = turns.iter().map(|turn| turn.request.caller.as_str()).collect();
    let clients = callers.into_iter().filter(|caller| !caller.is_empty()).map(|caller| {
        (KeyHash::of(key_of(caller).as_bytes()), access::client_named(&found.settings, caller))
    });
    let keys = ClientKeys::of(Clients::new(clients), ThrottleRules::default(), Accounting::default());
    Ok(Arc::new(App {
        names: Names::any(),
        limits: Limits { body_bytes: usize::MAX, ..Limits::default() },
        wires: Some(Arc::new(Given)),
        ..App::new(Arc::new(engine), keys)
    }))
}

/// The name of the host that kept the turns, if it is known.
fn host_id(kept: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(kept).ok().filter(|id| !id.is_empty())
}

/// A backend that was asked then is ready now, whatever it lacks: nobody will be asked.
fn ready(spec: &mut BackendSpec, turns: &[Turn]) {
    let asks =
        || turns.iter().flat_map(|turn| turn.asks.values()).filter(|ask| ask.asked.backend == spec.name);
    let Some(key) = asks().map(|ask| ask.asked.key).max() else { return };
    (spec.missing, spec.logged_out) = (None, None);
    // What quotes a key, and is refused to the client, quotes these.
    let bytes_of = |n: usize| asks().find(|ask| ask.asked.key == n).map_or(1, |ask| ask.asked.key_bytes);
    let n_keys = spec.keys.len().max(key + 1);
    spec.keys = (0..n_keys).map(|n| Secret::new("*".repeat(bytes_of(n).max(1)))).collect();
}

//! How things stand at the moment that somebody asks.
use super::Telemetry;
use ::telemetry::sample::{Kind, Labels, Sample};
use events::wire::Wires;
use loader::Plugin;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

const BACKEND: &str = "lip.backend";
const LIBRARY: &str = "lip.library";

/// A sample without its labels and value.
type Described = (&'static str, &'static str, &'static str, Kind);

const OPEN: Described = ("lip.turns.open", "{turn}", "Turns that are under way", Kind::Gauge);
const DRAINING: Described = ("lip.draining", "1", "Is the host about to end", Kind::Gauge);
const INFO: Described = ("lip.build", "1", "Which version of LIP this is", Kind::Gauge);
const MEMORY: Described = ("process.memory.usage", "By", "Resident memory of the host", Kind::Gauge);
const CAPTURED: Described =
    ("lip.capture.turns", "{turn}", "Turns that capture began to keep", Kind::Counter);
const CAPTURES_CUT: Described = (
    "lip.capture.cut",
    "{turn}",
    "Turns that capture keeps in part or not at all, for a bound or a disk",
    Kind::Counter,
);
const CAPTURE_BYTES: Described = ("lip.capture.bytes", "By", "Bytes that capture has written", Kind::Counter);
const CAPTURE_FAILURES: Described =
    ("lip.capture.failures", "{write}", "Writes that the system refused to capture", Kind::Counter);
const CAPTURE_WAITING: Described =
    ("lip.capture.waiting", "{piece}", "Pieces that wait to be written by capture", Kind::Gauge);
const AGENTS: Described = ("lip.agents", "{process}", "Agents that run, by what they do", Kind::Gauge);
const AVAILABLE: Described =
    ("lip.backend.available", "1", "May turns be sent to this backend now", Kind::Gauge);
const KEYS: Described = ("lip.backend.keys", "{key}", "Keys of a backend, by state", Kind::Gauge);
const BREAKERS: Described =
    ("lip.backend.breakers", "{key}", "Breakers of a backend's keys, by state", Kind::Gauge);
const RESTS: Described = (
    "lip.backend.rests",
    "s",
    "For how long no turn is sent to this backend still; 0: it does not rest",
    Kind::Gauge,
);
const WRITTEN: Described =
    ("lip.usage.written", "{turn}", "Turns that the ledger has written", Kind::Counter);
const LOST: Described = (
    "lip.usage.lost",
    "{turn}",
    "Turns that the ledger could not write, for its queue or its tries were over",
    Kind::Counter,
);
const WAITING: Described =
    ("lip.usage.waiting", "{turn}", "Turns that the ledger has still to write", Kind::Gauge);
const SPOOLED: Described = (
    "lip.usage.spooled",
    "{turn}",
    "Turns that wait on this machine's disk until the database of the ledger is back",
    Kind::Gauge,
);
const STATE: Described =
    ("lip.state.up", "1", "Is the server there that hosts share their state on", Kind::Gauge);
const STATE_COMMANDS: Described = (
    "lip.state.commands",
    "{command}",
    "Commands to the shared state, by what became of them; skipped: it was away",
    Kind::Counter,
);
const STATE_OWED: Described =
    ("lip.state.owed", "{session}", "Sessions with changes that only this host knows", Kind::Gauge);
const STATE_CONFLICTS: Described = (
    "lip.state.conflicts",
    "{write}",
    "Writes of sessions that other hosts came before, and that were put upon theirs",
    Kind::Counter,
);
const FORWARDED: Described = (
    "lip.turns.forwarded",
    "{turn}",
    "Turns that were handed on to the host that has their agent",
    Kind::Counter,
);
const BOUNDS_OWED: Described = (
    "lip.bounds.owed",
    "{sum}",
    "Sums of what client keys have used that other hosts have still to be told",
    Kind::Gauge,
);
const ACCOUNTS: Described =
    ("lip.accounts", "{account}", "Accounts of a backend that are known", Kind::Gauge);
const RENEWALS: Described = (
    "lip.account.renewals",
    "{renewal}",
    "Renewals of the tokens of a backend's accounts, by how they ended",
    Kind::Counter,
);
const TOKEN_AGE: Described = (
    "lip.account.token.age",
    "s",
    "How long ago the oldest token of a backend's accounts was renewed",
    Kind::Gauge,
);
const TASKS: Described =
    ("lip.library.tasks", "{task}", "Tasks of a library that were started", Kind::Counter);
const FAILURES: Described =
    ("lip.library.failures", "{task}", "Tasks of a library that failed", Kind::Counter);
const STEPS: Described = ("lip.library.steps", "{step}", "Steps of a library", Kind::Counter);
const RESTARTS: Described =
    ("lip.library.restarts", "{start}", "Times that a library's worker was started again", Kind::Counter);
const STEP_P99: Described =
    ("lip.library.step_p99", "s", "99 of 100 steps of a library took no longer", Kind::Gauge);
const SPANS_LOST: Described =
    ("lip.spans.lost", "{turn}", "Turns whose spans were not kept, for too many waited", Kind::Counter);

impl Telemetry {
    /// Families together, in a fixed order.
    pub(super) fn samples(&self) -> Vec<Sample> {
        let mut all = vec![
            sample(INFO, vec![("service.version", env!("CARGO_PKG_VERSION").to_owned())], 1.0),
            sample(DRAINING, vec![], f64::from(u8::from(self.drain.has_begun()))),
            sample(OPEN, vec![], self.engine.under_way().len() as f64),
            sample(SPANS_LOST, vec![], self.recorder.spans_lost() as f64),
        ];
        all.extend(resident_bytes().map(|bytes| sample(MEMORY, vec![], bytes)));
        self.usage(&mut all);
        self.state(&mut all);
        self.capture(&mut all);
        self.agents(&mut all);
        self.backends(&mut all);
        self.accounts(&mut all);
        self.libraries(&mut all);
        all
    }

    fn usage(&self, all: &mut Vec<Sample>) {
        let Some(standing) = self.ledger.as_ref().map(|ledger| ledger.standing()) else { return };
        for (described, n) in [
            (WRITTEN, standing.written),
            (LOST, standing.lost),
            (WAITING, standing.waiting),
            (SPOOLED, standing.spooled),
        ] {
            all.push(sample(described, vec![], n as f64));
        }
    }

    fn state(&self, all: &mut Vec<Sample>) {
        let Some(state) = self.engine.state() else { return };
        let link = &state.link;
        all.push(sample(STATE, vec![], f64::from(u8::from(link.is_up))));
        let answered = link.sent.saturating_sub(link.failed);
        for (outcome, n) in [("answered", answered), ("failed", link.failed), ("skipped", link.skipped)] {
            all.push(sample(STATE_COMMANDS, vec![("lip.outcome", outcome.to_owned())], n as f64));
        }
        if let Some(owed) = self.reloader.keys().owed() {
            all.push(sample(BOUNDS_OWED, vec![], owed as f64));
        }
        all.push(sample(STATE_OWED, vec![], state.sessions.owed as f64));
        all.push(sample(STATE_CONFLICTS, vec![], state.sessions.conflicts as f64));
        all.push(sample(FORWARDED, vec![], state.owned.forwarded as f64));
    }

    fn accounts(&self, all: &mut Vec<Sample>) {
        let figures = self.engine.account_figures();
        let label = |backend: &str| (BACKEND, backend.to_owned());
        all.extend(
            figures.iter().map(|(name, own)| sample(ACCOUNTS, vec![label(name)], own.n_accounts as f64)),
        );
        for (name, own) in &figures {
            for (state, n) in [("succeeded", own.renewed), ("failed", own.failed)] {
                all.push(sample(RENEWALS, vec![label(name), ("lip.outcome", state.to_owned())], n as f64));
            }
        }
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        all.extend(figures.iter().filter_map(|(name, own)| {
            let age_ms = now_ms.saturating_sub(own.oldest_ms?);
            Some(sample(TOKEN_AGE, vec![label(name)], age_ms as f64 / 1e3))
        }));
    }

    fn capture(&self, all: &mut Vec<Sample>) {
        if let Some(standing) = self.tapes.as_ref().and_then(|tapes| tapes.standing()) {
            all.push(sample(CAPTURED, vec![], standing.turns as f64));
            all.push(sample(CAPTURES_CUT, vec![], standing.cut as f64));
            all.push(sample(CAPTURE_BYTES, vec![], standing.bytes as f64));
            all.push(sample(CAPTURE_FAILURES, vec![], standing.failures as f64));
            all.push(sample(CAPTURE_WAITING, vec![], standing.waiting as f64));
        }
    }

    fn agents(&self, all: &mut Vec<Sample>) {
        let mut words: Vec<&str> = self.engine.agents().list().iter().map(|row| row.phase.word()).collect();
        words.sort_unstable();
        for same in words.chunk_by(|a, b| a == b) {
            let Some(word) = same.first() else { continue };
            all.push(sample(AGENTS, vec![("lip.state", (*word).to_owned())], same.len() as f64));
        }
    }

    fn backends(&self, all: &mut Vec<Sample>) {
        let standings = self.engine.standings();
        let label = |name: &str| (BACKEND, name.to_owned());
        for standing in &standings {
            let is_available = standing.missing.is_none()
                && standing.rests.is_none()
                && standing.n_disabled < standing.n_keys;
            all.push(sample(AVAILABLE, vec![label(&standing.name)], f64::from(u8::from(is_available))));
        }
        for standing in &standings {
            let rests = standing.rests.unwrap_or_default().as_secs_f64();
            all.push(sample(RESTS, vec![label(&standing.name)], rests));
        }
        // Those that nobody can use have no keys worth a series.
        let usable = || standings.iter().filter(|standing| standing.missing.is_none());
        for standing in usable() {
            let n_resting =
                standing.keys.iter().filter(|key| !key.is_disabled && key.rests.is_some()).count();
            let n_usable = standing.keys.len().saturating_sub(n_resting + standing.n_disabled);
            for (state, n) in [("usable", n_usable), ("resting", n_resting), ("refused", standing.n_disabled)]
            {
                all.push(sample(
                    KEYS,
                    vec![label(&standing.name), ("lip.state", state.to_owned())],
                    n as f64,
                ));
            }
        }
        for standing in usable() {
            for state in ["closed", "open", "half_open"] {
                let n = standing.keys.iter().filter(|key| key.breaker == state).count();
                all.push(sample(
                    BREAKERS,
                    vec![label(&standing.name), ("lip.state", state.to_owned())],
                    n as f64,
                ));
            }
        }
    }

    fn libraries(&self, all: &mut Vec<Sample>) {
        let plugins = self.reloader.plugins();
        let mut add = |described: Described, value: fn(&loader::stats::Snapshot) -> f64| {
            all.extend(
                plugins.iter().map(|plugin| sample(described, library(plugin), value(&plugin.stats()))),
            );
        };
        add(TASKS, |stats| stats.turns as f64);
        add(FAILURES, |stats| stats.failures as f64);
        add(STEPS, |stats| stats.steps as f64);
        add(RESTARTS, |stats| stats.restarts as f64);
        add(STEP_P99, |stats| stats.step_p99_us as f64 / 1e6);
    }
}

fn library(plugin: &Arc<Plugin>) -> Labels {
    let name = plugin.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    vec![(LIBRARY, name)]
}

fn sample((name, unit, help, kind): Described, labels: Labels, value: f64) -> Sample {
    Sample { name, help, unit, kind, labels, value }
}

/// Where the system says it.
fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse::<f64>().ok().map(|kb| kb * 1024.0)
}

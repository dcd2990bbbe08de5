//! One leaf: which configured backends serve it.
use super::{Ask, Backend, Leg, Preference, Readiness, Table, Why};
use crate::selector::Leaf;
use base::{Fault, Kind};
use std::cmp::Reverse;

/// What serves a leaf.
pub(super) struct Found {
    /// The legs, best first; never empty. Several are instances that take turns.
    pub(super) legs: Vec<Leg>,
    /// Would the next turn find the same?
    pub(super) lasts: bool,
}

/// The legs of a leaf.
pub(super) fn resolve(
    table: &Table,
    ask: &Ask<'_>,
    leaf: &Leaf,
    home: Option<&str>,
    why: &mut Vec<Why>,
) -> Result<Found, Fault> {
    let legs = |backends: Vec<&Backend>, model: &str, among: usize| {
        let params = ask.sampling.over(leaf.params());
        let lasts = backends.len() == 1 && among == 1;
        let leg =
            |b: &Backend| Leg { backend: b.name.clone(), model: b.spelling(model), params: params.clone() };
        Found { legs: backends.into_iter().map(leg).collect(), lasts }
    };
    if let Some(backend) = leaf.backend() {
        let name = backend.as_str();
        if table.is_backend(name) {
            let backends = instances(table, ask, name, why)?;
            let lists = |b: &&Backend| b.models.is_empty() || b.lists(leaf.model());
            if !backends.iter().any(lists) {
                why.push(Why::NotInList { model: leaf.model().to_owned(), backend: name.to_owned() });
            }
            return Ok(legs(backends, leaf.model(), 1));
        }
        why.push(Why::NotABackend(name.to_owned()));
    }
    let model = leaf.unsplit();
    let home = home.or(table.default_backend.as_deref());
    if let Some((found, among)) = discover(table, ask, &model, home) {
        why.push(Why::Listed { model: model.clone(), backend: found.name.clone() });
        let backends =
            if found.name == found.family { instances(table, ask, &found.name, why)? } else { vec![found] };
        return Ok(legs(backends, &model, among));
    }
    match home {
        Some(home) => {
            let backends = instances(table, ask, home, why)?;
            why.push(Why::Unlisted { model: model.clone(), backend: home.to_owned() });
            Ok(legs(backends, &model, 1))
        }
        None => Err(unknown_model(table, leaf, &model)),
    }
}

fn unknown_model(table: &Table, leaf: &Leaf, model: &str) -> Fault {
    let fault = Fault::client(Kind::NotFound, format!("no backend knows the model `{model}`"))
        .code("unknown_model")
        .param("model");
    match leaf.backend().and_then(|backend| table.closest(backend.as_str())) {
        Some(close) => fault.hint(format!("Did you mean {close}:{}?", leaf.model())),
        None if table.backends.is_empty() => fault.hint("Configure a backend first"),
        None => {
            fault.hint(format!("Write backend:model or set a default backend; configured: {}", table.names()))
        }
    }
}

impl Backend {
    pub(super) fn lists(&self, model: &str) -> bool {
        self.models.contains(model) || self.models.contains(&self.spelling(model))
    }

    /// The model as this backend lists it: with or without its vendor's prefix.
    fn spelling(&self, model: &str) -> String {
        let Some(vendor) = &self.vendor else {
            return model.to_owned();
        };
        match model.strip_prefix(vendor.as_str()).and_then(|rest| rest.strip_prefix('/')) {
            Some(rest) if !rest.is_empty() && !self.models.contains(model) => rest.to_owned(),
            _ => model.to_owned(),
        }
    }
}

impl Table {
    /// The instances behind a backend name that can serve; never empty.
    ///
    /// `openai` means itself and its numbered siblings `openai.1`, `openai.2` … (one per numbered key), which take
    /// turns. A sibling with a word for a name (`openai.work`) is another account: it is used only if named, or if there
    /// is no plain `openai`.
    pub(super) fn ready(&self, name: &str) -> Result<Vec<&Backend>, Fault> {
        let exact = self.backend(name);
        let numbered = |b: &Backend| {
            b.name
                .split_once('.')
                .is_some_and(|(root, n)| root == name && n.bytes().all(|c| c.is_ascii_digit()))
        };
        let of_family = |b: &&Backend| match exact {
            Some(_) => b.name == name || numbered(b),
            None => b.family == name || numbered(b),
        };
        let all: Vec<&Backend> = self.backends.iter().filter(of_family).collect();
        let ready: Vec<&Backend> = all.iter().copied().filter(|b| b.is_ready()).collect();
        match ready.is_empty() {
            true => Err(not_ready(self, name, all.first().copied())),
            false => Ok(ready),
        }
    }
}

/// The instances behind a backend name, in this turn's order.
fn instances<'t>(
    table: &'t Table,
    ask: &Ask<'_>,
    name: &str,
    why: &mut Vec<Why>,
) -> Result<Vec<&'t Backend>, Fault> {
    let mut ready = table.ready(name)?;
    if ready.len() > 1 {
        let turn = usize::try_from(ask.rotation % ready.len() as u64).unwrap_or(0);
        ready.rotate_left(turn);
        why.push(Why::Spread { backend: name.to_owned(), n_instances: ready.len() });
    }
    Ok(ready)
}

fn not_ready(table: &Table, name: &str, backend: Option<&Backend>) -> Fault {
    if let Some(Backend { ready: Readiness::Unready { reason, remedy }, .. }) = backend {
        return Fault::host(Kind::Unavailable, format!("backend `{name}` is not ready: {reason}"))
            .hint(remedy.clone())
            .code("backend_not_ready");
    }
    let fault =
        Fault::client(Kind::NotFound, format!("backend `{name}` is not configured")).code("unknown_backend");
    let family = name.split_once('.').map_or(name, |(family, _)| family);
    if table.families.contains(family) {
        return fault.hint(format!("Add it under `backends`; configured: {}", table.names()));
    }
    match table.closest(name) {
        Some(close) => fault.hint(format!("Did you mean {close}?")),
        None => fault.hint(format!("Configured: {}", table.names())),
    }
}

/// Who lists the model: exact spelling before vendor-prefix variants, home before others, then the preference; and among how
/// many equals it was this one's turn.
fn discover<'t>(
    table: &'t Table,
    ask: &Ask<'_>,
    model: &str,
    home: Option<&str>,
) -> Option<(&'t Backend, usize)> {
    let ready = || table.backends.iter().filter(|b| b.is_ready());
    let exact: Vec<&Backend> = ready().filter(|b| b.models.contains(model)).collect();
    let found = if exact.is_empty() { ready().filter(|b| b.lists(model)).collect() } else { exact };
    if let Some(at_home) = found.iter().find(|b| Some(b.name.as_str()) == home) {
        return Some((at_home, 1));
    }
    let rank = |b: &Backend| match table.preference {
        Preference::RoundRobin => (Reverse(0), 0),
        Preference::Priority => (Reverse(b.priority), 0),
        Preference::Cost => (Reverse(0), b.cost),
    };
    let best = found.iter().map(|b| rank(b)).min()?;
    let equals: Vec<&Backend> = found.into_iter().filter(|b| rank(b) == best).collect();
    let turn = usize::try_from(ask.rotation % (equals.len() as u64).max(1)).unwrap_or(0);
    equals.get(turn).map(|backend| (*backend, equals.len()))
}

//! Whose word counts: picks the text that decides this turn and reads it.
use super::{Ask, Table, Why};
use crate::selector::{Leaf, Parsed, Selector};
use base::{Fault, Kind, Sampling};

/// The selector of this turn and how it is to be taken.
pub(super) struct Choice {
    pub(super) selector: Selector,
    /// The backend that the request itself names: preferred for a session's bare model.
    pub(super) home: Option<String>,
    pub(super) uses_oneoff: bool,
    /// True if a fallback route of the configuration may follow.
    pub(super) may_fall_back: bool,
}

pub(super) fn choose(table: &Table, ask: &Ask<'_>, why: &mut Vec<Why>) -> Result<Choice, Fault> {
    let given = |selector| Choice { selector, home: None, uses_oneoff: false, may_fall_back: false };
    let session = ask.overrides;
    if let Some(forced) = table.static_route.as_ref().filter(|_| !ask.is_nested) {
        why.push(Why::Static);
        return Ok(given(forced.0.clone()));
    }
    if let Some(header) = ask.header.map(str::trim).filter(|text| !text.is_empty()) {
        why.push(Why::Header(header.to_owned()));
        return Ok(given(read(table, ask, header, Source::Given, why)?));
    }
    if let Some(oneoff) = &session.oneoff {
        why.push(Why::Oneoff(oneoff.clone()));
        let selector = read(table, ask, oneoff, Source::Given, why)?;
        return Ok(Choice { uses_oneoff: true, ..given(selector) });
    }
    if let Some(route) = &session.route {
        why.push(Why::SessionRoute(route.clone()));
        return Ok(given(read(table, ask, route, Source::Given, why)?));
    }
    match (&session.backend, &session.model) {
        (Some(backend), model) => session_backend(table, ask, (backend, model.as_deref()), why).map(given),
        (None, Some(model)) => {
            why.push(Why::SessionModel(model.clone()));
            let selector = read(table, ask, model, Source::Given, why)?;
            Ok(Choice { home: requested_backend(table, ask), ..given(selector) })
        }
        (None, None) => {
            why.push(Why::Request(ask.model.to_owned()));
            let selector = read(table, ask, ask.model, Source::Request, why)?;
            Ok(Choice { may_fall_back: !ask.is_nested, ..given(selector) })
        }
    }
}

/// The session's backend with the session's model, or with the model that the request would have got.
fn session_backend(
    table: &Table,
    ask: &Ask<'_>,
    (backend, model): (&str, Option<&str>),
    why: &mut Vec<Why>,
) -> Result<Selector, Fault> {
    why.push(Why::SessionBackend(backend.to_owned()));
    if !table.is_backend(backend) {
        return Err(Fault::client(
            Kind::NotFound,
            format!("the session's backend `{backend}` is not configured"),
        )
        .hint("Leave it with !/unset(backend)")
        .code("unknown_backend"));
    }
    let (name, params) = match model {
        Some(model) => {
            why.push(Why::SessionModel(model.to_owned()));
            match Selector::parse(model) {
                Ok(Parsed { selector: Selector::One(one), .. }) => {
                    (one.leaf.unsplit(), one.leaf.params().clone())
                }
                _ => (model.to_owned(), Sampling::default()),
            }
        }
        None => {
            why.push(Why::Request(ask.model.to_owned()));
            let selector = read(table, ask, ask.model, Source::Request, why)?;
            match selector.leaves().first() {
                Some(leaf) if leaf.backend().is_some_and(|b| table.is_backend(b.as_str())) => {
                    (leaf.model().to_owned(), leaf.params().clone())
                }
                Some(leaf) => (leaf.unsplit(), leaf.params().clone()),
                None => (ask.model.to_owned(), Sampling::default()),
            }
        }
    };
    let named = crate::selector::BackendName::parse(backend);
    match named.and_then(|backend| Leaf::new(Some(backend), name, params)) {
        Some(leaf) => Ok(Selector::One(crate::selector::Branch { leaf, max_context: None })),
        None => Err(Fault::client(
            Kind::BadRequest,
            format!("session backend `{backend}` cannot take this model"),
        )
        .hint("Set it anew with !/backend(name)")),
    }
}

fn requested_backend(table: &Table, ask: &Ask<'_>) -> Option<String> {
    let parsed = Selector::parse(ask.model).ok()?;
    let backend = parsed.selector.leaves().first()?.backend()?.as_str().to_owned();
    table.is_backend(&backend).then_some(backend)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The request's `model`: every alias applies.
    Request,
    /// A header or a session value: aliases apply to bare names alone.
    Given,
}

fn read(
    table: &Table,
    ask: &Ask<'_>,
    text: &str,
    source: Source,
    why: &mut Vec<Why>,
) -> Result<Selector, Fault> {
    let text = text.trim();
    if let Some(route) = named(table, ask, text, why)? {
        return Ok(route);
    }
    let bare = || match Selector::parse(text) {
        Ok(Parsed { selector: Selector::One(one), .. }) => {
            one.leaf.backend().is_none_or(|backend| !table.is_backend(backend.as_str()))
        }
        _ => false,
    };
    if !table.aliases.is_empty()
        && (source == Source::Request || bare())
        && let Some((index, to)) = table.aliases.rewrite(text)
    {
        why.push(Why::Alias { index, from: text.to_owned(), to: to.clone() });
        return match named(table, ask, &to, why)? {
            Some(route) => Ok(route),
            None => parse(&to, why),
        };
    }
    // A name that a backend lists is never an expression, whatever characters it has.
    let selector = match listed_verbatim(table, text) {
        Some(leaf) => Selector::One(crate::selector::Branch { leaf, max_context: None }),
        None => parse(text, why)?,
    };
    allowed(table, &selector)?;
    Ok(selector)
}

fn listed_verbatim(table: &Table, text: &str) -> Option<Leaf> {
    let special = text.contains(['|', '^', '!', '?', '[', '%']);
    (special && table.backends.iter().any(|backend| backend.models.contains(text)))
        .then(|| Leaf::new(None, text, Sampling::default()))
        .flatten()
}

fn parse(text: &str, why: &mut Vec<Why>) -> Result<Selector, Fault> {
    let parsed = Selector::parse(text).map_err(|e| e.fault())?;
    why.extend(parsed.warnings.into_iter().map(|warning| Why::Ignored(warning.message)));
    Ok(parsed.selector)
}

/// The failover route of that name: the session's own, else the configured one.
fn named(table: &Table, ask: &Ask<'_>, name: &str, why: &mut Vec<Why>) -> Result<Option<Selector>, Fault> {
    let Some(route) = ask.overrides.named.get(name).or_else(|| table.named.get(name)) else {
        return Ok(None);
    };
    if route.elements.is_empty() {
        return Err(Fault::client(Kind::Unprocessable, format!("failover route `{name}` has no elements"))
            .hint(format!("Add one with !/route-append(name={name}, backend:model)")));
    }
    why.push(Why::Named(name.to_owned()));
    parse(&route.elements.join("|"), why).map(Some)
}

fn allowed(table: &Table, selector: &Selector) -> Result<(), Fault> {
    let policy = &table.policy;
    for leaf in selector.leaves() {
        let backend = leaf.backend().filter(|backend| table.is_backend(backend.as_str()));
        let refused = match backend {
            Some(_) if policy.refuse_backends => Some("routes that name a backend are switched off"),
            Some(b) if policy.refuse_instances && b.instance().is_some() => {
                Some("routes that name a backend instance are switched off")
            }
            None if policy.refuse_models => Some("routes without a backend are switched off"),
            _ => None,
        };
        if let Some(reason) = refused {
            return Err(Fault::client(Kind::Forbidden, format!("{leaf}: {reason}"))
                .hint("Ask the operator which names are allowed")
                .code("policy_rejected")
                .param("model"));
        }
    }
    Ok(())
}

//! Turns that need no code: one request, described once, whose answer is the client's.
use crate::{Ctx, Error, HttpRequest, Result, Turn};
use serde::Serialize;
use std::borrow::Cow;

type Header = (Cow<'static, str>, Cow<'static, str>);

/// Every turn of one dialect as one request: the body goes out as it is, with `content-type: application/json`, and what comes
/// back is handed on, errors included. The host carries it out without resuming the library.
///
/// Headers of the client that belong to the dialect (see [`Turn::headers`]) go along, unless the request sets them itself.
#[derive(Debug, Clone, Serialize)]
pub struct Passage {
    dialect: Cow<'static, str>,
    #[serde(flatten)]
    request: HttpRequest,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    default_headers: Vec<Header>,
}

impl Passage {
    /// Turns of `dialect` go out as `request`.
    pub fn new(dialect: impl Into<Cow<'static, str>>, request: HttpRequest) -> Self {
        Self { dialect: dialect.into(), request, default_headers: Vec::new() }
    }

    /// Adds a header for turns whose client sends none of that name. `name` in lower case.
    #[must_use]
    pub fn default_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.default_headers.push((name.into(), value.into()));
        self
    }

    /// What the host would do, done through effects: for hosts that know no passages.
    pub(crate) async fn carry_out(among: Vec<Self>, cx: Ctx, turn: Turn) -> Result<()> {
        let passage = among.into_iter().find(|passage| passage.dialect == turn.dialect);
        let Some(Self { request, default_headers, .. }) = passage else {
            return Err(Error::unsupported(format!("this connector takes no turn in {}", turn.dialect)));
        };
        let client: Vec<Header> = turn.headers.into_iter().map(|(n, v)| (n.into(), v.into())).collect();
        let is_own = |name: &str| request.sets(name);
        let brought: Vec<Header> = client.into_iter().filter(|(name, _)| !is_own(name)).collect();
        let is_missing = |(name, _): &Header| !is_own(name) && brought.iter().all(|(own, _)| own != name);
        let defaults: Vec<Header> = default_headers.into_iter().filter(is_missing).collect();
        let request = request.headers(brought).headers(defaults);
        cx.http(request.json(turn.body)).await?.splice();
        Ok(())
    }
}

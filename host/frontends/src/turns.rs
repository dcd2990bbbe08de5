//! From an HTTP request to a turn, the same for every dialect.
use crate::app::App;
use crate::intake::Incoming;
use crate::wired::{self, Wired};
use access::Client;
use base::{Fault, Kind};
use bytes::Bytes;
use engine::{Turn, What};
use events::wire::{Wire, judged};
use http::request::Parts;
use lip_wire::Dialect;
use lip_wire::lens::{self, Field, JsonType};
use std::sync::Arc;

/// Who judges whether a client may use more.
const LIMITS: &str = "limits";

/// What a route says of its requests.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    pub(crate) dialect: Dialect,
    pub(crate) what: What,
    /// Client headers that belong to the dialect and go upstream.
    pub(crate) forwarded: &'static [&'static str],
}

/// What the URL says, where the dialect says it there.
#[derive(Default)]
pub(crate) struct InUrl {
    pub(crate) model: Option<String>,
    pub(crate) stream: Option<bool>,
}

impl Route {
    /// Reads the request and makes the turn.
    ///
    /// # Errors
    /// The client's fault; the body has been read to its end, within bounds.
    pub(crate) async fn turn(
        self,
        app: &App,
        parts: &mut Parts,
        body: impl Incoming,
        url: InUrl,
    ) -> Result<Turn, Fault> {
        let (client, body) = app.intake_of(parts, body).await?;
        if let Some(Wired(wire)) = parts.extensions.get().filter(|_| app.wires.is_some()) {
            wired::request(&**wire, parts, &body, &client);
        }
        let turn = self.turn_for(&client, app, parts, (&body, url))?;
        self.begin(&client, app, turn.wire.clone()).await?;
        Ok(turn)
    }

    /// Makes the turn of a body that has been read, for a client that was let in.
    ///
    /// # Errors
    /// The client's fault.
    pub(crate) async fn turn_of(
        self,
        client: &Arc<Client>,
        app: &App,
        parts: &mut Parts,
        body: &Bytes,
    ) -> Result<Turn, Fault> {
        let turn = self.turn_for(client, app, parts, (body, InUrl::default()))?;
        self.begin(client, app, turn.wire.clone()).await?;
        Ok(turn)
    }

    /// A turn that could be made counts for the bounds of its client: told to its wires, or as it was when the turn was kept.
    async fn begin(self, client: &Client, app: &App, wire: Option<Arc<dyn Wire>>) -> Result<(), Fault> {
        if self.what == What::CountTokens {
            return Ok(());
        }
        let begun = match wire.as_ref().and_then(|wire| wire.refused_before(LIMITS)) {
            Some(fault) => return Err(fault),
            None => app.keys.begin_turn(client).await,
        };
        // What has been judged is told where all judges tell it.
        judged(wire.as_ref(), LIMITS, || begun)
    }

    fn turn_for(
        self,
        client: &Arc<Client>,
        app: &App,
        parts: &mut Parts,
        (body, url): (&Bytes, InUrl),
    ) -> Result<Turn, Fault> {
        let lens = scanned(self.dialect, body)?;
        let in_body = || lens.model().map(std::borrow::Cow::into_owned);
        let Some(model) = url.model.or_else(in_body).filter(|model| !model.is_empty()) else {
            let fault =
                Fault::client(Kind::BadRequest, "model: the field is missing or empty").param("model");
            return Err(fault
                .code("missing_required_parameter")
                .hint("GET /v1/models lists what can be named"));
        };
        if self.what == What::Generate {
            conversation(&lens)?;
        }
        let wired = if app.wires.is_some() { parts.extensions.remove() } else { None };
        let wire = wired.map(|Wired(wire)| wire);
        let stream = url.stream.or_else(|| lens.stream()).unwrap_or(false);
        Ok(Turn {
            dialect: self.dialect,
            what: self.what,
            model,
            stream,
            lens,
            headers: std::mem::take(&mut parts.headers),
            forwarded: self.forwarded,
            caller: client.name.clone(),
            client: Some(client).filter(|client| !client.grants.are_all() || client.needs_prices()).cloned(),
            shorthand: None,
            wire,
            rest: None,
            continues: None,
        })
    }
}

/// A lens over a body.
///
/// # Errors
/// The client's fault, with the path of what is wrong.
pub(crate) fn scanned(dialect: Dialect, body: &Bytes) -> Result<lens::Lens, Fault> {
    lens::scan(dialect, body).map_err(|error| malformed(&error, body))
}

fn malformed(error: &lens::LensError, body: &[u8]) -> Fault {
    let fault = |sentence: String| Fault::client(Kind::BadRequest, sentence).code("invalid_body");
    match lens::place(error, body) {
        None => fault(error.to_string()),
        Some(path) if error.path().is_some() => fault(error.to_string()).param(path),
        // Not every dialect's error has a place for the path.
        Some(path) => fault(format!("{path}: {error}")).param(path),
    }
}

/// A conversation is what no upstream can do without, whatever it is asked to make of it. Responses may be asked by the name of a stored prompt.
///
/// # Errors
/// The client's fault: it is not there.
fn conversation(lens: &lens::Lens) -> Result<(), Fault> {
    let name = match lens.dialect() {
        Dialect::OpenAiChat | Dialect::AnthropicMessages | Dialect::Ollama => "messages",
        Dialect::Gemini => "contents",
        Dialect::OpenAiResponses | Dialect::Lip => return Ok(()),
    };
    if lens.json_type(Field::Messages).is_some_and(|kind| kind != JsonType::Null) {
        return Ok(());
    }
    let fault = Fault::client(Kind::BadRequest, format!("{name}: required field is missing"));
    Err(fault.code("missing_required_parameter").param(name))
}

//! From the client's dialect to an upstream's and back, through the canonical model.
use crate::turn::Turn;
use crate::wire;
use base::{Fault, Kind, Retry, Sampling};
use bytes::Bytes;
use lip_wire::Dialect;
use lip_wire::canon::{Collector, Event, Failure, ReasoningMode, Reply, Request, split};
use lip_wire::codec::{self, CodecError, EncodeCtx, RequestOptions, StreamEncoder, UrlParts};
use lip_wire::lens::Field;
use lip_wire::loss::Losses;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

/// What a request is translated to.
pub(crate) struct Wanted<'a> {
    pub(crate) model: &'a str,
    pub(crate) dialect: Dialect,
    /// Overrules the request's own options, also where the client's dialect has no words for them.
    pub(crate) sampling: &'a Sampling,
    pub(crate) spelling: &'a RequestOptions,
}

/// The turn's request as wanted.
///
/// # Errors
/// The client's fault, with the path of the field that cannot be read.
pub(crate) fn request(
    turn: &Turn,
    body: &Bytes,
    wanted: &Wanted<'_>,
) -> Result<(Bytes, Arc<Request>, Losses), Fault> {
    let &Wanted { model, dialect, sampling, spelling } = wanted;
    let is_foreign = dialect != turn.dialect;
    if is_foreign {
        self_contained(turn)?;
    }
    let url = UrlParts { model: Some(&turn.model), stream: Some(turn.stream) };
    let (mut request, mut losses) =
        codec::decode_request(turn.dialect, body, &url).map_err(|e| unreadable(&e))?;
    model.clone_into(&mut request.model);
    overrule(&mut request, sampling);
    request.stream = Some(turn.stream);
    if turn.stream && is_foreign {
        // Every other dialect reports usage at the end of a stream without being asked.
        request.stream_options.include_usage = Some(true);
    }
    let (body, more) = codec::encode_request(dialect, &request, spelling).map_err(|e| unreadable(&e))?;
    losses.append(more);
    report(&losses, turn.dialect, dialect);
    Ok((body.into(), Arc::new(request), losses))
}

/// Session and selector overrule the request.
fn overrule(request: &mut Request, with: &Sampling) {
    let own = &mut request.sampling;
    own.temperature = with.temperature.or(own.temperature);
    own.top_p = with.top_p.or(own.top_p);
    own.top_k = with.top_k.map(u64::from).or(own.top_k);
    if let Some(level) = with.verbosity {
        request.verbosity = Some(level.name().to_owned());
    }
    if let Some(effort) = with.reasoning_effort {
        let own = request.reasoning.get_or_insert_default();
        own.effort = Some(effort.name().to_owned());
        (own.mode, own.budget_tokens) = (None, None);
    }
    if let Some(tokens) = with.thinking_budget {
        let own = request.reasoning.get_or_insert_default();
        own.budget_tokens = Some(i64::from(tokens));
        own.mode = Some(ReasoningMode::Enabled);
    }
}

/// A body that points at an answer which only an upstream of its own dialect could know must not lose its conversation.
fn self_contained(turn: &Turn) -> Result<(), Fault> {
    let Some(id) = turn.lens.text(Field::PreviousResponseId) else { return Ok(()) };
    let fault = Fault::client(Kind::BadRequest, format!("Previous response with id '{id}' not found"));
    let fault = fault.code("previous_response_not_found").param("previous_response_id");
    Err(fault.hint("Send the whole conversation as input").retry(Retry::Elsewhere))
}

/// What the encoder of the client's dialect must know.
/// `request` is the decoded request where it is at hand: answers of OpenAI Responses repeat it.
pub(crate) fn context(turn: &Turn, request: Option<&Arc<Request>>) -> EncodeCtx {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = turn.now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Unique per answer: the clock tells hosts and restarts apart, the count answers of one moment; of a turn that may be carried out
    // again its chance does.
    let count = match &turn.wire {
        None => NEXT.fetch_add(1, Ordering::Relaxed),
        Some(wire) => wire.moment().draw(u64::MAX),
    };
    let count = count & 0xff_ffff;
    let id = format!("{}{:012x}{count:06x}", prefix(turn.dialect), now.as_micros() as u64);
    EncodeCtx {
        reply_id: id,
        created_unix: i64::try_from(now.as_secs()).unwrap_or_default(),
        model: Some(turn.model.clone()),
        request: request.map(Arc::clone).or_else(|| decoded(turn)),
        include_usage: turn.lens.include_usage().unwrap_or(false),
        ..EncodeCtx::default()
    }
}

/// How answers of a dialect are named.
const fn prefix(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAiChat => "chatcmpl-",
        Dialect::OpenAiResponses => "resp_",
        Dialect::AnthropicMessages => "msg_",
        Dialect::Gemini | Dialect::Ollama | Dialect::Lip => "",
    }
}

/// The request, for the one dialect whose answers repeat it.
fn decoded(turn: &Turn) -> Option<Arc<Request>> {
    if turn.dialect != Dialect::OpenAiResponses {
        return None;
    }
    let url = UrlParts { model: Some(&turn.model), stream: Some(turn.stream) };
    codec::decode_request(turn.dialect, turn.lens.body(), &url).ok().map(|(request, _)| Arc::new(request))
}

/// A whole upstream answer for a client that wants it whole.
///
/// # Errors
/// The upstream's fault when its answer cannot be read.
pub(crate) fn whole(turn: &Turn, ctx: &EncodeCtx, from: Dialect, body: &[u8]) -> Result<Bytes, Fault> {
    let (reply, losses) = codec::decode_reply(from, body).map_err(|e| nonsense(&e))?;
    report(&losses, from, turn.dialect);
    encode_whole(turn, ctx, from, &reply)
}

/// A whole upstream answer for a client that wants a stream.
///
/// # Errors
/// The upstream's fault when its answer cannot be read.
pub(crate) fn whole_as_stream(
    turn: &Turn,
    ctx: EncodeCtx,
    from: Dialect,
    body: &[u8],
) -> Result<Bytes, Fault> {
    let (reply, losses) = codec::decode_reply(from, body).map_err(|e| nonsense(&e))?;
    report(&losses, from, turn.dialect);
    let mut events = Vec::new();
    split(reply, &mut events);
    let mut encoder = StreamEncoder::new(turn.dialect, ctx).map_err(|e| nonsense(&e))?;
    let mut out = Vec::with_capacity(body.len());
    for event in &events {
        encoder.encode(event, &mut out);
    }
    Ok(out.into())
}

/// A streamed upstream answer, collected for a client that wants it whole.
///
/// # Errors
/// The failure that the stream told of or its cut.
pub(crate) fn collected(
    turn: &Turn,
    ctx: &EncodeCtx,
    from: Dialect,
    collector: Collector,
) -> Result<Bytes, Fault> {
    let reply = collector.finish().map_err(|failure| of_failure(&failure))?;
    encode_whole(turn, ctx, from, &reply)
}

fn encode_whole(turn: &Turn, ctx: &EncodeCtx, from: Dialect, reply: &Reply) -> Result<Bytes, Fault> {
    let (body, losses) = codec::encode_reply(turn.dialect, reply, ctx).map_err(|e| nonsense(&e))?;
    report(&losses, from, turn.dialect);
    Ok(body.into())
}

/// The fault that a failure inside an answer stands for.
pub(crate) fn of_failure(failure: &Failure) -> Fault {
    let status = failure.status.unwrap_or(502);
    let fault = Fault::upstream(Kind::from_status(status), failure.message.clone()).code("upstream_cut");
    fault.retry(Retry::Elsewhere)
}

/// The in-stream form of a fault.
pub(crate) fn failed(fault: &Fault) -> Event {
    let wire = wire::neutral(fault);
    Event::Failed(Box::new(Failure {
        kind: wire.kind,
        message: wire.message,
        code: wire.code,
        status: Some(wire.status),
        ..Failure::default()
    }))
}

fn unreadable(error: &CodecError) -> Fault {
    let fault = Fault::client(Kind::BadRequest, error.to_string()).code("invalid_body");
    if error.path.is_empty() { fault } else { fault.param(error.path.clone()) }
}

/// The upstream's answer is no answer of its dialect.
pub(crate) fn nonsense(error: &CodecError) -> Fault {
    let fault = Fault::upstream(Kind::BadGateway, format!("the upstream's answer cannot be read: {error}"));
    fault.code("upstream_malformed")
}

pub(crate) fn report(losses: &Losses, from: Dialect, to: Dialect) {
    for loss in losses.iter() {
        tracing::debug!(%from, %to, ?loss, "lost in translation");
    }
}

//! Answers, taken out of their envelope `{"response": {…}, "traceId": …}`: by a stream's events, or whole. What is inside stays as
//! it came.
use crate::commas;
use bytes::Bytes;
use lip_plugin::{Buf, Ctx, Error, HttpResponse, Refusal, Result, serde_json};
use lip_wire::frame::sse::Decoder;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The most of an answer that is no stream although one was asked for: 32 MiB.
const BYTES_MAX: usize = 32 << 20;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    error: Option<IgnoredAny>,
}

/// What an envelope holds.
#[derive(Debug)]
pub(crate) enum Inside<'a> {
    /// An answer of Gemini's.
    Answer(Cow<'a, [u8]>),
    /// An error, although the status said success.
    Refused(Refusal),
    /// Neither: a trace id, credits that were used.
    Nothing,
}

/// Opens an envelope.
///
/// # Errors
/// `upstream` when it is none.
pub(crate) fn open(json: &[u8]) -> Result<Inside<'_>> {
    match opened(json) {
        Ok(inside) => Ok(inside),
        Err(error) => {
            let mended = commas::without_doubled(json);
            let inside = mended.as_deref().and_then(|mended| match opened(mended).ok()? {
                Inside::Answer(answer) => Some(Inside::Answer(answer.into_owned().into())),
                Inside::Refused(refusal) => Some(Inside::Refused(refusal)),
                Inside::Nothing => Some(Inside::Nothing),
            });
            inside.ok_or_else(|| {
                Error::upstream(502, format!("the answer of Code Assist is malformed: {error}"))
            })
        }
    }
}

fn opened(json: &[u8]) -> serde_json::Result<Inside<'_>> {
    if json.trim_ascii_start().first() == Some(&b'[') {
        return Ok(Inside::Refused(refused(json)));
    }
    let envelope: Envelope<'_> = serde_json::from_slice(json)?;
    Ok(match (envelope.error, envelope.response) {
        (Some(_), _) => Inside::Refused(refused(json)),
        (None, Some(answer)) => Inside::Answer(answer.get().as_bytes().into()),
        (None, None) => Inside::Nothing,
    })
}

/// An error that came with a status of success has its own in the body.
fn refused(json: &[u8]) -> Refusal {
    let mut refusal = Refusal::new(502, Vec::new(), json);
    let code = refusal.json.pointer("/error/code").and_then(serde_json::Value::as_u64);
    if let Some(code) = code.and_then(|code| u16::try_from(code).ok()).filter(|c| (400..600).contains(c)) {
        refusal.status = code;
    }
    refusal
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    finish_reason: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback {
    block_reason: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    #[serde(default)]
    candidates: Vec<Candidate>,
    prompt_feedback: Option<Feedback>,
}

/// Does an answer say that it is the last one? Source: Gemini API reference, `Candidate.finishReason`, `PromptFeedback`.
fn is_end(answer: &[u8]) -> bool {
    serde_json::from_slice(answer).is_ok_and(|told: Told| {
        told.candidates.iter().any(|candidate| candidate.finish_reason.is_some())
            || told.prompt_feedback.is_some_and(|feedback| feedback.block_reason.is_some())
    })
}

/// Gives the client a whole answer, or tells what refuses it.
///
/// # Errors
/// As for [`HttpResponse::bytes`]; `upstream` when there is no answer in it.
pub(crate) async fn whole(cx: &Ctx, mut response: HttpResponse) -> Result<Option<Refusal>> {
    let bytes = Buf::from(response.bytes().await?);
    match open(&bytes)? {
        Inside::Refused(refusal) => return Ok(Some(refusal)),
        Inside::Nothing => return Err(Error::upstream(502, "Code Assist has answered with nothing")),
        Inside::Answer(Cow::Owned(answer)) => cx.answer(answer),
        Inside::Answer(Cow::Borrowed(answer)) => cx.answer(within(&bytes, answer)),
    }
    Ok(None)
}

/// `part` of `whole`, shared.
fn within(whole: &Buf, part: &[u8]) -> Buf {
    let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    let range = start..start.wrapping_add(part.len());
    whole.slice(range).filter(|found| found.len() == part.len()).unwrap_or_else(|| part.to_vec().into())
}

/// The stream so far.
#[derive(Default)]
struct Relay {
    frames: Vec<u8>,
    is_started: bool,
    is_ended: bool,
}

impl Relay {
    /// Takes one event. Some: it is an error, and the client has seen nothing yet.
    fn event(&mut self, data: &[u8]) -> Result<Option<Refusal>> {
        match open(data)? {
            Inside::Nothing => {}
            Inside::Refused(refusal) if self.is_started || !self.frames.is_empty() => {
                return Err(refusal.error());
            }
            Inside::Refused(refusal) => return Ok(Some(refusal)),
            Inside::Answer(answer) => {
                self.is_ended |= is_end(&answer);
                self.frames.extend_from_slice(b"data: ");
                if answer.contains(&b'\n') || answer.contains(&b'\r') {
                    // A line break would end the event's line; in JSON it is mere space.
                    self.frames.extend(answer.iter().filter(|byte| !matches!(byte, b'\n' | b'\r')));
                } else {
                    self.frames.extend_from_slice(&answer);
                }
                self.frames.extend_from_slice(b"\n\n");
            }
        }
        Ok(None)
    }

    async fn send(&mut self, cx: &Ctx) {
        if !self.frames.is_empty() {
            self.is_started = true;
            cx.send(std::mem::take(&mut self.frames)).await;
        }
    }
}

/// Gives the client a streamed answer, event by event; or tells what refuses it, before the client has seen anything.
///
/// # Errors
/// As for [`HttpResponse::chunk`]; `upstream` when the stream ends before the answer does.
pub(crate) async fn stream(cx: &Ctx, mut response: HttpResponse) -> Result<Option<Refusal>> {
    let (mut relay, mut decoder) = (Relay::default(), Decoder::default());
    let mut is_first = true;
    while let Some(chunk) = response.chunk().await? {
        if std::mem::take(&mut is_first) && matches!(chunk.trim_ascii_start().first(), Some(b'{' | b'[')) {
            // No events but one JSON text: so come errors.
            let text = rest(response, &chunk).await?;
            if let Some(refusal) = relay.event(&text)? {
                return Ok(Some(refusal));
            }
            break;
        }
        decoder.push(Bytes::from_owner(chunk));
        let taken = take(&mut relay, &mut decoder);
        // What came before an error in the same chunk is the client's all the same.
        relay.send(cx).await;
        if let Some(refusal) = taken? {
            return Ok(Some(refusal));
        }
    }
    if let Some(event) = decoder.finish()
        && let Some(refusal) = relay.event(&event.data)?
    {
        return Ok(Some(refusal));
    }
    relay.send(cx).await;
    match relay {
        Relay { is_ended: true, .. } => Ok(None),
        Relay { is_started: true, .. } => {
            Err(Error::upstream(502, "the answer of Code Assist ended before it said why"))
        }
        Relay { .. } => Err(Error::upstream(502, "Code Assist has answered with an empty stream")),
    }
}

/// All events that are there.
fn take(relay: &mut Relay, decoder: &mut Decoder) -> Result<Option<Refusal>> {
    while let Some(event) = decoder.next_event() {
        let event = event.map_err(|error| Error::upstream(502, error))?;
        if event.data.as_ref() == b"[DONE]" {
            continue;
        }
        if let Some(refusal) = relay.event(&event.data)? {
            return Ok(Some(refusal));
        }
    }
    Ok(None)
}

async fn rest(mut response: HttpResponse, head: &[u8]) -> Result<Vec<u8>> {
    let mut text = head.to_vec();
    while let Some(chunk) = response.chunk().await? {
        if text.len() + chunk.len() > BYTES_MAX {
            return Err(Error::upstream(502, "the answer of Code Assist is larger than 32 MiB"));
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text)
}

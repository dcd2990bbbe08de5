//! Counts input tokens on this machine, for clients that ask often and need no exact answer. Always marked as an estimate.
//!
//! Agents ask dozens of times at once when they start; no upstream is called for that.
use crate::turn::{Reply, ReplyBody, Turn};
use base::{Fault, Kind};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use lip_wire::Dialect;
use lip_wire::canon::{Content, Part, Request};
use lip_wire::codec::{self, UrlParts};
use serde_json::{Value, json};
use std::sync::Arc;

const COUNT_HEADER: HeaderName = HeaderName::from_static("x-lip-token-count");
/// Tokens around each message: role and separators, as OpenAI's cookbook counts them.
const TOKENS_PER_MESSAGE: usize = 4;
/// Tokens of an image or file whose size is not looked at: about what a picture of a screen costs with any vendor.
const TOKENS_PER_MEDIUM: usize = 1_500;

/// The answer of the dialect's counting endpoint.
///
/// # Errors
/// The client's fault when the request cannot be read.
pub(crate) async fn answer(turn: Arc<Turn>) -> Result<Reply, Fault> {
    let dialect = turn.dialect;
    // The tables take a moment to load, and a long prompt some milliseconds: not on a thread that serves others.
    let counted = tokio::task::spawn_blocking(move || count(&turn)).await;
    let tokens =
        counted.map_err(|e| Fault::host(Kind::Internal, "the tokens could not be counted").source(e))??;
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(COUNT_HEADER, HeaderValue::from_static("estimate"));
    Ok(Reply { status: 200, headers, body: ReplyBody::full(shape(dialect, tokens).to_string()) })
}

/// Sources: Anthropic "Count tokens in a message", Gemini "models.countTokens", OpenAI "Get input token counts".
fn shape(dialect: Dialect, tokens: usize) -> Value {
    match dialect {
        Dialect::Gemini => json!({"totalTokens": tokens}),
        Dialect::OpenAiResponses => json!({"object": "response.input_tokens", "input_tokens": tokens}),
        Dialect::OpenAiChat | Dialect::AnthropicMessages | Dialect::Ollama | Dialect::Lip => {
            json!({"input_tokens": tokens})
        }
    }
}

fn count(turn: &Turn) -> Result<usize, Fault> {
    let url = UrlParts { model: Some(&turn.model), stream: Some(false) };
    let body = inner(turn);
    let (request, _) = codec::decode_request(turn.dialect, &body, &url)
        .map_err(|e| Fault::client(Kind::BadRequest, e.to_string()).code("invalid_body"))?;
    Ok(of_request(&request))
}

/// Gemini may wrap the whole request: `{"generateContentRequest": {…}}`.
fn inner(turn: &Turn) -> bytes::Bytes {
    let body = turn.lens.body();
    if turn.dialect != Dialect::Gemini {
        return body.clone();
    }
    let wrapped = serde_json::from_slice::<Value>(body).ok().and_then(|mut value| {
        let inner = value.get_mut("generateContentRequest").map(Value::take)?;
        serde_json::to_vec(&inner).ok()
    });
    wrapped.map_or_else(|| body.clone(), bytes::Bytes::from)
}

fn of_request(request: &Request) -> usize {
    let instructions: usize = request.instructions.iter().map(of_part).sum();
    let turns: usize = request
        .turns
        .iter()
        .map(|turn| TOKENS_PER_MESSAGE + turn.parts.iter().map(of_part).sum::<usize>())
        .sum();
    let tools: usize = request.tools.iter().map(|tool| of_json(&tool.kind)).sum();
    instructions + turns + tools
}

fn of_part(part: &Part) -> usize {
    match &part.content {
        Content::Text(text) => of_text(&text.text),
        Content::Refusal(refusal) => of_text(&refusal.text),
        Content::ToolCall(call) => of_text(&call.name) + of_text(&call.arguments),
        Content::ToolResult(result) => result.parts.iter().map(of_part).sum(),
        Content::Reasoning(reasoning) => {
            reasoning.text.iter().chain(&reasoning.summary).map(|t| of_text(t)).sum()
        }
        Content::Media(_) => TOKENS_PER_MEDIUM,
        Content::Native(native) => of_json(native),
    }
}

fn of_json(value: &impl serde::Serialize) -> usize {
    serde_json::to_string(value).map_or(0, |text| of_text(&text))
}

/// No vendor but OpenAI publishes its tables; theirs differ by some per cent. The smaller of two, for it is read at the first use.
fn of_text(text: &str) -> usize {
    const BYTES_PER_TOKEN: usize = 4;
    tiktoken::get_encoding("cl100k_base").map_or(text.len() / BYTES_PER_TOKEN, |table| table.count(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turn::What;
    use bytes::Bytes;

    async fn counted(dialect: Dialect, body: &'static str) -> Value {
        let lens = lip_wire::lens::scan(dialect, &Bytes::from_static(body.as_bytes())).expect("a body");
        let turn = Turn {
            dialect,
            what: What::CountTokens,
            model: "m".to_owned(),
            stream: false,
            lens,
            headers: HeaderMap::new(),
            forwarded: &[],
            caller: String::new(),
            client: None,
            shorthand: None,
            wire: None,
            rest: None,
            continues: None,
        };
        let reply = answer(Arc::new(turn)).await.expect("counted");
        assert_eq!(reply.headers[COUNT_HEADER], "estimate");
        match reply.body {
            ReplyBody::Full(Some(bytes)) => serde_json::from_slice(&bytes).expect("JSON"),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn each_dialect_has_its_shape() {
        let body = r#"{"model":"m","messages":[{"role":"user","content":"hello world"}]}"#;
        assert_eq!(counted(Dialect::AnthropicMessages, body).await, json!({"input_tokens": 6}));
        let body = r#"{"generateContentRequest":{"contents":[{"parts":[{"text":"hello world"}]}]}}"#;
        assert_eq!(counted(Dialect::Gemini, body).await, json!({"totalTokens": 6}));
    }
}

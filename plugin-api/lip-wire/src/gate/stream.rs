//! The signs of life, of the end and of trouble in the frames of each dialect.
//!
//! Sources: OpenAI API reference (chat completion chunk, Responses streaming events), Anthropic API documentation
//! (Streaming Messages), Gemini API reference (`GenerateContentResponse`), Ollama API documentation. Reasoning fields
//! of chat chunks (`reasoning_content`, `reasoning`, `reasoning_details`) are DeepSeek's and OpenRouter's.
use super::{
    Terminal,
    keys::{Key, keys},
};

/// What one pass over a frame found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Signs {
    pub(super) output: bool,
    pub(super) end: Option<Terminal>,
    pub(super) error: bool,
}

impl Signs {
    const OUTPUT: Self = Self { output: true, end: None, error: false };
    const ERROR: Self = Self { output: false, end: None, error: true };
}

/// Whether a member is an error of the whole answer.
fn is_error(key: &Key<'_>, depth_max: u32) -> bool {
    key.name == b"error" && key.depth <= depth_max && (key.has_text() || key.has_members())
}

pub(super) fn openai_chat(data: &[u8]) -> Signs {
    let mut signs = Signs::default();
    for key in keys(data) {
        match key.name {
            // OpenRouter puts a provider's error into the choice.
            b"error" if is_error(&key, 3) => return Signs::ERROR,
            // vLLM's older error answer.
            b"object" if key.depth == 1 && key.word() == Some("error") => return Signs::ERROR,
            b"content" | b"text" | b"refusal" | b"reasoning_content" | b"reasoning" | b"reasoning_text"
                if key.depth >= 3 =>
            {
                signs.output |= key.has_text() || (key.depth == 4 && key.has_members());
            }
            b"tool_calls" | b"function_call" | b"reasoning_details" | b"audio" | b"images"
                if key.depth == 4 =>
            {
                signs.output |= key.has_members();
            }
            b"finish_reason" if key.depth == 3 => match key.word() {
                None => {}
                Some("error") => signs.error = true,
                Some("length" | "content_filter") => signs.end = Some(Terminal::Incomplete),
                // The calls themselves came in earlier chunks, or stand in this one.
                Some(_) => signs.end = signs.end.or(Some(Terminal::Finished)),
            },
            _ => {}
        }
    }
    signs
}

/// The frame's `type`: from the data, else the event's name.
fn frame_type<'a>(event: Option<&'a str>, data: &'a [u8]) -> Option<&'a str> {
    let told = keys(data).find(|k| k.depth == 1 && k.name == b"type");
    told.and_then(|k| k.word()).or(event)
}

pub(super) fn openai_responses(event: Option<&str>, data: &[u8]) -> Signs {
    let Some(kind) = frame_type(event, data) else {
        return openai_response_body(data);
    };
    let has = |name: &[u8]| keys(data).any(|k| k.depth <= 2 && k.name == name && k.has_value());
    let output = match kind {
        "error" | "response.failed" => return Signs::ERROR,
        "response.completed" | "response.done" => {
            return Signs { end: Some(Terminal::Done), ..openai_response_body(data) };
        }
        "response.incomplete" | "response.cancelled" => {
            return Signs { end: Some(Terminal::Incomplete), ..openai_response_body(data) };
        }
        "response.created" | "response.in_progress" | "response.queued" | "keepalive" => false,
        // A message or reasoning item begins empty; a call begins with its name.
        "response.output_item.added" => {
            let item = keys(data).find(|k| k.depth == 2 && k.name == b"type");
            !matches!(item.and_then(|k| k.word()), Some("message" | "reasoning") | None)
        }
        "response.content_part.added" | "response.reasoning_summary_part.added" => has(b"text"),
        _ if kind.ends_with(".delta") => has(b"delta"),
        "response.output_text.done" | "response.reasoning_summary_text.done" => has(b"text"),
        "response.content_part.done" | "response.output_item.done" => {
            keys(data).any(|k| {
                matches!(k.name, b"text" | b"refusal" | b"arguments" | b"input" | b"encrypted_content")
                    && k.has_text()
            }) || kind == "response.output_item.done" && !has_word(data, b"message")
        }
        _ => kind.starts_with("response.") && kind != "response.metadata",
    };
    Signs { output, ..Signs::default() }
}

/// Whether the item of an `output_item` event is of this type.
fn has_word(data: &[u8], word: &[u8]) -> bool {
    let item = keys(data).find(|k| k.depth == 2 && k.name == b"type");
    item.and_then(|k| k.word()).is_some_and(|w| w.as_bytes() == word)
}

/// A Response object: a whole body, or inside a terminal event (one level deeper).
pub(super) fn openai_response_body(data: &[u8]) -> Signs {
    let mut signs = Signs::default();
    for key in keys(data).filter(|k| k.depth <= 2) {
        match key.name {
            b"error" if is_error(&key, 2) => return Signs::ERROR,
            b"output" => signs.output |= key.has_members(),
            b"status" if signs.end.is_none() => {
                signs.end = match key.word() {
                    Some("completed") => Some(Terminal::Done),
                    Some("incomplete" | "cancelled") => Some(Terminal::Incomplete),
                    Some("failed") => return Signs::ERROR,
                    _ => None,
                };
            }
            _ => {}
        }
    }
    signs
}

fn anthropic_stop(word: &str) -> Terminal {
    match word {
        "max_tokens" | "refusal" | "pause_turn" | "model_context_window_exceeded" => Terminal::Incomplete,
        _ => Terminal::Finished,
    }
}

pub(super) fn anthropic(event: Option<&str>, data: &[u8]) -> Signs {
    let inner = |depth: u32, name: &[u8]| keys(data).find(|k| k.depth == depth && k.name == name);
    match frame_type(event, data) {
        Some("error") => Signs::ERROR,
        Some("message_stop") => Signs { end: Some(Terminal::Done), ..Signs::default() },
        Some("message_delta") => Signs {
            end: inner(2, b"stop_reason").and_then(|k| k.word()).map(anthropic_stop),
            ..Signs::default()
        },
        Some("content_block_start") => Signs {
            output: match inner(2, b"type").and_then(|k| k.word()) {
                Some("text") => inner(2, b"text").is_some_and(|k| k.has_text()),
                Some("thinking") => inner(2, b"thinking").is_some_and(|k| k.has_text()),
                _ => true,
            },
            ..Signs::default()
        },
        Some("content_block_delta") => {
            let empty = keys(data).any(|k| {
                k.depth == 2 && matches!(k.name, b"text" | b"thinking" | b"partial_json") && !k.has_value()
            });
            if empty { Signs::default() } else { Signs::OUTPUT }
        }
        // A gateway's bare {"error":…} has no type.
        None if keys(data).any(|k| is_error(&k, 1)) => Signs::ERROR,
        _ => Signs::default(),
    }
}

pub(super) fn anthropic_body(data: &[u8]) -> Signs {
    let mut signs = Signs::default();
    for key in keys(data).filter(|k| k.depth == 1) {
        match key.name {
            b"error" if is_error(&key, 1) => return Signs::ERROR,
            b"type" if key.word() == Some("error") => return Signs::ERROR,
            b"content" => signs.output = key.has_members(),
            b"stop_reason" => signs.end = key.word().map(anthropic_stop),
            _ => {}
        }
    }
    signs
}

pub(super) fn gemini(data: &[u8]) -> Signs {
    let mut signs = Signs::default();
    // A body may be an array of frames: everything then stands one level deeper.
    let base = u32::from(data.trim_ascii_start().first() == Some(&b'['));
    for key in keys(data) {
        match key.name {
            b"error" if is_error(&key, 1 + base) => return Signs::ERROR,
            b"text" | b"thoughtSignature" | b"thought_signature" => signs.output |= key.has_text(),
            b"functionCall"
            | b"function_call"
            | b"inlineData"
            | b"inline_data"
            | b"fileData"
            | b"file_data"
            | b"executableCode"
            | b"executable_code"
            | b"codeExecutionResult"
            | b"code_execution_result" => signs.output |= key.has_value(),
            b"finishReason" | b"finish_reason" => match key.word() {
                None | Some("FINISH_REASON_UNSPECIFIED") => {}
                // Not an official value; some servers say it for tool turns.
                Some("STOP" | "FUNCTION_CALL") => signs.end = Some(Terminal::Done),
                Some(_) => signs.end = Some(Terminal::Incomplete),
            },
            b"blockReason" | b"block_reason" if key.has_text() => signs.end = Some(Terminal::Incomplete),
            _ => {}
        }
    }
    signs
}

pub(super) fn ollama(data: &[u8]) -> Signs {
    let mut signs = Signs::default();
    let (mut done, mut at_limit) = (false, false);
    for key in keys(data) {
        match (key.depth, key.name) {
            (1, b"error") if is_error(&key, 1) => return Signs::ERROR,
            (1, b"response") | (1 | 2, b"thinking") | (2, b"content") => signs.output |= key.has_text(),
            (2, b"tool_calls" | b"images") => signs.output |= key.has_members(),
            (1, b"done") => done = key.is_true(),
            (1, b"done_reason") => at_limit = key.word() == Some("length"),
            _ => {}
        }
    }
    if done {
        signs.end = Some(if at_limit { Terminal::Incomplete } else { Terminal::Done });
    }
    signs
}

fn lip_stop(key: &Key<'_>) -> Terminal {
    match key.word() {
        Some("length" | "content_filter" | "refusal" | "pause") => Terminal::Incomplete,
        _ => Terminal::Finished,
    }
}

/// A canonical event: one member whose name is the event's, or a bare string for events without content.
pub(super) fn lip(data: &[u8]) -> Signs {
    let end = |end| Signs { end: Some(end), ..Signs::default() };
    let Some(first) = keys(data).next() else {
        return if data.trim_ascii() == b"\"end\"" { end(Terminal::Done) } else { Signs::default() };
    };
    match first.name {
        b"failed" | b"error" => Signs::ERROR,
        b"end" => end(Terminal::Done),
        b"stop" => {
            let reason = keys(data).find(|k| k.depth == 3 && k.name == b"reason");
            end(reason.as_ref().map_or(Terminal::Finished, lip_stop))
        }
        b"start" | b"usage" | b"ping" | b"part_end" | b"extra" | b"part_extra" => Signs::default(),
        b"part_start" => {
            let empty = |k: &Key<'_>| matches!(k.name, b"text" | b"reasoning" | b"refusal" | b"media");
            let content = keys(data).skip_while(|k| k.name != b"content").nth(1);
            let text = keys(data).any(|k| k.depth >= 5 && k.name == b"text" && k.has_text());
            Signs { output: text || content.is_some_and(|k| !empty(&k)), ..Signs::default() }
        }
        _ => Signs::OUTPUT,
    }
}

pub(super) fn lip_body(data: &[u8]) -> Signs {
    let mut signs = Signs::default();
    for key in keys(data) {
        match (key.depth, key.name) {
            (1, b"failure" | b"error") if key.has_value() => return Signs::ERROR,
            (3, b"parts") => signs.output |= key.has_members(),
            (4, b"reason") => signs.end = Some(lip_stop(&key)),
            _ => {}
        }
    }
    signs
}

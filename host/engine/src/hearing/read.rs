//! The texts and calls of answers, as the clients' dialects write them. Reads what it needs and skips the rest.
use super::Opening;
use lip_wire::Dialect;
use lip_wire::gate::{Said, said};
use serde::Deserialize;
use std::borrow::Cow;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Named<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
}

/// A content block of Anthropic, or a part of an item of OpenAI Responses.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Messages<'a> {
    #[serde(borrow)]
    content: Vec<Block<'a>>,
    #[serde(borrow)]
    content_block: Option<Block<'a>>,
    #[serde(borrow)]
    delta: Option<Block<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow)]
    call_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    content: Option<Vec<Block<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Responses<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    delta: Option<Cow<'a, str>>,
    #[serde(borrow)]
    item: Option<Item<'a>>,
    #[serde(borrow)]
    output: Vec<Item<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    thought: bool,
    #[serde(borrow, alias = "function_call")]
    function_call: Option<Named<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Content<'a> {
    #[serde(borrow)]
    parts: Vec<Part<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Candidate<'a> {
    #[serde(borrow)]
    content: Option<Content<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Gemini<'a> {
    #[serde(borrow)]
    candidates: Vec<Candidate<'a>>,
}

/// Adds what one event of a stream, or a whole answer, says. What cannot be read adds nothing.
pub(super) fn read(dialect: Dialect, data: &[u8], to: &mut Opening) {
    match dialect {
        Dialect::OpenAiChat => {
            let Said { text, call } = said(data);
            text.iter().for_each(|text| to.say(text));
            call.iter().for_each(|id| to.call(id));
        }
        Dialect::AnthropicMessages => {
            let Ok(Messages { content, content_block, delta }) = serde_json::from_slice(data) else { return };
            content.into_iter().chain(content_block).chain(delta).for_each(|said| block(&said, to));
        }
        Dialect::OpenAiResponses => {
            let Ok(Responses { kind, delta, item, output }) = serde_json::from_slice(data) else { return };
            match &*kind {
                "response.output_text.delta" => delta.iter().for_each(|text| to.say(text)),
                "response.output_item.added" => {
                    item.and_then(|item| item.call_id).iter().for_each(|id| to.call(id));
                }
                _ => output.into_iter().for_each(|item| whole_item(item, to)),
            }
        }
        Dialect::Gemini => {
            let Ok(Gemini { candidates }) = serde_json::from_slice(data) else { return };
            candidates
                .into_iter()
                .filter_map(|candidate| candidate.content)
                .take(1)
                .for_each(|c| parts(c, to));
        }
        Dialect::Ollama | Dialect::Lip => {}
    }
}

fn block(said: &Block<'_>, to: &mut Opening) {
    match (&*said.kind, &said.text, &said.id) {
        ("text" | "text_delta" | "output_text", Some(text), _) => to.say(text),
        ("tool_use", _, Some(id)) => to.call(id),
        _ => {}
    }
}

fn whole_item(item: Item<'_>, to: &mut Opening) {
    item.content.into_iter().flatten().for_each(|part| block(&part, to));
    item.call_id.iter().for_each(|id| to.call(id));
}

fn parts(content: Content<'_>, to: &mut Opening) {
    for part in content.parts {
        part.text.iter().filter(|_| !part.thought).for_each(|text| to.say(text));
        part.function_call.and_then(|call| call.id).iter().for_each(|id| to.call(id));
    }
}

/// The calls of a message that a client repeats.
pub(super) fn calls(dialect: Dialect, message: &[u8], to: &mut Opening) {
    let mut own = Opening::default();
    match dialect {
        Dialect::OpenAiChat => {
            #[derive(Deserialize, Default)]
            #[serde(default)]
            struct Calls<'a> {
                #[serde(borrow)]
                tool_calls: Option<Vec<Named<'a>>>,
            }
            let Ok(Calls { tool_calls }) = serde_json::from_slice(message) else { return };
            tool_calls.into_iter().flatten().filter_map(|call| call.id).for_each(|id| own.call(&id));
        }
        Dialect::OpenAiResponses => {
            #[derive(Deserialize, Default)]
            #[serde(default)]
            struct Call<'a> {
                #[serde(borrow)]
                call_id: Option<Cow<'a, str>>,
            }
            let Ok(Call { call_id }) = serde_json::from_slice(message) else { return };
            call_id.iter().for_each(|id| own.call(id));
        }
        Dialect::AnthropicMessages => read(dialect, message, &mut own),
        Dialect::Gemini => {
            let Ok(content) = serde_json::from_slice::<Content<'_>>(message) else { return };
            parts(content, &mut own);
        }
        Dialect::Ollama | Dialect::Lip => {}
    }
    own.call.iter().for_each(|id| to.call(id));
}

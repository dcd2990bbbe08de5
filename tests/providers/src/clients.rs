//! Clients of the four frontends. Written from the vendors' references, not from our own codecs.
mod streamed;
mod whole;

use crate::asked::{Said, Told, Who};
use serde_json::{Value, json};
use stage::{Answer, Call, End};

/// A dialect as clients speak it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tongue {
    Chat,
    Responses,
    Anthropic,
    Gemini,
}

pub(crate) const TONGUES: [Tongue; 4] = [Tongue::Chat, Tongue::Responses, Tongue::Anthropic, Tongue::Gemini];

/// What a client wants.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) model: String,
    pub(crate) stream: bool,
    pub(crate) prompt: &'static str,
    pub(crate) image: bool,
    pub(crate) tools: bool,
    pub(crate) thinks: bool,
    /// System text, limit, temperature, stop: the plain options.
    pub(crate) options: bool,
    /// What came after the prompt, as this dialect writes it.
    pub(crate) history: Vec<Value>,
}

pub(crate) const SYSTEM: &str = "Be brief.";
pub(crate) const LIMIT: u64 = 4096;
pub(crate) const TEMPERATURE: f64 = 0.25;
pub(crate) const STOP: &str = "END";
/// A picture of one red dot.
pub(crate) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==";

/// The one tool's parameters.
pub(crate) fn schema() -> Value {
    json!({"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]})
}

impl Tongue {
    /// Whether requests of this dialect can hold stop sequences.
    pub(crate) fn has_stop(self) -> bool {
        self != Self::Responses
    }

    /// Body of the request, without a host's name for the model where the dialect keeps it elsewhere.
    pub(crate) fn body(self, ask: &Ask) -> Value {
        match self {
            Self::Chat => chat(ask),
            Self::Responses => responses(ask),
            Self::Anthropic => anthropic(ask),
            Self::Gemini => gemini(ask),
        }
    }

    /// The request.
    pub(crate) fn call(self, ask: &Ask) -> Call {
        let body = self.body(ask).to_string();
        match self {
            Self::Chat => Call::chat(body),
            Self::Responses => Call::post("/v1/responses", body),
            Self::Anthropic => Call::post("/v1/messages", body).header("anthropic-version", "2023-06-01"),
            Self::Gemini => {
                let verb = if ask.stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
                Call::post(&format!("/v1beta/models/{}:{verb}", ask.model), body)
            }
        }
    }

    /// What a good answer says.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(self, ask: &Ask, answer: &Answer) -> Result<Told, String> {
        if answer.status != 200 || answer.end != End::Clean {
            return Err(format!("{} {:?}: {}", answer.status, answer.end, answer.text()));
        }
        let told = if ask.stream { streamed::read(self, answer) } else { whole::read(self, answer) };
        told.map_err(|why| format!("{why} in {}", answer.text()))
    }

    /// What the client keeps of an answer that is not streamed, and the result that it adds.
    pub(crate) fn result(self, answer: &Answer, output: &str) -> Vec<Value> {
        let body = answer.json();
        match self {
            Self::Chat => {
                let message = body["choices"][0]["message"].clone();
                let id = message["tool_calls"][0]["id"].clone();
                vec![message, json!({"role": "tool", "tool_call_id": id, "content": output})]
            }
            Self::Responses => {
                let mut items = body["output"].as_array().cloned().unwrap_or_default();
                let id = items.iter().find(|i| i["type"] == "function_call").map(|i| i["call_id"].clone());
                items.push(json!({"type": "function_call_output", "call_id": id, "output": output}));
                items
            }
            Self::Anthropic => {
                let content = &body["content"];
                let calls = content.as_array().into_iter().flatten();
                let id = calls.into_iter().find(|b| b["type"] == "tool_use").map(|b| b["id"].clone());
                let result = json!([{"type": "tool_result", "tool_use_id": id, "content": output}]);
                vec![
                    json!({"role": "assistant", "content": content}),
                    json!({"role": "user", "content": result}),
                ]
            }
            Self::Gemini => {
                let result = json!({"functionResponse": {"name": "ls", "response": {"output": output}}});
                vec![body["candidates"][0]["content"].clone(), json!({"role": "user", "parts": [result]})]
            }
        }
    }

    /// Status, the machine's word for the error, and its message.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn error(self, answer: &Answer) -> Result<(String, String), String> {
        let body: Value =
            serde_json::from_slice(&answer.body).map_err(|e| format!("{e}: {}", answer.text()))?;
        let word = match self {
            Self::Gemini => &body["error"]["status"],
            Self::Anthropic if body["type"] != "error" => {
                return Err(format!("no error of this dialect: {body}"));
            }
            _ => &body["error"]["type"],
        };
        // Compatible services leave the type out, and clients of Chat do without.
        let word = word.as_str().or((self == Self::Chat).then_some(""));
        match (word, body["error"]["message"].as_str()) {
            (Some(word), Some(message)) => Ok((word.to_owned(), message.to_owned())),
            _ => Err(format!("no error of this dialect: {body}")),
        }
    }
}

/// What the provider has to understand.
pub(crate) fn said(ask: &Ask) -> Vec<Said> {
    let mut said = vec![Said::Text(Who::User, ask.prompt.to_owned())];
    if ask.image {
        said.push(Said::Image("image/png".to_owned(), PNG.to_owned()));
    }
    if !ask.history.is_empty() {
        said.push(Said::Call("ls".to_owned(), json!({"path": "src"})));
        said.push(Said::Result("a.txt".to_owned()));
    }
    said
}

fn chat(ask: &Ask) -> Value {
    let content = match ask.image {
        false => json!(ask.prompt),
        true => json!([{"type": "text", "text": ask.prompt},
            {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{PNG}")}}]),
    };
    let mut messages = vec![json!({"role": "user", "content": content})];
    messages.extend(ask.history.iter().cloned());
    let mut body = json!({"model": ask.model, "stream": ask.stream});
    if ask.stream {
        body["stream_options"] = json!({"include_usage": true});
    }
    if ask.options {
        messages.insert(0, json!({"role": "system", "content": SYSTEM}));
        body["max_completion_tokens"] = json!(LIMIT);
        body["temperature"] = json!(TEMPERATURE);
        body["stop"] = json!([STOP]);
    }
    if ask.tools {
        body["tools"] = json!([{"type": "function", "function": {"name": "ls", "description": "Lists", "parameters": schema()}}]);
        body["tool_choice"] = json!("auto");
    }
    if ask.thinks {
        body["reasoning_effort"] = json!("high");
    }
    body["messages"] = json!(messages);
    body
}

fn responses(ask: &Ask) -> Value {
    let mut content = vec![json!({"type": "input_text", "text": ask.prompt})];
    if ask.image {
        let url = format!("data:image/png;base64,{PNG}");
        content.push(json!({"type": "input_image", "image_url": url, "detail": "auto"}));
    }
    let mut input = vec![json!({"type": "message", "role": "user", "content": content})];
    input.extend(ask.history.iter().cloned());
    let mut body = json!({"model": ask.model, "stream": ask.stream, "store": false, "input": input});
    if ask.options {
        body["instructions"] = json!(SYSTEM);
        body["max_output_tokens"] = json!(LIMIT);
        body["temperature"] = json!(TEMPERATURE);
    }
    if ask.tools {
        body["tools"] = json!([{"type": "function", "name": "ls", "description": "Lists", "parameters": schema(), "strict": false}]);
        body["tool_choice"] = json!("auto");
    }
    if ask.thinks {
        body["reasoning"] = json!({"effort": "high", "summary": "auto"});
    }
    body
}

fn anthropic(ask: &Ask) -> Value {
    let mut content = vec![json!({"type": "text", "text": ask.prompt})];
    if ask.image {
        content.push(
            json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}),
        );
    }
    let mut messages = vec![json!({"role": "user", "content": content})];
    messages.extend(ask.history.iter().cloned());
    let mut body =
        json!({"model": ask.model, "stream": ask.stream, "max_tokens": LIMIT, "messages": messages});
    if ask.options {
        body["system"] = json!([{"type": "text", "text": SYSTEM}]);
        body["temperature"] = json!(TEMPERATURE);
        body["stop_sequences"] = json!([STOP]);
    }
    if ask.tools {
        body["tools"] = json!([{"name": "ls", "description": "Lists", "input_schema": schema()}]);
        body["tool_choice"] = json!({"type": "auto"});
    }
    if ask.thinks {
        body["thinking"] = json!({"type": "adaptive"});
        body["output_config"] = json!({"effort": "high"});
    }
    body
}

fn gemini(ask: &Ask) -> Value {
    let mut parts = vec![json!({"text": ask.prompt})];
    if ask.image {
        parts.push(json!({"inlineData": {"mimeType": "image/png", "data": PNG}}));
    }
    let mut contents = vec![json!({"role": "user", "parts": parts})];
    contents.extend(ask.history.iter().cloned());
    let mut body = json!({ "contents": contents });
    if ask.options {
        body["systemInstruction"] = json!({"parts": [{"text": SYSTEM}]});
        body["generationConfig"] =
            json!({"maxOutputTokens": LIMIT, "temperature": TEMPERATURE, "stopSequences": [STOP]});
    }
    if ask.tools {
        body["tools"] = json!([{"functionDeclarations": [{"name": "ls", "description": "Lists", "parametersJsonSchema": schema()}]}]);
        body["toolConfig"] = json!({"functionCallingConfig": {"mode": "AUTO"}});
    }
    if ask.thinks {
        body["generationConfig"] =
            json!({"thinkingConfig": {"thinkingLevel": "HIGH", "includeThoughts": true}});
    }
    body
}

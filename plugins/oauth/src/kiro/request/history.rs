//! The conversation in Kiro's form. User and assistant alternate and the user has the last word; each result of a tool answers a call of the
//! assistant's message before it, and each call is answered once. What does not fit becomes text, so that nothing is lost.
use super::media;
use super::tools::Tools;
use lip_plugin::canon::{
    CallIds, CallKind, Content, Part, Reasoning, Request, Sealed, ToolCall, ToolResult, shape::Side,
};
use lip_plugin::{Dialect, Value, json};
use serde_json::Map;

/// What older hosts want in place of nothing.
const ONLY_RESULTS: &str = "(tool results)";
const GOES_ON: &str = "(continue)";
const EMPTY: &str = " ";

/// A message of the user's side.
#[derive(Debug, Default)]
pub(crate) struct User {
    texts: Vec<String>,
    images: Vec<Value>,
    results: Vec<Value>,
}

impl User {
    fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.images.is_empty() && self.results.is_empty()
    }

    pub(crate) fn json(&self, model: &str, origin: &str, tools: Option<Value>) -> Value {
        let content = match self.texts.join("\n\n") {
            text if !text.is_empty() => text,
            _ if self.results.is_empty() => GOES_ON.to_owned(),
            _ => ONLY_RESULTS.to_owned(),
        };
        let mut message = Map::new();
        message.insert("content".to_owned(), content.into());
        message.insert("modelId".to_owned(), model.into());
        message.insert("origin".to_owned(), origin.into());
        if !self.images.is_empty() {
            message.insert("images".to_owned(), self.images.clone().into());
        }
        let mut context = Map::new();
        if let Some(tools) = tools {
            context.insert("tools".to_owned(), tools);
        }
        if !self.results.is_empty() {
            context.insert("toolResults".to_owned(), self.results.clone().into());
        }
        if !context.is_empty() {
            message.insert("userInputMessageContext".to_owned(), context.into());
        }
        message.into()
    }
}

/// The whole conversation.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) past: Vec<(User, Value)>,
    pub(super) current: User,
    pub(super) image_bytes: usize,
    pub(super) has_reasoning: bool,
}

/// A conversation that is being made.
#[derive(Debug)]
pub(super) struct History<'a> {
    ids: CallIds<'a>,
    reasoning: bool,
    past: Vec<(User, Value)>,
    current: Option<User>,
    /// Calls of the last message of the assistant that wait for their results.
    open: Vec<String>,
    image_bytes: usize,
    has_reasoning: bool,
}

impl<'a> History<'a> {
    pub(super) fn new(request: &'a Request, reasoning: bool) -> Self {
        Self {
            ids: CallIds::of(request),
            reasoning,
            past: Vec::new(),
            current: None,
            open: Vec::new(),
            image_bytes: 0,
            has_reasoning: false,
        }
    }

    /// Takes what one side says.
    pub(super) fn side(&mut self, side: &Side<'_>, tools: &mut Tools, notes: &mut Vec<String>) {
        if side.assistant {
            let message = self.assistant(side, tools);
            let asked = self.current.take().unwrap_or_default();
            self.past.push((asked, message));
        } else {
            let message = self.user(side, notes);
            self.current = Some(message);
        }
    }

    /// With `front` before the first message. `None` if there is nothing to say.
    pub(super) fn finish(mut self, front: &str, notes: &mut Vec<String>) -> Option<Done> {
        let mut current = match self.current.take() {
            Some(current) => current,
            None => {
                // The assistant has the last word: it is not asked to go on in the middle of it.
                let (asked, _) = self.past.pop()?;
                notes.push(
                    "Kiro does not go on with a message of the assistant: the last one is left out"
                        .to_owned(),
                );
                asked
            }
        };
        if current.is_empty() && self.past.is_empty() && front.is_empty() {
            return None;
        }
        let first = self.past.first_mut().map_or(&mut current, |(asked, _)| asked);
        if !front.is_empty() {
            first.texts.insert(0, front.to_owned());
        }
        let Self { past, image_bytes, has_reasoning, .. } = self;
        Some(Done { past, current, image_bytes, has_reasoning })
    }

    fn user(&mut self, side: &Side<'_>, notes: &mut Vec<String>) -> User {
        let mut message = User::default();
        for (turn, at, part) in &side.parts {
            match &part.content {
                Content::Text(text) => push(&mut message.texts, &text.text),
                Content::Refusal(refusal) => push(&mut message.texts, &refusal.text),
                Content::Media(_) => self.medium(part, &mut message, notes),
                Content::ToolResult(result) => {
                    let id =
                        self.ids.id(*turn, *at, result.call_id.as_deref()).unwrap_or_default().to_owned();
                    self.result(&id, result, &mut message, notes);
                }
                Content::ToolCall(_) | Content::Reasoning(_) | Content::Native(_) => {}
            }
        }
        for id in self.open.drain(..) {
            let told = "The tool was not run.";
            message.results.push(json!({"toolUseId": id, "content": [{"text": told}], "status": "error"}));
        }
        message
    }

    fn result(&mut self, id: &str, result: &ToolResult, message: &mut User, notes: &mut Vec<String>) {
        let text = result.text();
        match self.open.iter().position(|open| open == id) {
            Some(at) => {
                self.open.remove(at);
                let status = if result.is_error == Some(true) { "error" } else { "success" };
                message.results.push(json!({"toolUseId": id, "content": [{"text": text}], "status": status}));
            }
            None => {
                let name = result.name.as_deref().or_else(|| self.ids.name(id)).unwrap_or("a tool");
                message.texts.push(format!("[Result of {name}]\n{text}"));
            }
        }
        // Images inside of results are dropped without a word: they stand beside them, in order.
        for part in &result.parts {
            if matches!(part.content, Content::Media(_)) {
                self.medium(part, message, notes);
            }
        }
    }

    fn medium(&mut self, part: &Part, message: &mut User, notes: &mut Vec<String>) {
        let Content::Media(medium) = &part.content else { return };
        match media::image(medium, message.images.len()) {
            Ok((image, bytes)) => {
                self.image_bytes += bytes;
                message.images.push(image);
            }
            Err(media::Unseen { told, note }) => {
                push(&mut message.texts, &told);
                notes.extend(note);
            }
        }
    }

    fn assistant(&mut self, side: &Side<'_>, tools: &mut Tools) -> Value {
        let (mut texts, mut uses, mut thought) = (Vec::new(), Vec::new(), None);
        self.open.clear();
        for (turn, at, part) in &side.parts {
            match &part.content {
                Content::Text(text) => push(&mut texts, &text.text),
                Content::Refusal(refusal) => push(&mut texts, &refusal.text),
                Content::ToolCall(call) if !matches!(call.kind, CallKind::Builtin(_)) => {
                    let id = self.ids.id(*turn, *at, call.id.as_deref()).unwrap_or_default().to_owned();
                    if self.open.contains(&id) {
                        continue;
                    }
                    let name = tools.used(call);
                    uses.push(json!({"toolUseId": id, "name": name, "input": input(call)}));
                    self.open.push(id);
                }
                Content::Reasoning(reasoning) if self.reasoning => {
                    thought = thought.or_else(|| signed(part, reasoning));
                }
                Content::Media(_)
                | Content::ToolCall(_)
                | Content::ToolResult(_)
                | Content::Reasoning(_)
                | Content::Native(_) => {}
            }
        }
        let content = texts.join("\n\n");
        let mut message = json!({"content": if content.is_empty() { EMPTY } else { &content }});
        if let Value::Object(object) = &mut message {
            if !uses.is_empty() {
                object.insert("toolUses".to_owned(), uses.into());
            }
            if let Some(thought) = thought {
                self.has_reasoning = true;
                object.insert("reasoningContent".to_owned(), thought);
            }
        }
        message
    }
}

fn push(texts: &mut Vec<String>, text: &str) {
    if !text.trim().is_empty() {
        texts.push(text.to_owned());
    }
}

/// The arguments as an object, whatever the model wrote.
fn input(call: &ToolCall) -> Value {
    let parsed = match call.kind {
        CallKind::Custom => None,
        CallKind::Function | CallKind::Builtin(_) if call.arguments.trim().is_empty() => Some(json!({})),
        CallKind::Function | CallKind::Builtin(_) => serde_json::from_str(&call.arguments).ok(),
    };
    parsed.filter(Value::is_object).unwrap_or_else(|| json!({"input": call.arguments}))
}

/// Reasoning that Kiro itself has signed; any other is refused.
fn signed(part: &Part, reasoning: &Reasoning) -> Option<Value> {
    let own = |sealed: &&Sealed| sealed.dialect == Dialect::Lip && !sealed.data.is_empty();
    if let Some(sealed) = reasoning.encrypted.as_ref().filter(own) {
        return Some(json!({"redactedContent": sealed.data}));
    }
    let signature = &part.signature.as_ref().filter(own)?.data;
    let text = reasoning.readable().unwrap_or_default();
    Some(json!({"reasoningText": {"text": text, "signature": signature}}))
}

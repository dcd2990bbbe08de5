//! Edits of whole parts: one is taken out, a text is added at the conversation's end.
use std::borrow::Cow;

use super::{Edits, Patch, encode};
use crate::{
    Dialect,
    lens::{Lens, Messages, Role, Span, TextPart},
};

impl Edits {
    /// Takes a text part out of its message, with its comma. False, and nothing is done, if it is all that the message
    /// holds. One part per message: removals of neighbours would claim the same comma.
    pub fn remove_part(&mut self, lens: &Lens, part: &TextPart<'_>) -> bool {
        let (body, Some(element)) = (&lens.body[..], part.element) else { return false };
        let (before, after) = (body.get(..element.start), body.get(element.end..));
        let (before, after) = (before.unwrap_or_default().trim_ascii_end(), after.unwrap_or_default());
        let behind = after.trim_ascii_start();
        let at = if let Some(next) = behind.strip_prefix(b",") {
            element.start..body.len() - next.trim_ascii_start().len()
        } else if before.ends_with(b",") {
            before.len() - 1..element.end
        } else {
            return false;
        };
        self.texts.push(Patch { at, with: Cow::Borrowed("") });
        true
    }

    /// Adds a text at the end of the conversation: behind what the user wrote last if that is the newest message, else as a
    /// user's message of its own. False if the body has no conversation.
    pub fn append_text(&mut self, lens: &Lens, text: &str) -> bool {
        let Some(last) = lens.messages().len().checked_sub(1) else { return false };
        let written = lens.user_text(last);
        let by_user = lens.messages().get(last).is_some_and(|message| message.role == Role::User);
        if let Some(part) = written.parts.last().filter(|_| by_user && written.n_tool_results == 0) {
            let (at, quoted) = (part.raw.end - 1, encode(&format!("\n\n{text}")));
            let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned();
            self.texts.push(Patch { at: at..at, with: inner.into() });
            return true;
        }
        let (last, is_list) = match &lens.messages {
            Messages::List(list) => (list.last(), true),
            Messages::One(message) => (Some(message), false),
            Messages::Text(_) | Messages::Absent => (None, false),
        };
        let Some(Span { start, end }) = last.map(|message| message.span) else { return false };
        let text = encode(text);
        let mut message = match self.dialect {
            Dialect::Gemini => format!(r#",{{"role":"user","parts":[{{"text":{text}}}]}}"#),
            Dialect::Lip => {
                format!(r#",{{"role":"user","parts":[{{"content":{{"text":{{"text":{text}}}}}}}]}}"#)
            }
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::AnthropicMessages | Dialect::Ollama => {
                format!(r#",{{"role":"user","content":{text}}}"#)
            }
        };
        if !is_list {
            self.texts.push(Patch { at: start..start, with: Cow::Borrowed("[") });
            message.push(']');
        }
        self.texts.push(Patch { at: end..end, with: message.into() });
        true
    }
}

//! From what an agent tells during a turn to the events of an answer.
use super::tool::Tools;
use super::usage;
use lip_wire::canon::{
    At, Content, Event, Media, MediaKind, Part, Reasoning, ReasoningKind, Source, Start, Stop, StopReason,
    Text, Usage,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where the tools that an agent uses are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShowTools {
    /// Among the thoughts.
    #[default]
    Reasoning,
    /// In the answer's text.
    Text,
    /// Nowhere.
    Off,
}

/// Turns the updates of one turn into events.
#[derive(Debug)]
pub struct Translator {
    tools: Tools,
    shows: ShowTools,
    /// Texts of the agent's that begin so are no answer.
    drops: Vec<String>,
    open: Option<Kind>,
    /// Parts that have begun.
    parts: u32,
    has_begun: bool,
    /// The last character of the text so far, and whether something else came since.
    text: Option<(char, bool)>,
    /// Whether the last line among the thoughts is ended.
    is_line_ended: bool,
    usage: Usage,
    model: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Reasoning,
}

impl Translator {
    /// At the start of a turn; `model`: who answers, if that is known.
    pub fn new(shows: ShowTools, drops: Vec<String>, model: Option<String>) -> Self {
        Self {
            tools: Tools::default(),
            shows,
            drops,
            open: None,
            parts: 0,
            has_begun: false,
            text: None,
            is_line_ended: true,
            usage: Usage::default(),
            model,
        }
    }

    /// The `update` of one `session/update`. Kinds that nobody knows yet are left out.
    pub fn update(&mut self, update: &Value, out: &mut Vec<Event>) {
        if let Some(usage) = usage::of_update(update) {
            self.usage.merge(&usage);
        }
        let content = update.get("content");
        match update.get("sessionUpdate").and_then(Value::as_str).unwrap_or_default() {
            "agent_message_chunk" => self.message(content, out),
            "agent_thought_chunk" => {
                if let Some(text) = content.and_then(text_of) {
                    self.think(text, out);
                }
            }
            "tool_call" | "tool_call_update" => {
                let line = self.tools.told(update);
                self.aside(line, out);
            }
            "plan" => {
                let line = self.tools.planned(update);
                self.aside(line, out);
            }
            _ => {}
        }
    }

    /// The agent asked whether it may use a tool, and was answered.
    pub fn decided(&mut self, asked: &Value, is_allowed: bool, out: &mut Vec<Event>) {
        let line = self.tools.decided(asked, is_allowed);
        self.aside(line, out);
    }

    /// The prompt was answered: `result` is what the agent says of the turn.
    pub fn finish(&mut self, result: &Value, out: &mut Vec<Event>) {
        self.begin(out);
        self.close(out);
        if let Some(usage) = usage::of_result(result) {
            self.usage.merge(&usage);
        }
        if self.usage != Usage::default() {
            out.push(Event::Usage(Box::new(self.usage.clone())));
        }
        let reason = match result.get("stopReason").and_then(Value::as_str).unwrap_or_default() {
            "max_tokens" | "max_turn_requests" => StopReason::Length,
            "refusal" => StopReason::Refusal,
            "cancelled" => StopReason::Cancelled,
            _ => StopReason::End,
        };
        out.push(Event::Stop { choice: 0, stop: Box::new(Stop { reason, ..Stop::default() }) });
        out.push(Event::End);
    }

    fn message(&mut self, content: Option<&Value>, out: &mut Vec<Event>) {
        let Some(content) = content else { return };
        if let Some(text) = text_of(content) {
            if self.drops.iter().any(|drop| text.starts_with(&**drop)) {
                return;
            }
            return self.say(text, out);
        }
        let text = |key: &str| content.get(key).and_then(Value::as_str);
        match text("type") {
            Some(kind @ ("image" | "audio")) => {
                let Some(data) = text("data").filter(|data| !data.is_empty()) else { return };
                self.begin(out);
                self.close(out);
                let media = Media {
                    kind: if kind == "image" { MediaKind::Image } else { MediaKind::Audio },
                    source: Source::Base64(data.to_owned()),
                    media_type: text("mimeType").map(str::to_owned),
                    name: None,
                    detail: None,
                    transcript: None,
                };
                let at = self.next_at();
                out.push(Event::PartStart { at, part: Box::new(Part::new(Content::Media(media))) });
                out.push(Event::PartEnd { at });
            }
            Some("resource_link") => {
                let Some(uri) = text("uri") else { return };
                self.say(&format!("[{}]({uri})", text("name").unwrap_or(uri)), out);
            }
            Some("resource") => {
                if let Some(text) = content.pointer("/resource/text").and_then(Value::as_str) {
                    self.say(text, out);
                }
            }
            _ => {}
        }
    }

    fn say(&mut self, text: &str, out: &mut Vec<Event>) {
        let Some(last) = text.chars().next_back() else { return };
        let at = self.open(Kind::Text, out);
        // Clients that know one text only would see two messages run into each other.
        let is_apart = matches!(self.text, Some((last, true)) if !last.is_whitespace())
            && !text.starts_with(char::is_whitespace);
        let text = if is_apart { format!("\n\n{text}") } else { text.to_owned() };
        self.text = Some((last, false));
        out.push(Event::Text { at, text });
    }

    fn think(&mut self, text: &str, out: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        let at = self.open(Kind::Reasoning, out);
        self.is_line_ended = text.ends_with('\n');
        out.push(Event::Reasoning { at, kind: ReasoningKind::Text, segment: 0, text: text.to_owned() });
    }

    /// A line about what the agent does.
    fn aside(&mut self, line: Option<String>, out: &mut Vec<Event>) {
        if let Some((_, is_apart)) = &mut self.text {
            *is_apart = true;
        }
        let Some(line) = line else { return };
        match self.shows {
            ShowTools::Off => {}
            ShowTools::Text => self.say(&line, out),
            ShowTools::Reasoning if self.is_line_ended || self.open != Some(Kind::Reasoning) => {
                self.think(&line, out)
            }
            ShowTools::Reasoning => self.think(&format!("\n{line}"), out),
        }
    }

    fn begin(&mut self, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.has_begun, true) {
            out.push(Event::Start(Box::new(Start { model: self.model.clone(), ..Start::default() })));
        }
    }

    fn next_at(&mut self) -> At {
        let at = At { choice: 0, part: self.parts };
        self.parts += 1;
        at
    }

    /// The open part of this kind, begun if need be.
    fn open(&mut self, kind: Kind, out: &mut Vec<Event>) -> At {
        self.begin(out);
        if self.open == Some(kind) {
            return At { choice: 0, part: self.parts.saturating_sub(1) };
        }
        self.close(out);
        let content = match kind {
            Kind::Text => Content::Text(Text::default()),
            Kind::Reasoning => {
                self.is_line_ended = true;
                if let Some((_, is_apart)) = &mut self.text {
                    *is_apart = true;
                }
                Content::Reasoning(Reasoning::default())
            }
        };
        self.open = Some(kind);
        let at = self.next_at();
        out.push(Event::PartStart { at, part: Box::new(Part::new(content)) });
        at
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        if self.open.take().is_some() {
            out.push(Event::PartEnd { at: At { choice: 0, part: self.parts.saturating_sub(1) } });
        }
    }
}

/// The text of a content block; some agents send a `textDelta`.
fn text_of(content: &Value) -> Option<&str> {
    let text = |key: &str| content.get(key).and_then(Value::as_str);
    match text("type") {
        Some("text") | None => text("textDelta").or_else(|| text("text")),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lip_wire::canon::{Collector, Reply};
    use serde_json::json;

    fn chunk(kind: &str, text: &str) -> Value {
        json!({"sessionUpdate": format!("agent_{kind}_chunk"), "content": {"type": "text", "text": text}})
    }

    fn reply(shows: ShowTools, updates: &[Value], result: &Value) -> Reply {
        let mut translator = Translator::new(shows, vec!["[MODE_UPDATE] ".to_owned()], Some("m".to_owned()));
        let mut events = Vec::new();
        updates.iter().for_each(|update| translator.update(update, &mut events));
        translator.finish(result, &mut events);
        let mut collector = Collector::new();
        events.into_iter().for_each(|event| collector.push(event));
        collector.finish().unwrap()
    }

    fn said(reply: &Reply) -> Vec<String> {
        let part = |part: &Part| match &part.content {
            Content::Text(text) => format!("text:{}", text.text),
            Content::Reasoning(thought) => format!("thought:{}", thought.text.join("|")),
            Content::Media(media) => format!("media:{:?}", media.media_type),
            other => format!("{other:?}"),
        };
        reply.choices[0].parts.iter().map(part).collect()
    }

    #[test]
    fn thoughts_and_texts_become_parts() {
        let updates = [
            chunk("thought", "**Pondering**\n"),
            chunk("thought", "hm"),
            chunk("message", "Hello "),
            chunk("message", ""),
            chunk("message", "you"),
            json!({"sessionUpdate": "available_commands_update", "availableCommands": []}),
            json!({"sessionUpdate": "of_next_year", "content": {"type": "text", "text": "x"}}),
            chunk("message", "[MODE_UPDATE] plan"),
        ];
        let result = json!({"stopReason": "end_turn", "usage": {"inputTokens": 3, "outputTokens": 4}});
        let reply = reply(ShowTools::Reasoning, &updates, &result);
        assert_eq!(said(&reply), ["thought:**Pondering**\nhm", "text:Hello you"]);
        assert_eq!(reply.model.as_deref(), Some("m"));
        assert_eq!(reply.usage.unwrap().input, Some(3));
        assert_eq!(reply.choices[0].stop.as_ref().unwrap().reason, StopReason::End);
    }

    #[test]
    fn tools_are_shown_where_the_operator_wants_them() {
        let updates = [
            chunk("message", "I look."),
            json!({"sessionUpdate": "tool_call", "toolCallId": "1", "title": "ls", "kind": "execute"}),
            json!({"sessionUpdate": "tool_call_update", "toolCallId": "1", "status": "completed"}),
            chunk("message", "Done."),
        ];
        let result = json!({"stopReason": "end_turn"});
        let of = |shows| said(&reply(shows, &updates, &result));
        assert_eq!(
            of(ShowTools::Reasoning),
            ["text:I look.", "thought:[execute] ls\n[execute] ls: completed\n", "text:\n\nDone."]
        );
        assert_eq!(of(ShowTools::Off), ["text:I look.\n\nDone."]);
        assert_eq!(of(ShowTools::Text), ["text:I look.\n\n[execute] ls\n[execute] ls: completed\nDone."]);
    }

    #[test]
    fn other_content_is_kept_as_far_as_it_goes() {
        let of = |content: Value| json!({"sessionUpdate": "agent_message_chunk", "content": content});
        let updates = [
            of(json!({"type": "image", "data": "AAAA", "mimeType": "image/png"})),
            of(json!({"type": "resource_link", "name": "a", "uri": "file:///a"})),
            of(json!({"type": "resource", "resource": {"uri": "x", "text": "inside"}})),
            of(json!({"type": "hologram"})),
            of(json!({"textDelta": "!"})),
            of(json!(null)),
        ];
        let reply = reply(ShowTools::Off, &updates, &json!({"stopReason": "refusal"}));
        assert_eq!(said(&reply), ["media:Some(\"image/png\")", "text:[a](file:///a)inside!"]);
        assert_eq!(reply.choices[0].stop.as_ref().unwrap().reason, StopReason::Refusal);
    }

    #[test]
    fn usage_of_a_chunk_counts() {
        let last = json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": ""},
            "_meta": {"usage": {"inputTokens": 11, "outputTokens": 7}}});
        let reply = reply(ShowTools::Off, &[last], &json!({"stopReason": "max_turn_requests"}));
        assert_eq!(reply.usage.unwrap().output, Some(7));
        assert_eq!(reply.choices[0].stop.as_ref().unwrap().reason, StopReason::Length);
    }
}

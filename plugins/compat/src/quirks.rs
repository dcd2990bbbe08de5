//! Fits a chat request to what a provider understands, as its profile says. Knows no provider and does no IO.
use crate::profile::{Bounds, EffortRule, MessageQuirks, Quirks, fits};
use lip_plugin::{Object, edit_elements};
use serde_json::{Map, Value};

impl Quirks {
    /// Edits `body`, a request for `model`.
    pub(crate) fn apply(&self, body: &mut Object<'_>, model: &str) {
        for (from, to) in &self.rename {
            body.rename(from, to);
        }
        if !self.allow.is_empty() {
            body.retain(|key| self.allow.iter().any(|allowed| allowed == key));
        }
        for key in &self.drop {
            body.remove(key);
        }
        if let Some(rule) = self.effort.iter().find(|rule| rule.models.iter().any(|m| fits(m, model))) {
            rule.apply(body);
        }
        for (key, bounds) in &self.clamp {
            if let Some(bounded) = body.get(key).and_then(|number| bounds.bounded(number)) {
                body.set(key, bounded);
            }
        }
        self.limit_choices(body);
        self.messages.apply(body);
        add(body, &self.default);
        let is_streamed = body.get("stream") == Some("true");
        if is_streamed && body.get("tools").is_some_and(|tools| tools != "null") {
            add(body, &self.default_streamed_tools);
        }
    }

    fn limit_choices(&self, body: &mut Object<'_>) {
        let understood = &self.tool_choice;
        if let Some(choice) =
            body.get("tool_choice").filter(|choice| !understood.is_empty() && *choice != "null")
        {
            let name: String = serde_json::from_str(choice).unwrap_or_default();
            if name == "none" && !understood.contains(&name) {
                body.remove("tools");
                body.remove("tool_choice");
            } else if !understood.contains(&name) {
                body.set("tool_choice", "\"auto\"".to_owned());
            }
        }
        let understood = &self.response_format;
        if let Some(format) = body.get("response_format").filter(|_| !understood.is_empty()) {
            let kind = Object::read(format).and_then(|format| format.text("type")).unwrap_or_default();
            if kind == "json_schema" && !understood.contains(&kind) {
                body.set("response_format", r#"{"type":"json_object"}"#.to_owned());
            }
        }
    }
}

impl EffortRule {
    fn apply(&self, body: &mut Object<'_>) {
        let Some(effort) = body.text("reasoning_effort") else { return };
        if let (Some(fields), "none") = (&self.none, effort.as_str()) {
            add(body, fields);
            return body.remove("reasoning_effort");
        }
        if self.omit {
            body.remove("reasoning_effort");
        } else if let Some(send) = self.send.get(&effort) {
            body.set("reasoning_effort", Value::from(send.as_str()).to_string());
        }
        add(body, &self.with);
    }
}

impl Bounds {
    /// The JSON number `text` within the bounds; `None` when it is so already, or no number.
    fn bounded(&self, text: &str) -> Option<String> {
        let number: f64 = text.parse().ok()?;
        let bound = match (self.min, self.max) {
            (Some(min), _) if number < min => min,
            (_, Some(max)) if number > max => max,
            _ => return None,
        };
        // Bounds of counts are whole: `512`, not `512.0`. `Display` of f64 writes them so.
        Some(bound.to_string())
    }
}

impl MessageQuirks {
    fn is_idle(&self) -> bool {
        let no_names = self.roles.is_empty() && self.rename.is_empty() && self.drop.is_empty();
        no_names && self.call_default.is_empty() && !self.flatten_text
    }

    fn apply(&self, body: &mut Object<'_>) {
        if self.is_idle() {
            return;
        }
        let edited = body.get("messages").and_then(|list| edit_elements(list, |message| self.edit(message)));
        if let Some(edited) = edited {
            body.set("messages", edited);
        }
    }

    fn edit(&self, message: &str) -> Option<String> {
        let mut message = Object::read(message)?;
        let role = message.text("role").unwrap_or_default();
        if let Some(role) = self.roles.get(&role) {
            message.set("role", Value::from(role.as_str()).to_string());
        }
        for (from, to) in &self.rename {
            message.rename(from, to);
        }
        for key in &self.drop {
            message.remove(key);
        }
        let calls =
            |list: &&str| *list != "null" && !list.trim_matches(['[', ']', ' ', '\n', '\t', '\r']).is_empty();
        if role == "assistant" && message.get("tool_calls").filter(calls).is_some() {
            add(&mut message, &self.call_default);
        }
        if self.flatten_text
            && let Some(text) = message.get("content").and_then(joined)
        {
            message.set("content", Value::from(text).to_string());
        }
        message.write()
    }
}

/// The texts of a list of nothing but text parts.
fn joined(content: &str) -> Option<String> {
    let parts: Vec<Value> = serde_json::from_str(content).ok()?;
    let text = |part: &Value| {
        let is_text = part.get("type").and_then(Value::as_str) == Some("text");
        part.get("text").and_then(Value::as_str).filter(|_| is_text).map(str::to_owned)
    };
    let texts = parts.iter().map(text).collect::<Option<Vec<String>>>();
    texts.filter(|texts| !texts.is_empty()).map(|texts| texts.join("\n"))
}

/// Adds fields that are absent or null.
fn add(body: &mut Object<'_>, fields: &Map<String, Value>) {
    for (key, value) in fields {
        if body.get(key) == Some("null") {
            body.set(key, value.to_string());
        }
        body.set_default(key, value);
    }
}

#[cfg(test)]
mod tests;

//! The tools that an agent uses by itself, told in one line each. They are no calls for the client: it could not answer them.
use serde_json::Value;
use std::collections::BTreeMap;

/// Tools of one turn that are remembered.
const TOOLS_MAX: usize = 512;
/// Characters of a title or of a reason that are shown.
const SHOWN_MAX: usize = 240;

/// The tools of one turn.
#[derive(Debug, Default)]
pub struct Tools {
    by_id: BTreeMap<String, Known>,
    plan: String,
}

#[derive(Debug, Default)]
struct Known {
    title: String,
    kind: String,
    is_over: bool,
}

impl Tools {
    /// A `tool_call` or `tool_call_update`: the line that tells it, if there is something new.
    pub fn told(&mut self, update: &Value) -> Option<String> {
        // Some agents wrap what the protocol wants at the top.
        let update = ["toolCall", "toolCallUpdate"].iter().find_map(|key| update.get(*key)).unwrap_or(update);
        let text = |key: &str| update.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let id = ["toolCallId", "id", "callId"].iter().find_map(|key| text(key)).unwrap_or_default();
        if self.by_id.len() >= TOOLS_MAX && !self.by_id.contains_key(id) {
            return None;
        }
        let is_new = !self.by_id.contains_key(id);
        let known = self.by_id.entry(id.to_owned()).or_default();
        if let Some(title) = ["title", "name", "toolName"].iter().find_map(|key| text(key)) {
            known.title = one_line(title);
        }
        if let Some(kind) = text("kind") {
            known.kind = one_line(kind);
        }
        let end = text("status").and_then(End::of);
        match end {
            None if is_new => Some(known.line("")),
            None => None,
            Some(_) if known.is_over => None,
            Some(end) => {
                known.is_over = true;
                let why = reason(update).filter(|_| end == End::Failed);
                let why = why
                    .map(|why| format!(": {}", end.word(&why)))
                    .unwrap_or_else(|| format!(": {}", end.word("")));
                Some(known.line(&why))
            }
        }
    }

    /// The agent was answered: may it use the tool?
    pub fn decided(&mut self, asked: &Value, is_allowed: bool) -> Option<String> {
        if is_allowed {
            return None;
        }
        let text = |key: &str| asked.get(key).and_then(Value::as_str).map(one_line).unwrap_or_default();
        let known = Known { title: text("title"), kind: text("kind"), is_over: true };
        let line = known.line(": not allowed");
        self.by_id
            .insert(asked.get("toolCallId").and_then(Value::as_str).unwrap_or_default().to_owned(), known);
        Some(line)
    }

    /// A `plan`, which always comes whole: its lines, if it is another one.
    pub fn planned(&mut self, update: &Value) -> Option<String> {
        let mut plan = String::new();
        for entry in update.get("entries").and_then(Value::as_array).into_iter().flatten() {
            let Some(content) = entry.get("content").and_then(Value::as_str) else { continue };
            let mark = match entry.get("status").and_then(Value::as_str) {
                Some("completed") => "x",
                Some("in_progress") => "~",
                _ => " ",
            };
            plan.push_str(&format!("- [{mark}] {}\n", one_line(content)));
        }
        if plan.is_empty() || plan == self.plan {
            return None;
        }
        self.plan.clone_from(&plan);
        Some(plan)
    }
}

impl Known {
    fn line(&self, end: &str) -> String {
        let kind = if self.kind.is_empty() { "tool" } else { &self.kind };
        let title = if self.title.is_empty() { "" } else { &*self.title };
        format!("[{kind}] {title}{end}\n")
    }
}

/// How a tool ended. Agents have more words for it than the protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Completed,
    Failed,
    Cancelled,
}

impl End {
    fn of(status: &str) -> Option<Self> {
        match status {
            "completed" | "complete" | "finished" | "success" | "done" => Some(Self::Completed),
            "failed" | "error" => Some(Self::Failed),
            "cancelled" | "canceled" | "rejected" => Some(Self::Cancelled),
            _ => None,
        }
    }

    fn word(self, why: &str) -> String {
        match self {
            Self::Completed => "completed".to_owned(),
            Self::Cancelled => "cancelled".to_owned(),
            Self::Failed if why.is_empty() => "failed".to_owned(),
            Self::Failed => format!("failed ({why})"),
        }
    }
}

/// Why a tool failed, as far as its content tells.
fn reason(update: &Value) -> Option<String> {
    let content = update.get("content").and_then(Value::as_array)?;
    let text = content.iter().find_map(|item| item.pointer("/content/text")?.as_str())?;
    Some(one_line(text)).filter(|text| !text.is_empty())
}

fn one_line(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(SHOWN_MAX) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tools_are_told_once_when_they_begin_and_once_when_they_end() {
        let mut tools = Tools::default();
        let call = json!({"sessionUpdate": "tool_call", "toolCallId": "1", "title": "touch a\nb", "kind": "execute", "status": "pending"});
        assert_eq!(tools.told(&call).as_deref(), Some("[execute] touch a b\n"));
        assert_eq!(tools.told(&call), None);
        let more = json!({"toolCallId": "1", "status": "in_progress"});
        assert_eq!(tools.told(&more), None);
        let over = json!({"toolCallId": "1", "status": "completed"});
        assert_eq!(tools.told(&over).as_deref(), Some("[execute] touch a b: completed\n"));
        assert_eq!(tools.told(&over), None);
    }

    #[test]
    fn updates_without_a_call_and_failures_are_told() {
        let mut tools = Tools::default();
        let bare =
            json!({"toolCallId": "w", "status": "completed", "title": "Writing to a.txt", "kind": "edit"});
        assert_eq!(tools.told(&bare).as_deref(), Some("[edit] Writing to a.txt: completed\n"));
        let failed = json!({"toolCallId": "x", "status": "failed", "title": "x",
            "content": [{"type": "content", "content": {"type": "text", "text": "no\nsuch file"}}]});
        assert_eq!(tools.told(&failed).as_deref(), Some("[tool] x: failed (no such file)\n"));
        let wrapped = json!({"toolCall": {"id": "y", "name": "shell"}});
        assert_eq!(tools.told(&wrapped).as_deref(), Some("[tool] shell\n"));
    }

    #[test]
    fn refusals_are_told_and_end_the_tool() {
        let mut tools = Tools::default();
        let asked = json!({"toolCallId": "1", "title": "rm -rf", "kind": "execute"});
        assert_eq!(tools.decided(&asked, true), None);
        assert_eq!(tools.decided(&asked, false).as_deref(), Some("[execute] rm -rf: not allowed\n"));
        assert_eq!(tools.told(&json!({"toolCallId": "1", "status": "failed"})), None);
    }

    #[test]
    fn plans_are_told_when_they_change() {
        let mut tools = Tools::default();
        let plan = |status: &str| json!({"entries": [{"content": "look", "status": status}, {"content": "act", "priority": "low"}]});
        assert_eq!(tools.planned(&plan("in_progress")).as_deref(), Some("- [~] look\n- [ ] act\n"));
        assert_eq!(tools.planned(&plan("in_progress")), None);
        assert_eq!(tools.planned(&plan("completed")).as_deref(), Some("- [x] look\n- [ ] act\n"));
        assert_eq!(tools.planned(&json!({"entries": []})), None);
    }

    #[test]
    fn tools_of_one_turn_are_bounded() {
        let mut tools = Tools::default();
        for n in 0..TOOLS_MAX + 100 {
            tools.told(&json!({"toolCallId": n.to_string(), "title": "x".repeat(10_000)}));
        }
        assert_eq!(tools.by_id.len(), TOOLS_MAX);
        assert!(tools.by_id.values().all(|tool| tool.title.chars().count() <= SHOWN_MAX + 1));
    }
}

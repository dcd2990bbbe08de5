//! One turn. Markers in the last text of the prompt choose what happens:
//!
//! | marker | what |
//! |---|---|
//! | none | "You said: " and the text without markers, in at least three chunks |
//! | `[[THINK]]` | a thought first |
//! | `[[PLAN]]` `[[TODOS]]` | a plan first; as Cursor's notification |
//! | `[[SLOW ms]]` | that long before each chunk |
//! | `[[UNTIL file]]` | nothing before there is such a file |
//! | `[[TOOL]]` `[[TOOL2]]` | a tool that needs permission, announced as Gemini CLI and as opencode do |
//! | `[[ASK]]` | Cursor's blocking question |
//! | `[[FS]]` | asks to read a file and tells the error code |
//! | `[[USAGE result]]` `meta` `chunk` | where tokens are told: codex-acp's, Gemini CLI's and Qwen Code's place |
//! | `[[ERROR code]]` | an error instead of an answer |
//! | `[[HANG]]` `[[DEAF]]` | no end: until cancelled; not even then |
//! | `[[ECHO]]` `[[CWD]]` `[[ENV name]]` `[[PID]]` `[[HISTORY]]` `[[MODEL]]` `[[EFFORT]]` | the answer is the prompt as JSON, the directory, … |
use crate::flags::Flags;
use crate::rogue;
use crate::sessions::Session;
use crate::talk::{Talk, Woken, say, update};
use serde_json::{Value, json};
use std::time::Duration;

/// What a turn is about.
pub(crate) struct Turn<'a> {
    pub(crate) id: &'a Value,
    pub(crate) session_id: &'a str,
    pub(crate) session: &'a Session,
    pub(crate) prompt: &'a Value,
    pub(crate) flags: &'a Flags,
}

/// Plays it.
pub(crate) fn play(talk: &mut Talk, turn: &Turn<'_>) {
    let text = last_text(turn.prompt);
    let marks = Marks::read(&text);
    if let Some(code) = marks.value("ERROR") {
        let code = code.parse().expect("the code of the error");
        return talk.refuse(turn.id, code, "the story says so");
    }
    let stopped = |talk: &Talk| talk.answer(turn.id, &json!({"stopReason": "cancelled"}));
    if marks.has("DEAF") {
        while talk.wait(Duration::from_secs(3600)) != Woken::Time {}
    }
    if marks.has("HANG") {
        while talk.wait(Duration::from_secs(3600)) == Woken::Time {}
        return stopped(talk);
    }
    if let Some(file) = marks.value("UNTIL") {
        while !std::path::Path::new(file).exists() {
            if talk.wait(Duration::from_millis(2)) == Woken::Cancelled {
                return stopped(talk);
            }
        }
    }
    let Some(answer) = prepare(talk, turn, &marks) else { return stopped(talk) };
    let pause = Duration::from_millis(marks.value("SLOW").map_or(0, |ms| ms.parse().expect("milliseconds")));
    for chunk in chunks(&answer) {
        if !pause.is_zero() && talk.wait(pause) == Woken::Cancelled {
            return stopped(talk);
        }
        turn.text("agent_message_chunk", chunk);
        rogue::mid_turn(turn.flags);
    }
    if marks.value("USAGE") == Some("chunk") {
        let meta = json!({"usage": {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18, "thoughtTokens": 0, "cachedReadTokens": 3}});
        turn.update(&json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": ""}, "_meta": meta}));
    }
    talk.answer(turn.id, &result(&marks));
}

impl Turn<'_> {
    fn update(&self, what: &Value) {
        update(self.session_id, what);
    }

    fn text(&self, kind: &str, text: &str) {
        self.update(&json!({"sessionUpdate": kind, "content": {"type": "text", "text": text}}));
    }
}

/// What comes before the answer, and the answer. None: cancelled.
fn prepare(talk: &mut Talk, turn: &Turn<'_>, marks: &Marks) -> Option<String> {
    if marks.has("THINK") {
        turn.text("agent_thought_chunk", "**Pondering**\nI should answer.");
    }
    if marks.has("PLAN") {
        let entries = json!([
            {"content": "Read", "priority": "high", "status": "completed"},
            {"content": "Write", "priority": "medium", "status": "pending"},
        ]);
        turn.update(&json!({"sessionUpdate": "plan", "entries": entries}));
    }
    if marks.has("TODOS") {
        let todos = json!([{"id": "1", "content": "Write", "status": "pending"}]);
        say(&json!({"jsonrpc": "2.0", "method": "cursor/update_todos", "params": {"todos": todos}}));
    }
    let mut answer = answer(turn, marks);
    if marks.has("TOOL") || marks.has("TOOL2") {
        answer += if use_tool(talk, turn, marks.has("TOOL2"))? {
            " The tool ran."
        } else {
            " The tool did not run."
        };
    }
    if marks.has("ASK") {
        let question = json!({"sessionId": turn.session_id, "question": "Which?", "options": [{"id": "a", "label": "A"}]});
        let said = talk.ask("cursor/ask_question", &question)?;
        answer += &format!(" Asked: {}.", said["result"]["outcome"]["outcome"].as_str().unwrap_or("nothing"));
    }
    if marks.has("FS") {
        let file = json!({"sessionId": turn.session_id, "path": "/etc/hostname"});
        let said = talk.ask("fs/read_text_file", &file)?;
        answer += &format!(" File: {}.", said["error"]["code"]);
    }
    Some(answer)
}

fn answer(turn: &Turn<'_>, marks: &Marks) -> String {
    let chosen = |id: &str| turn.session.chosen.get(id).cloned().unwrap_or_default();
    if marks.has("ECHO") {
        turn.prompt.to_string()
    } else if marks.has("CWD") {
        std::env::current_dir().expect("a directory").display().to_string()
    } else if let Some(name) = marks.value("ENV") {
        std::env::var(name).unwrap_or_else(|_| "absent".to_owned())
    } else if marks.has("PID") {
        std::process::id().to_string()
    } else if marks.has("HISTORY") {
        turn.session.n_prompts.to_string()
    } else if marks.has("MODEL") {
        chosen("model")
    } else if marks.has("EFFORT") {
        chosen("effort")
    } else {
        format!("You said: {}", marks.rest)
    }
}

/// Uses a tool if it may. None: cancelled.
fn use_tool(talk: &mut Talk, turn: &Turn<'_>, is_announced: bool) -> Option<bool> {
    let id = if is_announced { "call_1" } else { "write_file__call-0" };
    let step = |kind: &str, status: &str| {
        turn.update(&json!({
            "sessionUpdate": kind, "toolCallId": id, "title": "touch a.txt", "kind": "execute", "status": status,
            "content": [], "locations": [], "rawInput": {"command": "touch a.txt"},
        }));
    };
    // The ids are the agent's own: gemini-cli's, and opencode's.
    let options = if is_announced {
        step("tool_call", "pending");
        [("once", "allow_once"), ("always", "allow_always"), ("reject", "reject_once")]
    } else {
        [("proceed_always", "allow_always"), ("proceed_once", "allow_once"), ("cancel", "reject_once")]
    };
    let named: Vec<Value> =
        options.iter().map(|(id, kind)| json!({"optionId": id, "name": kind, "kind": kind})).collect();
    let call = json!({"toolCallId": id, "status": "pending", "title": "touch a.txt", "kind": "execute", "content": [], "locations": []});
    let params = json!({"sessionId": turn.session_id, "options": named, "toolCall": call});
    let said = talk.ask("session/request_permission", &params)?;
    let outcome = &said["result"]["outcome"];
    let is_allowed = match (outcome["outcome"].as_str(), outcome["optionId"].as_str()) {
        (Some("selected"), Some(chosen)) => {
            let kind = options.iter().find(|(id, _)| *id == chosen);
            kind.unwrap_or_else(|| panic!("{chosen} is no option")).1.starts_with("allow")
        }
        (Some("cancelled"), None) => false,
        _ => panic!("no answer to a permission: {said}"),
    };
    if is_announced {
        step("tool_call_update", if is_allowed { "in_progress" } else { "failed" });
    }
    if is_allowed {
        turn.update(&json!({
            "sessionUpdate": "tool_call_update", "toolCallId": id, "status": "completed",
            "content": [{"type": "content", "content": {"type": "text", "text": "(no output)"}}],
        }));
    }
    Some(is_allowed)
}

fn result(marks: &Marks) -> Value {
    match marks.value("USAGE") {
        Some("result") => json!({"stopReason": "end_turn", "usage": {
            "inputTokens": 11, "outputTokens": 7, "totalTokens": 18, "cachedReadTokens": 3, "thoughtTokens": 0,
        }}),
        Some("meta") => {
            let count = json!({"input_tokens": 11, "output_tokens": 7});
            json!({"stopReason": "end_turn", "_meta": {"quota": {"token_count": count}}})
        }
        _ => json!({"stopReason": "end_turn"}),
    }
}

/// At least three pieces, and more for long texts; joined they are the text.
fn chunks(text: &str) -> Vec<&str> {
    let step = (text.len() / 3).clamp(1, 4096);
    let (mut pieces, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let mut end = step.min(rest.len());
        while !rest.is_char_boundary(end) {
            end += 1;
        }
        let (piece, left) = rest.split_at(end);
        pieces.push(piece);
        rest = left;
    }
    pieces
}

fn last_text(prompt: &Value) -> String {
    let blocks = prompt.as_array().expect("a list of blocks");
    let texts = blocks.iter().rev().filter(|block| block["type"] == "text");
    texts.filter_map(|block| block["text"].as_str()).next().unwrap_or_default().to_owned()
}

/// The markers of a text, the last of a name first, and the text without them.
struct Marks {
    found: Vec<(String, String)>,
    rest: String,
}

impl Marks {
    fn read(text: &str) -> Self {
        let (mut found, mut rest, mut left) = (Vec::new(), String::new(), text);
        while let Some((before, behind)) = left.split_once("[[") {
            rest += before;
            let Some((mark, after)) = behind.split_once("]]") else { break };
            let (name, value) = mark.split_once(' ').unwrap_or((mark, ""));
            found.insert(0, (name.to_owned(), value.to_owned()));
            left = after;
        }
        rest += left;
        Self { found, rest: rest.split_whitespace().collect::<Vec<_>>().join(" ") }
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.found.iter().find(|(found, _)| found == name).map(|(_, value)| &**value)
    }

    fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }
}

//! A conversation as one prompt: the newest message as it is, and before it, where need be, what the agent has not heard.
use super::history::{Step, instructions, spoken};
use super::setup::Agreed;
use lip_wire::canon::{Content, Media, MediaKind, Part, Request, Role, Source, Turn};
use serde_json::{Value, json};
use std::fmt::Write;

/// Agents take a text that begins so for one of their own commands: some of them install software.
const COMMAND_SIGNS: [char; 3] = ['/', '$', '!'];

/// There is nothing to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMessage;

/// The blocks of `session/prompt` for `request`, as far as `step` says that they are needed.
///
/// # Errors
/// The conversation holds no message of the user.
pub fn blocks(request: &Request, step: &Step, agent: &Agreed) -> Result<Vec<Value>, NoMessage> {
    let turns: Vec<&Turn> = spoken(request).collect();
    if !turns.iter().any(|turn| turn.role == Role::User && !turn.parts.is_empty()) {
        return Err(NoMessage);
    }
    let (from, has_instructions) = match step {
        Step::Fresh => (0, true),
        Step::From { turn, has_new_instructions } => (*turn, *has_new_instructions),
        Step::Again => {
            let last = turns.iter().rposition(|turn| turn.role == Role::User);
            (last.unwrap_or_default(), false)
        }
    };
    let new = turns.get(from..).unwrap_or_default();
    let (before, last) = match new.split_last() {
        Some((last, before)) if last.role == Role::User && !is_result(last) => (before, Some(*last)),
        _ => (new, None),
    };
    let rules = if has_instructions { texts(instructions(request)) } else { String::new() };
    let asked = last.map(|turn| texts(&turn.parts)).unwrap_or_default();
    let mut text = String::new();
    if !rules.is_empty() {
        let _ = writeln!(text, "<instructions>\n{rules}\n</instructions>\n");
    }
    if !before.is_empty() {
        let name = if *step == Step::Fresh { "conversation so far" } else { "said since your last answer" };
        let _ = writeln!(text, "<context: {name}>");
        before.iter().for_each(|turn| tell(turn, &mut text));
        text.push_str("</context>\n\n");
    }
    match (&*text, last) {
        ("", _) => text = asked,
        (_, Some(_)) => {
            let _ = write!(text, "Now answer this message of the user:\n{asked}");
        }
        (_, None) => text.push_str("Now go on with the conversation."),
    }
    let mut blocks = Vec::new();
    let media = last.into_iter().flat_map(|turn| &turn.parts).filter_map(|part| match &part.content {
        Content::Media(media) => Some(media),
        _ => None,
    });
    for media in media {
        match block(media, agent) {
            Some(block) => blocks.push(block),
            None => {
                let _ = write!(text, "\n[{}]", described(media));
            }
        }
    }
    if !text.trim().is_empty() || blocks.is_empty() {
        blocks.insert(0, json!({"type": "text", "text": guarded(text)}));
    }
    Ok(blocks)
}

/// A text that no agent takes for a command.
fn guarded(text: String) -> String {
    // Signs that cannot be seen are no protection.
    let first = text.chars().find(|char| !char.is_whitespace() && !char.is_control() && !is_invisible(*char));
    match first {
        Some(first) if COMMAND_SIGNS.contains(&first) => format!("Message of the user:\n{text}"),
        _ => text,
    }
}

const fn is_invisible(char: char) -> bool {
    matches!(char, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

fn is_result(turn: &Turn) -> bool {
    turn.parts.iter().all(|part| matches!(part.content, Content::ToolResult(_)))
}

fn texts<'a>(parts: impl IntoIterator<Item = &'a Part>) -> String {
    let texts: Vec<&str> =
        parts.into_iter().filter_map(Part::as_text).filter(|text| !text.is_empty()).collect();
    texts.join("\n")
}

/// A turn of the context. What tools took and gave is told by its size: the agent has tools of its own to look.
fn tell(turn: &Turn, out: &mut String) {
    let who = match turn.role {
        Role::Assistant => "Assistant",
        Role::Tool => "Tool",
        Role::User | Role::System | Role::Developer => "User",
    };
    for part in &turn.parts {
        let _ = match &part.content {
            Content::Text(text) => writeln!(out, "{who}: {}", text.text),
            Content::Refusal(refusal) => writeln!(out, "{who}: {}", refusal.text),
            Content::Media(media) => writeln!(out, "{who}: [{}]", described(media)),
            Content::ToolCall(call) => {
                writeln!(out, "{who} called the tool {} with {} bytes", call.name, call.arguments.len())
            }
            Content::ToolResult(result) => {
                let name = result.name.as_deref().or(result.call_id.as_deref()).unwrap_or("a tool");
                let verb = if result.is_error == Some(true) { "failed with" } else { "gave" };
                writeln!(out, "Tool {name} {verb} {} bytes", result.text().len())
            }
            Content::Reasoning(_) | Content::Native(_) => Ok(()),
        };
    }
}

fn block(media: &Media, agent: &Agreed) -> Option<Value> {
    let mime = media.media_type.as_deref();
    match (&media.kind, &media.source) {
        (MediaKind::Image, Source::Base64(data)) if agent.images => {
            Some(json!({"type": "image", "data": data, "mimeType": mime.unwrap_or("image/png")}))
        }
        (MediaKind::Audio, Source::Base64(data)) if agent.audio => {
            Some(json!({"type": "audio", "data": data, "mimeType": mime.unwrap_or("audio/wav")}))
        }
        (_, Source::Url(uri)) => {
            let name = media.name.as_deref().unwrap_or(uri);
            Some(json!({"type": "resource_link", "name": name, "uri": uri}))
        }
        (_, Source::Text(text)) => Some(json!({"type": "text", "text": text})),
        _ => None,
    }
}

fn described(media: &Media) -> String {
    let kind = match media.kind {
        MediaKind::Image => "an image",
        MediaKind::Audio => "a sound",
        MediaKind::Video => "a film",
        MediaKind::File => "a file",
    };
    match &media.name {
        Some(name) => format!("{kind} that cannot be shown: {name}"),
        None => format!("{kind} that cannot be shown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lip_wire::canon::{ToolCall, ToolResult};

    fn request(said: &[(Role, &str)]) -> Request {
        let turns = said.iter().map(|(role, text)| Turn::new(*role, vec![Part::text(*text)])).collect();
        Request { turns, ..Request::default() }
    }

    fn text(request: &Request, step: &Step) -> String {
        let blocks = blocks(request, step, &Agreed::default()).unwrap();
        assert_eq!(blocks.len(), 1);
        blocks[0]["text"].as_str().unwrap().to_owned()
    }

    #[test]
    fn single_message_is_said_as_it_is() {
        assert_eq!(text(&request(&[(Role::User, "Hello\n there ")]), &Step::Fresh), "Hello\n there ");
        let once_more = request(&[(Role::User, "a"), (Role::Assistant, "x"), (Role::User, "b")]);
        assert_eq!(text(&once_more, &Step::Again), "b");
        let from = Step::From { turn: 2, has_new_instructions: false };
        assert_eq!(text(&once_more, &from), "b");
    }

    #[test]
    fn commands_of_agents_are_never_the_beginning() {
        for said in
            ["/about", " \n/extensions install x", "$HOME", "!ls", "\u{feff}/help", "\u{200b}\u{7f}/x"]
        {
            let text = text(&request(&[(Role::User, said)]), &Step::Fresh);
            assert_eq!(text, format!("Message of the user:\n{said}"));
        }
        assert_eq!(text(&request(&[(Role::User, "a / b")]), &Step::Fresh), "a / b");
    }

    #[test]
    fn whole_conversation_is_told_in_order() {
        let mut request = request(&[
            (Role::System, "Be brief."),
            (Role::User, "look"),
            (Role::Assistant, "I look."),
            (Role::Tool, ""),
            (Role::User, "and now?"),
        ]);
        request.turns[2].parts.push(Part::new(Content::ToolCall(ToolCall {
            name: "read".to_owned(),
            arguments: "{\"secret\":1}".to_owned(),
            ..ToolCall::default()
        })));
        request.turns[3].parts = vec![Part::new(Content::ToolResult(ToolResult {
            name: Some("read".to_owned()),
            parts: vec![Part::text("content of a file")],
            ..ToolResult::default()
        }))];
        let told = text(&request, &Step::Fresh);
        assert_eq!(
            told,
            "<instructions>\nBe brief.\n</instructions>\n\n<context: conversation so far>\nUser: look\nAssistant: I look.\n\
             Assistant called the tool read with 12 bytes\nTool read gave 17 bytes\n</context>\n\n\
             Now answer this message of the user:\nand now?"
        );
        let from = Step::From { turn: 2, has_new_instructions: false };
        assert_eq!(
            text(&request, &from),
            "<context: said since your last answer>\nTool read gave 17 bytes\n</context>\n\n\
             Now answer this message of the user:\nand now?"
        );
        let from = Step::From { turn: 3, has_new_instructions: true };
        assert!(text(&request, &from).starts_with("<instructions>\nBe brief.\n"));
    }

    #[test]
    fn conversation_that_ends_with_a_tool_goes_on() {
        let mut request = request(&[(Role::User, "look"), (Role::User, "")]);
        request.turns[1].parts = vec![Part::new(Content::ToolResult(ToolResult::default()))];
        assert!(text(&request, &Step::Fresh).ends_with("Now go on with the conversation."));
    }

    #[test]
    fn images_go_to_agents_that_look_at_them() {
        let media = |source| {
            Part::new(Content::Media(Media {
                kind: MediaKind::Image,
                source,
                media_type: Some("image/png".to_owned()),
                name: None,
                detail: None,
                transcript: None,
            }))
        };
        let mut request = request(&[(Role::User, "what is it?")]);
        request.turns[0].parts.push(media(Source::Base64("AAAA".to_owned())));
        request.turns[0].parts.push(media(Source::Url("https://x/y.png".to_owned())));
        let sees = Agreed { images: true, ..Agreed::default() };
        let shown = blocks(&request, &Step::Fresh, &sees).unwrap();
        assert_eq!(shown[1], json!({"type": "image", "data": "AAAA", "mimeType": "image/png"}));
        assert_eq!(shown[2]["type"], "resource_link");
        let blind = blocks(&request, &Step::Fresh, &Agreed::default()).unwrap();
        assert_eq!(blind[0]["text"], "what is it?\n[an image that cannot be shown]");
        assert_eq!(blind.len(), 2);
    }

    #[test]
    fn nothing_to_say_is_an_error() {
        for request in [request(&[]), request(&[(Role::System, "x")]), request(&[(Role::Assistant, "x")])] {
            assert_eq!(blocks(&request, &Step::Fresh, &Agreed::default()), Err(NoMessage));
        }
    }
}

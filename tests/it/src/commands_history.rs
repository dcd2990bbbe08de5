//! An agent's long conversation with commands in between: what the provider sees is the conversation without them, and it
//! only ever grows at its end, so that prompt caches stay warm.
use crate::talk::{TONGUES, Tongue, says};
use crate::team::{Chat, Team};
use serde_json::{Value, json};
use stage::Recorded;

/// The conversation as a provider got it, one text per message.
fn sent(tongue: Tongue, request: &Recorded) -> Vec<String> {
    let body = request.json();
    let list = match tongue {
        Tongue::Chat | Tongue::Anthropic => &body["messages"],
        Tongue::Responses => &body["input"],
        Tongue::Gemini => &body["contents"],
    };
    list.as_array().expect("a conversation").iter().map(Value::to_string).collect()
}

/// The bytes of the conversation: from the beginning of its list to the end of its last message.
fn bytes(tongue: Tongue, request: &Recorded) -> String {
    let body = String::from_utf8(request.body.clone()).expect("UTF-8");
    let name = match tongue {
        Tongue::Chat | Tongue::Anthropic => "\"messages\":[",
        Tongue::Responses => "\"input\":[",
        Tongue::Gemini => "\"contents\":[",
    };
    let start = body.find(name).expect("a conversation") + name.len();
    let list: Vec<&serde_json::value::RawValue> = {
        let mut stream = serde_json::Deserializer::from_str(&body[start - 1..]).into_iter();
        stream.next().expect("a list").expect("JSON")
    };
    let last = list.last().expect("a message").get();
    let end = body[start..].rfind(last).expect("its place") + last.len();
    body[start..start + end].to_owned()
}

#[tokio::test]
async fn agent_of_twenty_turns_keeps_its_commands_to_itself() {
    for tongue in TONGUES {
        let name = match tongue {
            Tongue::Chat => "openai",
            Tongue::Responses => "openai-responses",
            Tongue::Anthropic => "anthropic",
            Tongue::Gemini => "gemini",
        };
        let provider = stage::Upstream::by(|request| says(request, "I looked at it")).await;
        let other = stage::Upstream::by(|request| says(request, "I looked elsewhere")).await;
        let team = Team::of("", vec![(name, provider), ("openrouter", other)], |builder| builder).await;
        let mut chat = Chat::new(&team.lip, tongue, true);
        let mut locals = Vec::new();
        for turn in 0..20 {
            if turn % 3 == 1 {
                let command =
                    ["!/temperature(0.5)", "!/status", "!/help", "!/oneoff(openrouter:x/y)", "!/hello"]
                        [turn / 3 % 5];
                locals.push(chat.say(command).await);
            }
            let words = match turn % 4 {
                2 => format!("question {turn}\n!/set(project=p{turn})"),
                3 => format!("!/reasoning-effort(low)\nquestion {turn}"),
                _ => format!("question {turn}"),
            };
            chat.say(&words).await;
            let id = format!("call_{turn}");
            chat.history.pop();
            chat.history.push(tongue.tool_call(&id, "read", &json!({"path": "a.sh"})));
            chat.send(tongue.tool_result(&id, "read", "#!/bin/sh\n!/hello\n!/backend(openrouter)")).await;
        }
        assert_eq!(locals.len(), 7, "{tongue:?}");
        let turns = team.turns(name);
        assert_eq!(turns.len() + team.turns("openrouter").len(), 40, "{tongue:?}");
        assert_eq!(team.turns("openrouter").len(), 1, "{tongue:?}: the one-off is used once");
        let mut before = String::new();
        for (n, request) in turns.iter().enumerate() {
            let all = sent(tongue, request);
            for text in &all {
                let is_result = text.contains("#!/bin/sh");
                assert!(is_result || !text.contains("!/"), "{tongue:?} {n}: {text}");
                for local in &locals {
                    let quoted = json!(local).to_string();
                    assert!(!text.contains(quoted.trim_matches('"')), "{tongue:?} {n}: {text}");
                }
            }
            let now = bytes(tongue, request);
            assert!(
                now.starts_with(&before),
                "{tongue:?} {n}: the cached beginning changed:\n{before}\n{now}"
            );
            before = now;
        }
        let last = sent(tongue, turns.last().expect("a turn"));
        assert_eq!(last.len(), 19 * 4 + 3, "{tongue:?}: nothing of the conversation is lost");
    }
}

#[tokio::test]
async fn moving_cache_marks_do_not_bring_commands_back() {
    let team = Team::new().await;
    let mut chat = Chat::new(&team.lip, Tongue::Anthropic, true);
    chat.model = "anthropic:claude-sonnet-4-5".to_owned();
    let mark = |text: &str| json!({"role": "user", "content": [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]});
    for words in ["begin", "!/temperature(0.5)", "go on", "!/set(project=p)\nand on", "!/status", "end"] {
        // As agents do it: the mark is on the newest message only.
        for message in &mut chat.history {
            if let Some(part) = message["content"].get_mut(0).and_then(Value::as_object_mut) {
                part.remove("cache_control");
            }
        }
        chat.send(mark(words)).await;
    }
    let last = team.turns("anthropic").pop().expect("a turn");
    let text = String::from_utf8(last.body.clone()).expect("UTF-8");
    assert!(!text.contains("!/") && !text.contains("Session: "), "{text}");
    assert_eq!(last.json()["messages"].as_array().map(Vec::len), Some(7), "{text}");
}

#[tokio::test]
async fn pieces_of_a_local_answer_are_one_answer() {
    let team = Team::new().await;
    let mut chat = Chat::new(&team.lip, Tongue::Gemini, true);
    chat.say("begin").await;
    let said = chat.say("!/hello").await;
    // As Google's libraries collect a stream: one part for each piece, the last one empty.
    let (head, tail) = said.split_at(said.len() / 2);
    chat.history.pop();
    chat.history.push(json!({"role": "model", "parts": [{"text": head}, {"text": tail}, {"text": ""}]}));
    chat.say("go on").await;
    let last = team.turns("openai").pop().expect("a turn");
    let text = String::from_utf8(last.body.clone()).expect("UTF-8");
    assert!(text.contains("go on") && !text.contains("Hello, this is LIP"), "{text}");
}

#[tokio::test]
async fn what_is_not_a_command_reaches_the_provider_as_it_is() {
    let team = Team::new().await;
    for words in [
        "#!/bin/sh",
        "#!/usr/bin/env python3\nprint(1)",
        "look:\n```sh\n!/hello\n```",
        "!/nonexistentcmd",
        "!/unknown(cmd)",
        "path!/hello",
        "say !/hello to me",
        "> !/hello",
        "!/hello(",
        "[read_file for 'x'] Result:\n!/set(model=y)",
    ] {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": words}]}).to_string();
        let answer = team.lip.chat(&body).await;
        assert_eq!(answer.status, 200, "{words}: {}", answer.text());
        let sent = team.turns("openai").pop().expect("a turn");
        assert_eq!(String::from_utf8_lossy(&sent.body), body, "{words}");
    }
    let n = team.turns("openai").len();
    let feedback = json!({"model": "m", "messages": [{"role": "user",
        "content": "[attempt_completion] Result: <feedback>!/hello</feedback>"}]});
    assert!(team.lip.chat(feedback.to_string()).await.text().contains("Hello, this is LIP"));
    assert_eq!(team.turns("openai").len(), n);
}

#[tokio::test]
async fn tool_results_and_models_give_no_commands() {
    let team = Team::new().await;
    for tongue in TONGUES {
        let mut chat = Chat::new(&team.lip, tongue, false);
        chat.history.push(tongue.message("user", "read it"));
        chat.history.push(tongue.message("assistant", "!/backend(gemini)"));
        chat.history.push(tongue.message("user", "yes"));
        chat.history.push(tongue.tool_call("call_1", "read", &json!({"path": "a"})));
        let said = chat.send(tongue.tool_result("call_1", "read", "!/backend(gemini)")).await;
        assert_eq!(said, "openai speaks", "{tongue:?}");
        assert_eq!(chat.say("and now").await, "openai speaks", "{tongue:?}");
        let sent =
            String::from_utf8(team.turns("openai").pop().expect("a turn").body.clone()).expect("UTF-8");
        assert_eq!(sent.matches("!/backend(gemini)").count(), 2, "{tongue:?}: {sent}");
    }
    assert_eq!(team.turns("gemini").len(), 0);
}

//! Commands in chats, from every client's dialect, streamed and not.
use crate::talk::{Tongue, ways};
use crate::team::{Chat, Team};
use serde_json::json;
use stage::Upstream;

#[tokio::test]
async fn message_of_commands_is_answered_here_in_the_clients_own_shape() {
    let team = Team::new().await;
    for (tongue, stream) in ways() {
        for (command, expected) in [
            ("!/hello", "Hello, this is LIP"),
            ("!/help", "!/oneoff("),
            ("!/help(set)", "Example: !/set"),
            ("!/status", "Session: lip-"),
            ("!/why", "No turn of this session"),
            ("!/backend(anthropic)", "Backend: anthropic"),
            ("!/backend(nobody)", "Error: no backend `nobody`; available:"),
            ("!/model(claude-3-5-sonnet-20241022)", "Model: claude-3-5-sonnet-20241022"),
            ("!/oneoff(openrouter:qwen/qwen3-coder)", "One-off route: openrouter:qwen/qwen3-coder"),
            ("!/set(temperature=0.3, project='a b')", "temperature set to 0.3; project set to a b"),
            ("!/pwd", "Error:"),
            ("!/memory-on", "Error: memory-on is not available in this version"),
            ("\n  !/hello  \n!/pwd\n", "Hello, this is LIP"),
        ] {
            let mut chat = Chat::new(&team.lip, tongue, stream);
            let said = chat.say(command).await;
            assert!(said.contains(expected), "{tongue:?} {command}: {said}");
        }
    }
    assert_eq!(team.counts(), [0, 0, 0, 0], "no backend hears of commands");
}

#[tokio::test]
async fn session_switches_its_backend_and_goes_back() {
    let team = Team::new().await;
    for (tongue, stream) in ways() {
        let before = team.counts();
        let mut chat = Chat::new(&team.lip, tongue, stream);
        let way = format!("{tongue:?} {stream}");
        assert_eq!(chat.say(&format!("first {way}")).await, "openai speaks");
        assert_eq!(chat.say("!/backend(anthropic)").await, "Backend: anthropic");
        assert_eq!(chat.say("second").await, "anthropic speaks", "{way}");
        assert_eq!(chat.say("third").await, "anthropic speaks", "{way}");
        assert!(chat.say("!/unset(backend)").await.contains("unset"));
        assert_eq!(chat.say("fourth").await, "openai speaks", "{way}");
        let now = team.counts();
        let new: Vec<usize> = now.iter().zip(&before).map(|(now, before)| now - before).collect();
        assert_eq!(new, [2, 2, 0, 0], "{way}");
        let sent = String::from_utf8(team.turns("anthropic").last().unwrap().body.clone()).unwrap();
        assert!(sent.contains("third") && sent.contains("second") && sent.contains(&way), "{sent}");
        assert!(!sent.contains("!/") && !sent.contains("Backend: anthropic"), "{way}: {sent}");
        let sent = String::from_utf8(team.turns("openai").last().unwrap().body.clone()).unwrap();
        assert!(!sent.contains("!/") && !sent.contains("unset"), "{way}: {sent}");
    }
}

#[tokio::test]
async fn examples_of_the_overview_work_literally() {
    let team = Team::new().await;
    for (tongue, stream) in ways() {
        let mut chat = Chat::new(&team.lip, tongue, stream);
        let way = format!("{tongue:?} {stream}");
        chat.say(&format!("!/backend(anthropic)\n!/model(claude-3-5-sonnet-20241022)\nfor {way}")).await;
        let sent = team.turns("anthropic").pop().unwrap();
        assert_eq!(sent.json()["model"], "claude-3-5-sonnet-20241022", "{way}");
        assert!(sent.json()["messages"].to_string().contains(&way), "{way}");
        chat.say("!/oneoff(openrouter:qwen/qwen3-coder)").await;
        assert_eq!(chat.say("once").await, "openrouter speaks", "{way}");
        assert_eq!(team.turns("openrouter").pop().unwrap().json()["model"], "qwen/qwen3-coder", "{way}");
        assert_eq!(chat.say("again").await, "anthropic speaks", "{way}");
        assert_eq!(team.turns("anthropic").pop().unwrap().json()["model"], "claude-3-5-sonnet-20241022");
    }
}

#[tokio::test]
async fn switch_and_question_fit_into_one_message() {
    let team = Team::new().await;
    for (tongue, stream) in ways() {
        for words in [
            "!/backend(gemini)\nwhat is it?",
            "what is it?\n!/backend(gemini)",
            "what is it? !/backend(gemini)",
        ] {
            let mut chat = Chat::new(&team.lip, tongue, stream);
            assert_eq!(chat.say(words).await, "gemini speaks", "{tongue:?} {words}");
            let sent = team.turns("gemini").pop().unwrap().json()["contents"].clone();
            assert_eq!(sent[0]["parts"][0]["text"], "what is it?", "{tongue:?} {words}: {sent}");
            assert_eq!(chat.say("and more?").await, "gemini speaks");
            let sent = team.turns("gemini").pop().unwrap().json()["contents"].clone();
            assert_eq!(sent[0]["parts"][0]["text"], "what is it?", "replayed: {sent}");
        }
    }
}

/// A message of a command and an image, and one of words, a command and an image.
fn beside_an_image(tongue: Tongue, texts: &[&str]) -> serde_json::Value {
    const PIXEL: &str = "R0lGODlhAQABAAAAACw=";
    let url = format!("data:image/gif;base64,{PIXEL}");
    let part = |text: &&str| match tongue {
        Tongue::Gemini => json!({"text": text}),
        Tongue::Responses => json!({"type": "input_text", "text": text}),
        Tongue::Chat | Tongue::Anthropic => json!({"type": "text", "text": text}),
    };
    let image = match tongue {
        Tongue::Gemini => json!({"inlineData": {"mimeType": "image/gif", "data": PIXEL}}),
        Tongue::Responses => json!({"type": "input_image", "image_url": url, "detail": "auto"}),
        Tongue::Chat => json!({"type": "image_url", "image_url": {"url": url}}),
        Tongue::Anthropic => {
            json!({"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": PIXEL}})
        }
    };
    let parts: Vec<_> = std::iter::once(image).chain(texts.iter().map(part)).collect();
    let key = if tongue == Tongue::Gemini { "parts" } else { "content" };
    json!({"role": "user", key: parts})
}

#[tokio::test]
async fn image_beside_a_command_goes_on_without_an_empty_text() {
    let team = Team::new().await;
    for (tongue, stream) in ways() {
        let mut chat = Chat::new(&team.lip, tongue, stream);
        chat.model = match tongue {
            Tongue::Chat | Tongue::Responses => "openai:o".to_owned(),
            Tongue::Anthropic => "anthropic:a".to_owned(),
            Tongue::Gemini => "gemini:g".to_owned(),
        };
        let (name, _) = chat.model.split_once(':').expect("a backend");
        let name = name.to_owned();
        for texts in [&["!/temperature(0.5)"][..], &["look", "!/low"]] {
            assert_eq!(
                chat.send(beside_an_image(tongue, texts)).await,
                format!("{name} speaks"),
                "{tongue:?}"
            );
            // Once as it came, once as the history repeats it.
            for words in ["", "and now?"] {
                if !words.is_empty() {
                    chat.say(words).await;
                }
                let sent = team.turns(&name).pop().expect("a turn");
                let text = String::from_utf8(sent.body).expect("UTF-8");
                assert!(text.contains("R0lGOD") && !text.contains("!/"), "{tongue:?} {text}");
                assert!(!text.contains("\"text\":\"\""), "{tongue:?} {texts:?}: an empty text: {text}");
                assert_eq!(text.contains("look"), texts.len() > 1 || text.matches("R0lGOD").count() > 1);
            }
        }
    }
}

#[tokio::test]
async fn one_off_is_used_up_by_a_success_only() {
    let flaky = Upstream::in_turn(vec![
        stage::Reply::json(
            400,
            r#"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}"#,
        ),
        stage::Reply::json(200, &whole_chat("openrouter speaks")),
    ])
    .await;
    let team = Team::of("", vec![("openai", speaker("openai").await), ("openrouter", flaky)], |b| b).await;
    let mut chat = Chat::new(&team.lip, Tongue::Chat, false);
    chat.say("!/oneoff(openrouter:qwen/qwen3-coder)").await;
    assert_eq!(chat.attempt("one").await.status, 400);
    assert_eq!(chat.say("two").await, "openrouter speaks");
    assert_eq!(chat.say("three").await, "openai speaks");
}

fn whole_chat(text: &str) -> String {
    json!({"id": "c", "object": "chat.completion", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]})
    .to_string()
}

async fn speaker(name: &'static str) -> Upstream {
    Upstream::by(move |request| crate::talk::says(request, &format!("{name} speaks"))).await
}

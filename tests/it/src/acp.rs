//! `lip acp`: any route as an agent of an editor, over the program's own pipes.
use crate::team::backend;
use serde_json::{Value, json};
use stage::{Editor, Gate, Lip, Recorded, Reply, Upstream};
use std::sync::atomic::{AtomicUsize, Ordering};

mod bounds;
mod peers;

/// One delta of a chat stream.
fn delta(field: &str, text: &str) -> String {
    format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {field: text}}]}))
}

fn finish(reason: &str) -> String {
    let usage = json!({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10});
    let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]});
    format!("data: {end}\n\ndata: {}\n\ndata: [DONE]\n\n", json!({"choices": [], "usage": usage}))
}

fn speaks(text: &str, reason: &str) -> Reply {
    Reply::events().send(delta("content", text)).send(finish(reason)).end()
}

/// A provider that answers the first turn with the first reply and so on; further ones get the last. It lists its models, once.
async fn provider(replies: Vec<Reply>) -> Upstream {
    let next = AtomicUsize::new(0);
    Upstream::by(move |request| match request.method.as_str() {
        "GET" => Reply::json(200, r#"{"data":[{"id":"gpt-5"},{"id":"gpt-5-mini"}]}"#),
        _ => replies[next.fetch_add(1, Ordering::Relaxed).min(replies.len() - 1)].clone(),
    })
    .await
}

/// Waits for the first turn: questions for models do not count.
async fn is_asked(provider: &Upstream) {
    loop {
        let requests = provider.requests();
        if requests.iter().any(|request| request.method == "POST") {
            return;
        }
        provider.received(requests.len() + 1).await;
    }
}

/// An editor whose default backend is this provider.
fn editor(provider: &Upstream, args: &str) -> Editor {
    Lip::builder().openai(&provider.url()).edit(args)
}

fn echo() -> Editor {
    Lip::builder().edit("--default-backend echo")
}

/// Who said what in a request, as `user: text|user: text`.
fn history(request: &Recorded) -> String {
    let said = |message: &Value| {
        let texts = match &message["content"] {
            Value::String(text) => text.clone(),
            parts => parts.as_array().unwrap().iter().filter_map(|part| part["text"].as_str()).collect(),
        };
        format!("{}: {texts}", message["role"].as_str().unwrap())
    };
    request.json()["messages"].as_array().unwrap().iter().map(said).collect::<Vec<_>>().join("|")
}

fn histories(provider: &Upstream) -> Vec<String> {
    provider.requests().iter().filter(|request| request.method == "POST").map(history).collect()
}

#[tokio::test]
async fn editor_is_told_what_there_is_and_speaks_with_it() {
    let mut editor = echo();
    let agreed =
        editor.call("initialize", json!({"protocolVersion": 9, "clientCapabilities": {}})).await.unwrap();
    assert_eq!((&agreed["protocolVersion"], &agreed["agentInfo"]["name"]), (&json!(1), &json!("lip")));
    let opened = editor.call("session/new", json!({"cwd": "/", "mcpServers": []})).await.unwrap();
    assert_eq!(opened["models"]["currentModelId"], "echo:echo");
    let ids: Vec<&Value> =
        opened["models"]["availableModels"].as_array().unwrap().iter().map(|m| &m["modelId"]).collect();
    assert_eq!(ids, ["echo:echo", "echo:echo-reasoner"]);
    let session = opened["sessionId"].as_str().unwrap();
    let id = editor.prompt(session, "#echo reasoning easy\n#echo usage 11 7\nhello, editor").await;
    let ended = editor.answer(id).await.unwrap();
    assert_eq!(ended["stopReason"], "end_turn");
    assert_eq!((&ended["usage"]["inputTokens"], &ended["usage"]["totalTokens"]), (&json!(11), &json!(18)));
    assert_eq!(editor.said(session), ("hello, editor".to_owned(), "easy".to_owned()));
    let other = editor.session("/").await;
    assert_ne!(other, session);
    let end = editor.close().await;
    assert!(end.success && end.stdout.is_empty(), "{end:?}");
}

#[tokio::test]
async fn answers_come_while_they_are_made() {
    let gate = Gate::default();
    let reply =
        Reply::events().send(delta("reasoning_content", "hm")).send(delta("content", "good ")).hold(&gate);
    let provider = provider(vec![reply.send(delta("content", "day")).send(finish("length")).end()]).await;
    let mut editor = editor(&provider, "");
    let session = editor.session("/").await;
    let id = editor.prompt(&session, "hi").await;
    assert_eq!(editor.update(&session).await, ("agent_thought_chunk".to_owned(), "hm".to_owned()));
    assert_eq!(editor.update(&session).await, ("agent_message_chunk".to_owned(), "good ".to_owned()));
    gate.open();
    let ended = editor.answer(id).await.unwrap();
    let usage = json!({"inputTokens": 7, "outputTokens": 3, "totalTokens": 10});
    assert_eq!(ended, json!({"stopReason": "max_tokens", "usage": usage}));
    assert_eq!(editor.said(&session).0, "day");
}

#[tokio::test]
async fn conversation_is_remembered_for_the_upstream() {
    let provider = provider(vec![speaks("yes", "stop")]).await;
    let mut editor = editor(&provider, "--model openai:gpt-5-mini");
    let (one, two) = (editor.session("/").await, editor.session("/").await);
    assert_eq!(editor.say(&one, "a").await, "yes");
    assert_eq!(editor.say(&two, "x").await, "yes");
    assert_eq!(editor.say(&one, "b").await, "yes");
    let want = ["user: a", "user: x", "user: a|assistant: yes|user: b"];
    assert_eq!(histories(&provider), want);
    assert_eq!(provider.last().json()["model"], "gpt-5-mini");
    assert_eq!(provider.last().json().get("tools"), None);
}

#[tokio::test]
async fn commands_work_as_everywhere_and_never_go_upstream() {
    let provider = provider(vec![speaks("yes", "stop")]).await;
    let mut editor = editor(&provider, "--model openai:gpt-5");
    let (session, other) = (editor.session("/").await, editor.session("/").await);
    editor.say(&session, "a").await;
    let told = editor.say(&session, "!/model(openai:gpt-5-nano)").await;
    assert!(told.contains("gpt-5-nano"), "{told}");
    editor.say(&session, "b").await;
    assert_eq!(histories(&provider).last().unwrap(), "user: a|assistant: yes|user: b");
    assert_eq!(provider.last().json()["model"], "gpt-5-nano");
    // A file that the editor adds is no command, and another session has not heard of it.
    let file = json!({"type": "resource", "resource": {"uri": "file:///notes.md", "text": "!/model(gpt-4)"}});
    let prompt = json!([file, {"type": "text", "text": "see"}]);
    editor.call("session/prompt", json!({"sessionId": other, "prompt": prompt})).await.unwrap();
    assert_eq!(provider.last().json()["model"], "gpt-5");
    assert!(
        history(&provider.last()).contains("file:///notes.md\n\n!/model(gpt-4)"),
        "{}",
        history(&provider.last())
    );
}

#[tokio::test]
async fn model_is_chosen_by_either_method() {
    let provider = provider(vec![speaks("yes", "stop")]).await;
    let mut editor = editor(&provider, "--model openai:gpt-5");
    let session = editor.session("/").await;
    let set = json!({"sessionId": session, "modelId": "openai:gpt-5-mini"});
    assert_eq!(editor.call("session/set_model", set).await, Ok(json!({})));
    editor.say(&session, "a").await;
    assert_eq!(provider.last().json()["model"], "gpt-5-mini");
    let set = json!({"sessionId": session, "configId": "model", "value": "openai:gpt-5-nano"});
    let set = editor.call("session/set_config_option", set).await.unwrap();
    assert_eq!(set["configOptions"][0]["currentValue"], "openai:gpt-5-nano");
    editor.say(&session, "b").await;
    assert_eq!(provider.last().json()["model"], "gpt-5-nano");
    for model in ["", "openai:gpt-5|"] {
        let set = json!({"sessionId": session, "modelId": model});
        let refused = editor.call("session/set_model", set).await.unwrap_err();
        assert_eq!(refused["code"], -32602, "{model}: {refused}");
    }
    editor.say(&session, "c").await;
    assert_eq!(provider.last().json()["model"], "gpt-5-nano", "what was refused changed nothing");
}

#[tokio::test]
async fn cancelled_prompt_ends_upstream_and_what_was_said_stays() {
    let never = Gate::default();
    let half = Reply::events().send(delta("content", "half")).hold(&never);
    let provider = provider(vec![half, speaks("yes", "stop")]).await;
    let mut editor = editor(&provider, "--model openai:gpt-5");
    let session = editor.session("/").await;
    let (first, second) = (editor.prompt(&session, "a").await, editor.prompt(&session, "b").await);
    assert_eq!(editor.update(&session).await.1, "half");
    editor.tell("session/cancel", json!({"sessionId": session})).await;
    for id in [first, second] {
        assert_eq!(editor.answer(id).await, Ok(json!({"stopReason": "cancelled"})));
    }
    provider.hung_up().await;
    assert_eq!(editor.say(&session, "c").await, "yes");
    // The one that waited has never begun.
    assert_eq!(histories(&provider), ["user: a", "user: a|assistant: half|user: c"]);
    // With nothing to cancel it means nothing.
    editor.tell("session/cancel", json!({"sessionId": session})).await;
    assert_eq!(editor.say(&session, "d").await, "yes");
}

#[tokio::test]
async fn request_is_cancelled_by_its_id() {
    let provider = provider(vec![Reply::silence()]).await;
    let mut editor = editor(&provider, "--model openai:gpt-5");
    let session = editor.session("/").await;
    let id = editor.prompt(&session, "a").await;
    is_asked(&provider).await;
    editor.tell("$/cancel_request", json!({"requestId": id + 1})).await;
    editor.tell("$/cancel_request", json!({"requestId": id})).await;
    assert_eq!(editor.answer(id).await, Ok(json!({"stopReason": "cancelled"})));
    provider.hung_up().await;
}

#[tokio::test]
async fn failed_prompt_is_an_error_and_the_session_goes_on() {
    let limit = Reply::json(429, r#"{"error":{"message":"slow down, please","type":"rate_limit_error"}}"#);
    let cut = Reply::events().send(delta("content", "half")).reset();
    let provider = provider(vec![limit, cut, speaks("yes", "stop")]).await;
    let mut editor = editor(&provider, "--model openai:gpt-5");
    let session = editor.session("/").await;
    let id = editor.prompt(&session, "a").await;
    let error = editor.answer(id).await.unwrap_err();
    assert_eq!(error["code"], 429, "{error}");
    assert!(error["message"].as_str().unwrap().contains("slow down"), "{error}");
    let id = editor.prompt(&session, "b").await;
    let error = editor.answer(id).await.unwrap_err();
    assert_eq!(editor.said(&session).0, "half", "{error}");
    assert_eq!(editor.say(&session, "c").await, "yes");
    // What failed before a word was said can be said again; of the other the client has seen half.
    assert_eq!(histories(&provider), ["user: a", "user: b", "user: b|assistant: half|user: c"]);
}

#[tokio::test]
async fn refused_prompt_is_no_part_of_the_next_one() {
    let provider = provider(vec![speaks("I will", "content_filter"), speaks("yes", "stop")]).await;
    let mut editor = editor(&provider, "--model openai:gpt-5");
    let session = editor.session("/").await;
    let id = editor.prompt(&session, "a").await;
    assert_eq!(editor.answer(id).await.unwrap()["stopReason"], "refusal");
    editor.say(&session, "b").await;
    assert_eq!(histories(&provider), ["user: a", "user: b"]);
}

#[tokio::test]
async fn images_go_upstream() {
    let provider = provider(vec![speaks("yes", "stop")]).await;
    let mut editor = editor(&provider, "--model openai:gpt-5");
    let session = editor.session("/").await;
    let prompt = json!([{"type": "text", "text": "what is it"}, {"type": "image", "data": "AAAA", "mimeType": "image/png"}]);
    editor.call("session/prompt", json!({"sessionId": session, "prompt": prompt})).await.unwrap();
    let content = &provider.last().json()["messages"][0]["content"];
    assert_eq!(content[1]["image_url"]["url"], "data:image/png;base64,AAAA", "{content}");
}

#[tokio::test]
async fn next_leg_answers_where_the_first_one_cannot() {
    let bad = provider(vec![Reply::json(403, r#"{"error":{"message":"not yours"}}"#)]).await;
    let good = provider(vec![speaks("yes", "stop")]).await;
    let config = backend("openai.bad", &bad.url()) + &backend("openai.good", &good.url());
    let mut editor = Lip::builder().config_toml(&config).edit("--model openai.bad:m|openai.good:m");
    let session = editor.session("/").await;
    assert_eq!(editor.say(&session, "a").await, "yes");
    assert_eq!(bad.requests().iter().filter(|request| request.method == "POST").count(), 1);
}

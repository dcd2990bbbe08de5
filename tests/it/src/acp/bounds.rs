//! What must not be sent, and how much may be.
use super::{delta, echo, editor, is_asked, provider, speaks};
use serde_json::{Value, json};
use stage::{Gate, Reply};

#[tokio::test]
async fn what_is_no_message_is_answered_with_its_code() {
    let mut editor = echo();
    let long = "x".repeat(70 << 10);
    // So short is the longest line only if the limit of bodies is.
    for (line, code) in [
        ("hello\n".to_owned(), -32700),
        ("{\"jsonrpc\":\n".to_owned(), -32700),
        ("\u{0}\n".to_owned(), -32700),
        ("[]\n".to_owned(), -32600),
        ("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}]\n".to_owned(), -32600),
        ("{\"jsonrpc\":\"2.0\"}\n".to_owned(), -32600),
        (format!("{long}\n"), -32700),
    ] {
        editor.write(&line).await;
        let answer = editor.heard("an error", |message| message["id"].is_null()).await;
        assert_eq!(answer["error"]["code"], code, "{line}: {answer}");
    }
    for (method, params, code) in [
        ("session/load", json!({"sessionId": "x"}), -32601),
        ("fs/read_text_file", json!({}), -32601),
        ("session/new", json!({"cwd": "here", "mcpServers": []}), -32602),
        ("session/prompt", json!({"sessionId": "x", "prompt": [{"type": "text", "text": "a"}]}), -32602),
        ("session/set_model", json!({"sessionId": "x", "modelId": "echo:echo"}), -32602),
        ("session/close", json!({"sessionId": "x"}), -32602),
    ] {
        let error = editor.call(method, params).await.unwrap_err();
        assert_eq!(error["code"], code, "{method}: {error}");
    }
    // Nobody waits for an answer to these.
    editor.write("{\"jsonrpc\":\"2.0\",\"id\":4711,\"result\":{}}\n\n").await;
    editor.tell("_editor/hello", json!({})).await;
    editor.tell("session/cancel", json!({"sessionId": "x"})).await;
    // Ids of every kind come back as they came.
    editor.write("{\"jsonrpc\":\"2.0\",\"id\":\"seven\",\"method\":\"initialize\",\"params\":{\"protocolVersion\":1}}\n").await;
    editor.heard("an answer", |message| message["id"] == "seven").await;
    let session = editor.session("/").await;
    assert_eq!(editor.say(&session, "still here").await, "still here");
    let end = editor.close().await;
    assert!(end.success && end.stdout.is_empty(), "{end:?}");
}

#[tokio::test]
async fn line_and_conversation_that_are_too_long_are_refused_alone() {
    let mut editor = stage::Lip::builder()
        .config_toml("default_backend = \"echo\"\n[limits]\nrequest_body_bytes = 2048\n")
        .edit("");
    let session = editor.session("/").await;
    let prompt = json!([{"type": "text", "text": "x".repeat(70 << 10)}]);
    editor.ask("session/prompt", json!({"sessionId": session, "prompt": prompt})).await;
    let answer = editor.heard("an error", |message| message["id"].is_null()).await;
    assert_eq!(answer["error"]["code"], -32600, "{answer}");
    let mut refused = Value::Null;
    for _ in 0..10 {
        let id = editor.prompt(&session, &"y".repeat(400)).await;
        match editor.answer(id).await {
            Ok(_) => assert_eq!(editor.said(&session).0.len(), 400),
            Err(error) => refused = error,
        }
    }
    assert_eq!(refused["code"], 413);
    assert!(refused["message"].as_str().unwrap().contains("begin a new session"), "{refused}");
    let session = editor.session("/").await;
    assert_eq!(editor.say(&session, "short").await, "short");
}

#[tokio::test]
async fn sessions_do_not_wait_for_each_other() {
    let gate = Gate::default();
    let slow = Reply::nothing().hold(&gate).then(speaks("slow", "stop"));
    let provider = provider(vec![slow, speaks("fast", "stop")]).await;
    let mut editor = editor(&provider, "--model openai:gpt-5");
    let (one, two) = (editor.session("/").await, editor.session("/").await);
    let slow = editor.prompt(&one, "slowly").await;
    is_asked(&provider).await;
    assert_eq!(editor.say(&two, "a").await, "fast");
    assert_eq!(editor.say(&two, "b").await, "fast");
    gate.open();
    editor.answer(slow).await.unwrap();
    assert_eq!(editor.said(&one).0, "slow");
}

#[tokio::test]
async fn prompts_that_wait_are_bounded() {
    let provider = provider(vec![Reply::silence()]).await;
    let mut editor = editor(&provider, "--model openai:gpt-5");
    let session = editor.session("/").await;
    let mut last = editor.prompt(&session, "a").await;
    is_asked(&provider).await;
    for _ in 0..17 {
        last = editor.prompt(&session, "b").await;
    }
    let error = editor.answer(last).await.unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("wait"), "{error}");
    editor.tell("session/cancel", json!({"sessionId": session})).await;
    for id in last - 17..last {
        assert_eq!(editor.answer(id).await, Ok(json!({"stopReason": "cancelled"})));
    }
}

#[tokio::test]
async fn session_that_was_used_least_recently_makes_room() {
    let mut editor = echo();
    let (first, second) = (editor.session("/").await, editor.session("/").await);
    for _ in 0..62 {
        editor.session("/").await;
    }
    assert_eq!(editor.say(&first, "a").await, "a");
    editor.session("/").await;
    assert_eq!(editor.say(&first, "b").await, "b");
    let id = editor.prompt(&second, "c").await;
    let gone = editor.answer(id).await.unwrap_err();
    assert!(gone["message"].as_str().unwrap().contains("session/new"), "{gone}");
}

#[tokio::test]
async fn closed_session_ends_its_prompt() {
    let provider = provider(vec![Reply::silence()]).await;
    let mut editor = editor(&provider, "--model openai:gpt-5");
    let session = editor.session("/").await;
    let id = editor.prompt(&session, "a").await;
    is_asked(&provider).await;
    assert_eq!(editor.call("session/close", json!({"sessionId": session})).await, Ok(json!({})));
    assert_eq!(editor.answer(id).await, Ok(json!({"stopReason": "cancelled"})));
    provider.hung_up().await;
    let id = editor.prompt(&session, "b").await;
    assert_eq!(editor.answer(id).await.unwrap_err()["code"], -32602);
}

#[tokio::test]
async fn client_that_goes_away_ends_everything() {
    let never = Gate::default();
    let provider = provider(vec![Reply::events().send(delta("content", "half")).hold(&never)]).await;
    let mut editor = editor(&provider, "--model openai:gpt-5");
    let session = editor.session("/").await;
    let id = editor.prompt(&session, "a").await;
    assert_eq!(editor.update(&session).await.1, "half");
    let end = editor.close().await;
    assert!(end.success, "{end:?}");
    let last: Value = serde_json::from_str(end.stdout.trim()).unwrap();
    assert_eq!((&last["id"], &last["result"]["stopReason"]), (&json!(id), &json!("cancelled")));
    provider.hung_up().await;
}

#[tokio::test]
async fn selector_that_cannot_be_read_is_told_at_the_start() {
    let end = stage::Lip::builder().args("acp --default-backend echo --model a:b|").run().await;
    assert!(!end.success && end.stdout.is_empty() && end.stderr.contains("--model"), "{end:?}");
}

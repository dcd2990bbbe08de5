//! Ten ways in which a phase goes wrong, and what the client sees.
use super::{Duo, INSTRUCTION, MODEL, body, chunks, doer, read, reasons, says_content, thinks};
use crate::talk::Tongue;
use crate::team::{Chat, Team};
use serde_json::{Value, json};
use stage::{Reply, Upstream};

/// Fault 1: the first phase is slow.
#[tokio::test]
async fn slow_thinker_is_left_behind_and_rests() {
    let settings = "hybrid_reasoning_model_timeout = 0.2\nhybrid_reasoning_latency_threshold = 0.1\n\
        hybrid_reasoning_backoff_turns = 1\nhybrid_reasoning_force_initial_turns = 0";
    for reply in [Reply::silence(), Reply::events().send(chunks(&[reasons("half a th")], "")).then_silence()]
    {
        let duo = Duo::new(Upstream::always(reply).await, doer().await, settings).await;
        let mut chat = Chat::new(&duo.lip, Tongue::Chat, false);
        chat.model = MODEL.to_owned();
        assert_eq!(chat.say("hi").await, "done");
        duo.thinker.hung_up().await;
        assert_eq!(duo.told(), "", "what was cut off in its middle is no reasoning");
        assert_eq!(chat.say("and now").await, "done");
        assert_eq!(duo.thinker.requests().len(), 1, "it rests for a turn");
    }
}

/// Fault 2: the first phase has nothing to say.
#[tokio::test]
async fn empty_thinker_leaves_the_clients_request() {
    for deltas in [vec![], vec![says_content("<think> \n</think>")], vec![reasons(" ")]] {
        let duo = Duo::new(Upstream::always(thinks(&deltas, "stop")).await, doer().await, "").await;
        for stream in [false, true] {
            let answer = duo.ask(stream).await;
            assert!(answer.status == 200 && answer.text().contains("done"), "{deltas:?}: {}", answer.text());
            assert_eq!(duo.told(), "", "{deltas:?}");
            assert!(!answer.text().contains("hybrid\":{"), "{}", answer.text());
        }
    }
}

/// Fault 3: the first phase fails.
#[tokio::test]
async fn failing_thinker_is_a_502_that_names_it() {
    for status in [401, 429, 500] {
        let body = r#"{"error":{"message":"no such luck","type":"t","param":null,"code":null}}"#;
        let duo = Duo::new(Upstream::always(Reply::json(status, body)).await, doer().await, "").await;
        for stream in [false, true] {
            let answer = duo.ask(stream).await;
            assert_eq!((answer.status, &answer.error()["code"]), (502, &json!("hybrid_reasoning_failed")));
            let told = answer.message();
            assert!(told.contains("openrouter:thinker") && told.contains("no such luck"), "{told}");
        }
        assert!(duo.doer.requests().is_empty());
    }
}

/// Fault 4: the first phase breaks off, or tells of an error, in its middle.
#[tokio::test]
async fn thinker_that_breaks_off_never_looks_finished() {
    let error = "data: {\"error\":{\"message\":\"lost it\",\"code\":500}}\n\n";
    for (end, told) in [("", "hybrid_reasoning_failed"), (error, "lost it")] {
        let reply = Reply::events().send(chunks(&[reasons("so far")], "")).send(end).end();
        let duo = Duo::new(Upstream::always(reply).await, doer().await, "").await;
        let answer = duo.ask(true).await;
        let text = answer.text();
        assert!(answer.status == 200 && text.contains("so far") && text.contains(told), "{text}");
        assert!(!text.contains("\"stop\"") && duo.doer.requests().is_empty(), "{text}");
        let whole = duo.ask(false).await;
        assert_eq!(whole.status, 502, "{}", whole.text());
    }
}

/// Fault 5: tags of reasoning in the content, cut into single bytes.
#[tokio::test]
async fn tags_are_found_however_they_are_split() {
    let text = "<think>\nVec<T> is\nfine</think>The answer";
    let deltas: Vec<Value> = text.chars().map(|c| says_content(&c.to_string())).collect();
    let reply = Reply::events().send_bytewise(chunks(&deltas, "stop")).end();
    let duo = Duo::new(Upstream::always(reply).await, doer().await, "").await;
    let answer = duo.ask(true).await;
    assert_eq!(read(&answer), ("Vec<T> is\nfine".to_owned(), "done".to_owned()), "{}", answer.text());
    assert_eq!(duo.told(), format!("{INSTRUCTION}\n\n<thinking>\nVec<T> is\nfine\n</thinking>"));
}

/// Fault 6: the answering model repeats what it was told.
#[tokio::test]
async fn parroted_reasoning_stays_out_of_the_answer() {
    let text = format!("{INSTRUCTION}\n<thinking>r</thinking>\n\nplain <b>answer</b>");
    let deltas: Vec<Value> = text.chars().map(|c| says_content(&c.to_string())).collect();
    let mut all = vec![reasons("my own thoughts")];
    all.extend(deltas);
    let whole = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": text, "reasoning_content": "own"}, "finish_reason": "stop"}]});
    let doer = Upstream::by(move |request| match request.json()["stream"] == true {
        true => thinks(&all, "stop"),
        false => Reply::json(200, &whole.to_string()),
    })
    .await;
    let duo = Duo::new(Upstream::always(thinks(&[reasons("r")], "stop")).await, doer, "").await;
    assert_eq!(read(&duo.ask(true).await), ("r".to_owned(), "plain <b>answer</b>".to_owned()));
    let message = duo.ask(false).await.json()["choices"][0]["message"].clone();
    assert_eq!(
        (&message["content"], &message["reasoning_content"]),
        (&json!("plain <b>answer</b>"), &json!("r"))
    );
}

/// Fault 7: the first phase wants tools instead of thinking.
#[tokio::test]
async fn thinkers_tool_calls_are_the_answer() {
    let call = |index: usize, arguments: &str| {
        let mut call = json!({"index": index, "function": {"arguments": arguments}});
        if arguments.is_empty() {
            call = json!({"index": index, "id": format!("call_{index}"), "type": "function",
                "function": {"name": "ls", "arguments": ""}});
        }
        json!({"tool_calls": [call]})
    };
    let deltas = [call(0, ""), call(0, "{\"a\":"), call(0, "1}"), call(1, ""), call(1, "{}")];
    let duo = Duo::new(Upstream::always(thinks(&deltas, "tool_calls")).await, doer().await, "").await;
    let whole = duo.ask(false).await.json();
    let choice = &whole["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls", "{whole}");
    let names: Vec<_> =
        choice["message"]["tool_calls"].as_array().expect("calls").iter().map(|c| &c["id"]).collect();
    assert_eq!(names, ["call_0", "call_1"]);
    assert_eq!(choice["message"]["tool_calls"][0]["function"]["arguments"], "{\"a\":1}");
    let streamed = duo.ask(true).await.text();
    assert!(
        streamed.contains("call_0") && streamed.contains("\"tool_calls\"") && streamed.contains("[DONE]"),
        "{streamed}"
    );
    assert!(duo.doer.requests().is_empty());
}

/// Fault 8: the second phase fails, before and after something was shown.
#[tokio::test]
async fn failing_doer_keeps_its_own_error() {
    let body = r#"{"error":{"message":"too long","type":"t","param":null,"code":"context_length_exceeded"}}"#;
    let doer = Upstream::always(Reply::json(400, body)).await;
    let duo = Duo::new(Upstream::always(thinks(&[reasons("r")], "stop")).await, doer, "").await;
    let whole = duo.ask(false).await;
    assert_eq!(whole.status, 400, "{}", whole.text());
    assert!(whole.message().contains("too long"), "{}", whole.text());
    let streamed = duo.ask(true).await.text();
    assert!(streamed.contains("hybrid_execution_failed") && streamed.contains("too long"), "{streamed}");
    assert!(!streamed.contains("\"stop\""), "{streamed}");
}

/// Fault 9: the second phase does not begin, or breaks off.
#[tokio::test]
async fn silent_or_cut_doer_never_looks_finished() {
    let thinker = || thinks(&[reasons("r")], "stop");
    let settings = "hybrid_execution_model_timeout = 0.2";
    let duo =
        Duo::new(Upstream::always(thinker()).await, Upstream::always(Reply::silence()).await, settings).await;
    let whole = duo.ask(false).await;
    assert_eq!((whole.status, &whole.error()["code"]), (504, &json!("execution_timeout")));
    let cut = Reply::events().send(chunks(&[says_content("half")], "")).end();
    let duo = Duo::new(Upstream::always(thinker()).await, Upstream::always(cut).await, "").await;
    let text = duo.ask(true).await.text();
    assert!(text.contains("half") && text.contains("error") && !text.contains("\"stop\""), "{text}");
}

/// Fault 10: virtual backends that would call each other, or themselves.
#[tokio::test]
async fn circles_are_refused() {
    let team = Team::with("", |builder| builder).await;
    for model in [
        "hybrid:[hybrid:[openai:a,openai:b],openai:c]",
        "hybrid:[hybrid:x,openai:c]",
        "hybrid:[openai:c,hybrid.b:x]",
    ] {
        let answer = team.lip.chat(body(model, false)).await;
        assert_eq!(answer.status, 400, "{model}: {}", answer.text());
    }
    // Through an alias nobody sees it before it happens.
    let top =
        "model_aliases = [{ pattern = '^openai:loop$', replacement = 'hybrid:[openai:loop,openai:x]' }]";
    let looped = Team::with(top, |builder| builder).await;
    let answer = looped.lip.chat(body("openai:loop", false)).await;
    assert!(answer.status >= 500 && answer.message().contains("circle"), "{}", answer.text());
    assert_eq!(looped.counts(), [0, 0, 0, 0]);
}

//! Echo as a host sees it.
use crate::Echo;
use lip_plugin::{Value, json, serde_json};
use lip_testkit::{Outcome, Stage};

lip_testkit::conformance!(Echo);

fn body(prompt: &str) -> String {
    json!({"model": "echo", "messages": [{"role": "user", "content": prompt}]}).to_string()
}

fn plain(prompt: &str) -> Outcome {
    Stage::of::<Echo>().model("echo").turn(body(prompt)).run()
}

fn streamed(prompt: &str, include_usage: bool) -> (Vec<Value>, Outcome) {
    let mut asked: Value = serde_json::from_str(&body(prompt)).expect("JSON");
    asked["stream_options"] = json!({"include_usage": include_usage});
    let seen = Stage::of::<Echo>().model("echo").stream().turn(asked.to_string()).run();
    assert!(seen.breaches.is_empty(), "{:?}", seen.breaches);
    let chunks = seen.sse().into_iter().filter(|data| data != "[DONE]");
    (chunks.map(|data| serde_json::from_str(&data).expect("JSON")).collect(), seen)
}

/// What the deltas add up to at `pointer`.
fn joined(chunks: &[Value], pointer: &str) -> String {
    let at = format!("/choices/0/delta{pointer}");
    chunks.iter().filter_map(|chunk| chunk.pointer(&at)?.as_str()).collect()
}

#[test]
fn answer_is_the_prompt() {
    let answer = plain("hello, world").json();
    assert_eq!(answer["choices"][0]["message"]["content"], "hello, world");
    assert_eq!(answer["created"], 1_700_000_000);
    assert_eq!(
        answer["usage"],
        json!({
            "prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4, "completion_tokens_details": {"reasoning_tokens": 0}
        })
    );
    assert_eq!(plain("hello, world").body, plain("hello, world").body, "deterministic");
    assert_ne!(plain("a").json()["id"], plain("b").json()["id"]);
}

#[test]
fn stream_has_the_official_order() {
    let (chunks, seen) = streamed("#echo chunk 4\n#echo reasoning why\nhello, 🦀", true);
    assert!(seen.text().ends_with("data: [DONE]\n\n"));
    assert_eq!(
        chunks[0]["choices"][0]["delta"],
        json!({"role": "assistant", "content": "", "refusal": null})
    );
    assert_eq!(chunks[1]["choices"][0]["delta"], json!({"reasoning_content": "why"}));
    assert_eq!(joined(&chunks, "/content"), "hello, 🦀");
    let [.., finish, usage] = chunks.as_slice() else { panic!("{chunks:?}") };
    assert_eq!(finish["choices"][0]["finish_reason"], "stop");
    assert_eq!((&usage["choices"], &usage["usage"]["completion_tokens"]), (&json!([]), &json!(3)));
    assert!(chunks.iter().rev().skip(1).all(|chunk| chunk["usage"].is_null()));
    let first = "data: {\"id\":\"chatcmpl-";
    assert!(seen.text().starts_with(first), "the vendor's order of fields");
    let (chunks, _) = streamed("hello", false);
    assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none() && chunk["choices"] != json!([])));
}

#[test]
fn parallel_calls_have_ids_of_their_own() {
    let prompt = "#echo chunk 3\n#echo tool f {\"city\":\"Lyon\"}\n#echo tool f {\"city\":\"Bergen\"}";
    let whole = plain(prompt).json();
    let calls = whole["choices"][0]["message"]["tool_calls"].as_array().expect("calls").clone();
    assert_eq!(whole["choices"][0]["message"]["content"], Value::Null);
    assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");
    assert_ne!(calls[0]["id"], calls[1]["id"]);
    let (chunks, _) = streamed(prompt, false);
    for index in [0, 1] {
        let mine = |chunk: &&Value| chunk["choices"][0]["delta"]["tool_calls"][0]["index"] == index;
        let mine: Vec<Value> = chunks.iter().filter(mine).cloned().collect();
        assert_eq!(joined(&mine, "/tool_calls/0/function/arguments"), calls[index]["function"]["arguments"]);
        assert!(mine.len() > 3, "arguments come in pieces");
    }
}

#[test]
fn errors_carry_status_and_wait() {
    let error = plain("#echo error 429 slow down\n#echo retry-after 7").error.expect("an error");
    assert_eq!(
        (error.status, error.message.as_str(), error.retry_after_ms),
        (Some(429), "slow down", Some(7000))
    );
    let error = plain("#echo nonsense").error.expect("an error");
    assert!(error.code == "bad_request" && error.hint.expect("a hint").contains("reasoning <string>"));
}

#[test]
fn delay_lies_between_chunks() {
    let (chunks, seen) = streamed("#echo delay 100\n#echo long 60\n#echo chunk 100", false);
    assert_eq!(seen.slept_ms, 100 * (chunks.len() as u64 - 2));
    assert_eq!(plain("#echo delay 100\nx").slept_ms, 100);
}

#[test]
fn cut_stream_has_no_end() {
    let (chunks, seen) = streamed("#echo cut\n#echo chunk 2\nabcdefgh", false);
    assert_eq!(joined(&chunks, "/content"), "abcd");
    assert!(
        !seen.text().contains("[DONE]") && chunks.iter().all(|c| c["choices"][0]["finish_reason"].is_null())
    );
    assert_eq!(plain("#echo cut\nx").code(), "io");
}

#[test]
fn long_stream_gives_way_to_its_host() {
    let (chunks, seen) = streamed("#echo long 2000\n#echo chunk 8", false);
    assert!(chunks.len() > 1000 && seen.steps >= chunks.len() / 64, "{} steps", seen.steps);
}

#[test]
fn reasoner_and_models() {
    let seen = Stage::of::<Echo>().model("echo-reasoner").turn(body("hi")).run().json();
    assert_eq!(seen["choices"][0]["message"]["reasoning_content"], "thinking about: hi");
    let models: Vec<String> = Stage::of::<Echo>().models().run().models().into_iter().map(|m| m.id).collect();
    assert_eq!(models, ["echo", "echo-reasoner"]);
}

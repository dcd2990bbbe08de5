use super::Hybrid;
use lip_plugin::json;
use lip_testkit::conformance::Sample;
use lip_testkit::{Reply, Stage};

lip_testkit::conformance!(Hybrid, Sample::default().asking_for("[a:x,b:y]"));

const ANSWER: &str = r#"{"choices":[{"parts":[{"content":{"text":{"text":"hi"}}}],"stop":{"reason":"end"}}],"usage":{"input":5,"output":1}}"#;
const ASK: &str = r#"{"origin":"openai-chat","model":"x","turns":[{"role":"user","parts":[{"content":{"text":{"text":"hello"}}}]}]}"#;

fn stage() -> Stage {
    Stage::of::<Hybrid>().model("[a:x,b:y]")
}

/// The first phase: declared reasoning in these pieces, then the answer.
fn reasoning(pieces: &[&str]) -> Reply {
    let at = json!({"part": 0});
    let mut events = vec![
        json!({"start": {"usage": {"input": 9}}}),
        json!({"part_start": {"at": at, "part": {"content": {"reasoning": {}}}}}),
    ];
    events.extend(pieces.iter().map(|text| json!({"reasoning": {"at": at, "kind": "text", "text": text}})));
    events.push(json!({"text": {"at": {"part": 1}, "text": "an answer nobody wants"}}));
    events.push(json!("end"));
    Reply::sse(events.iter().map(ToString::to_string)).only_for("DISPATCH", "a:x")
}

#[test]
fn whole_answer_has_the_reasoning_in_front_and_both_costs() {
    let answer = Reply::chunks(200, "application/json", [ANSWER]).only_for("DISPATCH", "b:y");
    let seen = stage().reply(reasoning(&["because", " it is"])).reply(answer).turn(ASK).run();
    assert_eq!(seen.error, None);
    let parts = &seen.json()["choices"][0]["parts"];
    assert_eq!(parts[0]["content"]["reasoning"]["text"], json!(["because it is"]));
    assert_eq!(parts[1]["content"]["text"]["text"], "hi");
    let usage = &seen.json()["usage"];
    assert_eq!((&usage["input"], &usage["output"]), (&json!(5), &json!(1)));
    let hybrid = &usage["extensions"]["openai-chat"]["hybrid"];
    assert_eq!(
        hybrid["reasoning"],
        json!({"model": "a:x", "input_tokens": 9, "output_tokens": 4, "estimated": true})
    );
    assert_eq!(hybrid["execution"], json!({"model": "b:y", "input_tokens": 5, "output_tokens": 1}));
    let [first, second] = &seen.requests[..] else { panic!("{:?}", seen.requests) };
    assert_eq!((first.header("stream"), second.header("stream")), (Some("true"), Some("false")));
    assert_eq!(first.json()["reasoning"]["effort"], "high");
    let system = &second.json()["turns"][0]["parts"][0]["content"]["text"]["text"];
    assert_eq!(
        *system,
        "Consider this reasoning when formulating your response:\n\n<reasoning>because it is</reasoning>"
    );
}

#[test]
fn turn_that_does_not_reason_is_the_clients_own() {
    let answer = Reply::chunks(200, "application/json", [ANSWER]).only_for("DISPATCH", "b:y");
    let ask = ASK.replace("]}]}", "]},{\"role\":\"assistant\"},{\"role\":\"user\"}]}");
    let config = json!({"reasoning_injection_probability": 0.5, "hybrid_reasoning_force_initial_turns": "0"});
    let seen = stage().config(&config).random(u64::MAX).reply(answer).turn(ask.clone()).run();
    assert!(seen.spliced && seen.text() == ANSWER, "{seen:?}");
    assert_eq!(seen.requests.len(), 1);
    assert_eq!(seen.requests[0].body.as_ref(), ask.as_bytes());
}

#[test]
fn memory_of_the_session_counts() {
    let whole = || Reply::chunks(200, "application/json", [ANSWER]).only_for("DISPATCH", "b:y");
    let ask = ASK.replace("]}]}", "]},{\"role\":\"assistant\"},{\"role\":\"user\"}]}");
    let config = json!({"hybrid_reasoning_force_initial_turns": 3});
    for (memory, asked) in [
        (r#"{"turns":2,"rests":1}"#, 2),
        (r#"{"turns":3,"rests":1}"#, 1),
        (r#"{"turns":3,"rests":0}"#, 2),
        ("oops", 2),
    ] {
        let stage = stage().config(&config).stored("testkit", "hybrid", memory);
        let seen = stage.reply(reasoning(&["r"])).reply(whole()).turn(ask.clone()).run();
        assert_eq!((seen.requests.len(), seen.error), (asked, None), "{memory}");
    }
}

#[test]
fn what_cannot_be_is_refused_with_a_code() {
    for (model, config, told) in [
        ("[a:x,b:y]", json!({"disable_hybrid_backend": true}), "switched off"),
        ("[hybrid:x,b:y]", json!({}), "itself a hybrid"),
        ("[a:x,hybrid.2:y]", json!({}), "itself a hybrid"),
        ("[gemini-oauth-free:x,b:y]", json!({}), "does not show its reasoning"),
        ("[a:x]", json!({}), "two models are wanted"),
    ] {
        let seen = stage().config(&config).model(model).turn(ASK).run();
        let error = seen.error.expect(model);
        assert!(
            error.code == "bad_request" && error.message.contains(told) && error.hint.is_some(),
            "{error:?}"
        );
        assert!(seen.requests.is_empty());
    }
}

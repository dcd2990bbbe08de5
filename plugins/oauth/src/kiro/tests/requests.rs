//! What Kiro is asked.
use super::Kiro;
use super::support::{ARN, answers, call, end, events, hello, hi, run, said, turn, with_profile};
use lip_plugin::{Value, json};
use lip_testkit::{Outcome, Reply, Stage};

fn text(role: &str, text: &str) -> Value {
    json!({"role": role, "parts": [{"content": {"text": {"text": text}}}]})
}

fn calls(ids: &[(&str, &str)]) -> Value {
    let part = |(id, name): &(&str, &str)| json!({"content": {"tool_call": {"id": id, "name": name, "arguments": "{\"p\":1}"}}});
    json!({"role": "assistant", "parts": ids.iter().map(part).collect::<Vec<_>>()})
}

fn results(results: &[(&str, &str)]) -> Value {
    let part = |(id, text): &(&str, &str)| json!({"content": {"tool_result": {"call_id": id, "parts": [{"content": {"text": {"text": text}}}]}}});
    json!({"role": "user", "parts": results.iter().map(part).collect::<Vec<_>>()})
}

fn asked(request: Value) -> (Outcome, Value) {
    let seen = turn("claude-sonnet-4.6", &request, [hello()]);
    assert_eq!(seen.error, None, "{request}");
    let state = seen.requests[0].json()["conversationState"].clone();
    (seen, state)
}

fn state(request: Value) -> Value {
    asked(request).1
}

fn current(state: &Value) -> &Value {
    &state["currentMessage"]["userInputMessage"]
}

#[test]
fn a_conversation_alternates() {
    let state = state(
        json!({"model": "m", "instructions": [{"content": {"text": {"text": "Be brief."}}}], "turns": [
            text("system", "Be kind."), text("user", "one"), text("user", "two"), text("assistant", "three"), text("assistant", "four"),
            text("user", "five"),
        ]}),
    );
    assert_eq!(
        state["history"],
        json!([
            {"userInputMessage": {"content": "Be brief.\n\nBe kind.\n\none\n\ntwo", "modelId": "claude-sonnet-4.6", "origin": "AI_EDITOR"}},
            {"assistantResponseMessage": {"content": "three\n\nfour"}},
        ])
    );
    assert_eq!(
        *current(&state),
        json!({"content": "five", "modelId": "claude-sonnet-4.6", "origin": "AI_EDITOR"})
    );
    assert_eq!(
        (state["chatTriggerType"].as_str(), state["agentTaskType"].as_str()),
        (Some("MANUAL"), Some("vibe"))
    );
}

#[test]
fn first_and_last_word_are_the_users() {
    let begun = state(json!({"model": "m", "turns": [text("assistant", "Welcome."), text("user", "hi")]}));
    assert_eq!(begun["history"][0]["userInputMessage"]["content"], "(continue)");
    let (seen, prefilled) =
        asked(json!({"model": "m", "turns": [text("user", "hi"), text("assistant", "I th")]}));
    assert_eq!((current(&prefilled)["content"].as_str(), prefilled.get("history")), (Some("hi"), None));
    assert!(seen.notes.iter().any(|note| note.contains("left out")), "{:?}", seen.notes);
    let only_system = state(
        json!({"model": "m", "instructions": [{"content": {"text": {"text": "Go."}}}], "turns": [text("user", "")]}),
    );
    assert_eq!(current(&only_system)["content"], "Go.");
    for empty in [json!({"model": "m", "turns": []}), json!({"model": "m", "turns": [text("user", " ")]})] {
        assert_eq!(turn("m", &empty, [hello()]).code(), "bad_request");
    }
}

#[test]
fn results_answer_calls_of_the_message_before() {
    let state = state(json!({"model": "m", "turns": [
        text("user", "go"), calls(&[("c1", "read"), ("c2", "write")]), results(&[("c2", "two"), ("c1", "one"), ("c1", "again"), ("c9", "lost")]),
        calls(&[("c3", "read")]), text("user", "never mind"),
    ]}));
    let uses = &state["history"][1]["assistantResponseMessage"];
    assert_eq!(uses["content"], " ");
    assert_eq!(
        uses["toolUses"],
        json!([{"toolUseId": "c1", "name": "read", "input": {"p": 1}}, {"toolUseId": "c2", "name": "write", "input": {"p": 1}}])
    );
    let answer = &state["history"][2]["userInputMessage"];
    let ok =
        |id: &str, text: &str| json!({"toolUseId": id, "content": [{"text": text}], "status": "success"});
    assert_eq!(answer["userInputMessageContext"]["toolResults"], json!([ok("c2", "two"), ok("c1", "one")]));
    assert_eq!(answer["content"], "[Result of read]\nagain\n\n[Result of a tool]\nlost");
    // A call that was never answered is answered in place of the client.
    let context = &current(&state)["userInputMessageContext"];
    assert_eq!(
        context["toolResults"],
        json!([{"toolUseId": "c3", "content": [{"text": "The tool was not run."}], "status": "error"}])
    );
    // Tools of the history are on offer, though nobody offers them any more.
    let names: Vec<&str> = context["tools"]
        .as_array()
        .expect("tools")
        .iter()
        .filter_map(|tool| tool["toolSpecification"]["name"].as_str())
        .collect();
    assert_eq!(names, ["read", "write"]);
}

#[test]
fn a_message_of_results_alone_has_words() {
    let failed = json!({"role": "tool", "parts": [{"content": {"tool_result": {"call_id": "c1", "is_error": true, "parts": []}}}]});
    let state = state(json!({"model": "m", "turns": [text("user", "go"), calls(&[("c1", "read")]), failed]}));
    assert_eq!(current(&state)["content"], "(tool results)");
    assert_eq!(
        current(&state)["userInputMessageContext"]["toolResults"],
        json!([{"toolUseId": "c1", "content": [{"text": ""}], "status": "error"}])
    );
}

#[test]
fn tools_are_spelled_strictly_and_found_again() {
    let long = format!("mcp__{}", "x".repeat(70));
    let request = json!({"model": "m", "turns": [text("user", "go")], "tools": [
        {"kind": {"function": {"name": long, "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string", "default": null}}}}}},
        {"kind": {"function": {"name": "bare"}}},
        {"kind": {"custom": {"name": "patch", "description": "p", "grammar": {"syntax": "lark", "definition": "start: x"}}}},
        {"kind": {"builtin": {"dialect": "anthropic-messages", "raw": {"type": "web_search_20250305"}}}},
    ]});
    let seen = turn("claude-sonnet-4.6", &request, [hello()]);
    let state = seen.requests[0].json()["conversationState"].clone();
    let specs = current(&state)["userInputMessageContext"]["tools"].as_array().expect("tools").clone();
    let spec = |n: usize| specs[n]["toolSpecification"].clone();
    let short = spec(0)["name"].as_str().unwrap_or_default().to_owned();
    assert_eq!((specs.len(), short.len()), (3, 63));
    assert_eq!(
        spec(0)["inputSchema"]["json"],
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": []})
    );
    assert_eq!(
        spec(1),
        json!({"name": "bare", "description": "bare", "inputSchema": {"json": {"type": "object", "properties": {}, "required": []}}})
    );
    assert!(spec(2)["description"].as_str().is_some_and(|told| told.contains("lark grammar")));
    let sent =
        [call("t1", &short, "{}", true), call("t2", "patch", "{\"input\":\"*** Begin\"}", true), end()];
    let seen = turn("claude-sonnet-4.6", &request, [answers(&sent)]);
    let all = events(&seen);
    let called: Vec<&Value> =
        all.iter().filter_map(|event| event.pointer("/part_start/part/content/tool_call")).collect();
    assert_eq!((called[0]["name"].as_str(), called[1]["kind"].as_str()), (Some(&*long), Some("custom")));
    let arguments: Vec<&str> =
        all.iter().filter_map(|event| event.pointer("/arguments/text")?.as_str()).collect();
    assert_eq!(arguments, ["{}", "*** Begin"]);
}

#[test]
fn a_choice_narrows_the_tools() {
    let offered = |choice: Value| -> Vec<String> {
        let tools = json!([{"kind": {"function": {"name": "a"}}}, {"kind": {"function": {"name": "b"}}}]);
        let state = state(
            json!({"model": "m", "turns": [text("user", "go")], "tools": tools, "tool_choice": choice}),
        );
        let specs =
            current(&state)["userInputMessageContext"]["tools"].as_array().cloned().unwrap_or_default();
        specs.iter().filter_map(|spec| Some(spec["toolSpecification"]["name"].as_str()?.to_owned())).collect()
    };
    for (choice, names) in [
        (json!("auto"), &["a", "b"][..]),
        (json!("none"), &[]),
        (json!("required"), &["a", "b"]),
        (json!({"named": {"name": "b"}}), &["b"]),
        (json!({"allowed": {"required": false, "tools": [{"name": "a"}]}}), &["a"]),
    ] {
        assert_eq!(offered(choice.clone()), names, "{choice}");
    }
}

#[test]
fn images_stand_at_the_message() {
    let image = |media_type: &str, source: Value| json!({"content": {"media": {"kind": "image", "source": source, "media_type": media_type}}});
    let result = json!({"content": {"tool_result": {"call_id": "c1", "parts": [{"content": {"text": {"text": "see"}}}, image("image/webp", json!({"base64": "V0VC"}))]}}});
    let state = state(json!({"model": "m", "turns": [
        text("user", "go"), calls(&[("c1", "shot")]),
        {"role": "user", "parts": [
            result, image("image/jpg", json!({"base64": "SlBH"})), image("image/png", json!({"url": "https://x.test/a.png"})),
            image("image/tiff", json!({"base64": "AA"})),
            {"content": {"media": {"kind": "file", "name": "a.md", "source": {"text": "# A"}}}},
        ]},
    ]}));
    let message = current(&state);
    assert_eq!(
        message["images"],
        json!([{"format": "webp", "source": {"bytes": "V0VC"}}, {"format": "jpeg", "source": {"bytes": "SlBH"}}])
    );
    let content = message["content"].as_str().unwrap_or_default();
    for told in ["https://x.test/a.png", "only GIF, JPEG, PNG and WebP", "[file a.md]\n# A"] {
        assert!(content.contains(told), "{content}");
    }
}

#[test]
fn reasoning_goes_back_signed_or_not_at_all() {
    let thought = |dialect: &str| {
        json!({"role": "assistant", "parts": [
            {"content": {"reasoning": {"text": ["hm"]}}, "signature": {"dialect": dialect, "data": "sig"}}, {"content": {"text": {"text": "a"}}},
        ]})
    };
    let request = |dialect: &str| json!({"model": "m", "turns": [text("user", "q"), thought(dialect), text("user", "r")]});
    let own = state(request("lip"));
    assert_eq!(
        own["history"][1]["assistantResponseMessage"]["reasoningContent"],
        json!({"reasoningText": {"text": "hm", "signature": "sig"}})
    );
    assert_eq!(
        state(request("anthropic-messages"))["history"][1]["assistantResponseMessage"],
        json!({"content": "a"})
    );
    let no = Reply::json(400, &json!({"message": "bad signature", "reason": "THINKING_SIGNATURE_INVALID"}));
    let seen = turn("m", &request("lip"), [no.clone(), hello()]);
    assert_eq!((seen.requests.len(), super::support::text(&seen).as_str()), (2, "Hello"));
    assert!(!String::from_utf8_lossy(&seen.requests[1].body).contains("reasoningContent"));
    let seen = turn("m", &request("lip"), [no.clone(), no, hello()]);
    assert_eq!((seen.requests.len(), seen.error.and_then(|e| e.status)), (2, Some(400)));
}

#[test]
fn effort_goes_where_the_model_has_it() {
    let mut request = hi();
    request["reasoning"] = json!({"effort": "xhigh"});
    for (model, name, fields) in [
        (
            "claude-sonnet-4-6",
            "claude-sonnet-4.6",
            json!({"output_config": {"effort": "high"}, "thinking": {"type": "adaptive"}}),
        ),
        (
            "claude-opus-4.8-max",
            "claude-opus-4.8",
            json!({"output_config": {"effort": "max"}, "thinking": {"type": "adaptive"}}),
        ),
        ("gpt-5.6-sol", "gpt-5.6-sol", json!({"reasoning": {"effort": "xhigh"}})),
        ("glm-5", "glm-5", json!(null)),
        ("", "m", json!(null)),
    ] {
        let seen = turn(model, &request, [hello()]);
        let body = seen.requests[0].json();
        assert_eq!(body["additionalModelRequestFields"], fields, "{model}");
        assert_eq!(current(&body["conversationState"])["modelId"], name);
    }
    // What the catalogue says counts more than the name.
    let kept = json!({"glm-5": {"shape": "gpt", "efforts": ["low"], "takes_tokens_max": false}});
    let stage =
        Stage::of::<Kiro>().account("a", &["t"], &with_profile()).stored("", "catalogue", kept.to_string());
    let seen = run(stage, "glm-5", &request, [hello()]);
    assert_eq!(
        seen.requests[0].json()["additionalModelRequestFields"],
        json!({"reasoning": {"effort": "low"}})
    );
}

const KRS: &str = "KiroRuntimeService.GenerateAssistantResponse";
const CW: &str = "AmazonCodeWhispererStreamingService.GenerateAssistantResponse";
const Q: &str = "AmazonQDeveloperStreamingService.SendMessage";
const AMZ: &str = "application/x-amz-json-1.0";
const JSON: &str = "application/json";

/// Endpoint, URL, target, content type, whether it knows the model's own fields.
const FORMS: [(&str, &str, Option<&str>, &str, bool); 6] = [
    ("runtime", "https://runtime.us-east-1.kiro.dev/", Some(KRS), AMZ, true),
    ("runtime-rest", "https://runtime.us-east-1.kiro.dev/generateAssistantResponse", None, JSON, true),
    ("runtime-cw", "https://runtime.us-east-1.kiro.dev/", Some(CW), AMZ, true),
    ("q", "https://q.us-east-1.amazonaws.com/generateAssistantResponse", None, JSON, true),
    (
        "codewhisperer",
        "https://codewhisperer.us-east-1.amazonaws.com/generateAssistantResponse",
        Some(CW),
        JSON,
        false,
    ),
    ("amazonq", "https://q.us-east-1.amazonaws.com/generateAssistantResponse", Some(Q), JSON, false),
];

#[test]
fn each_endpoint_has_its_form() {
    let fields = json!({"reasoning": {"effort": "high"}});
    let mut request = hi();
    request["reasoning"] = json!({"effort": "high"});
    for (endpoint, url, target, content_type, takes_fields) in FORMS {
        let config = json!({"endpoints": [endpoint], "user_agent": "mine/1", "headers": {"x-mine": "y"}});
        let stage = Stage::of::<Kiro>().config(&config).account("a", &["at-1"], &with_profile());
        let seen = run(stage, "gpt-5.6-sol", &request, [hello()]);
        let sent = &seen.requests[0];
        assert_eq!((sent.method.as_str(), sent.url.as_str()), ("POST", url), "{endpoint}");
        for (name, value) in [
            ("authorization", Some("Bearer at-1")),
            ("content-type", Some(content_type)),
            ("x-amz-target", target),
            ("x-amzn-kiro-agent-mode", if target.is_none() { Some("vibe") } else { None }),
            ("x-amzn-codewhisperer-optout", Some("true")),
            ("tokentype", None),
            ("user-agent", Some("mine/1")),
            ("x-mine", Some("y")),
        ] {
            assert_eq!(sent.header(name), value, "{endpoint} {name}");
        }
        let (body, own) = (sent.json(), if takes_fields { fields.clone() } else { json!(null) });
        let told = (body["profileArn"].as_str(), &body["additionalModelRequestFields"]);
        assert_eq!(told, (Some(ARN), &own), "{endpoint}");
        assert_eq!(body.get("agentMode").is_some(), endpoint == "runtime");
        assert_eq!(body["conversationState"]["conversationId"].as_str().map(str::len), Some(36));
    }
}

#[test]
fn large_requests_are_refused_before_they_are_sent() {
    let large = json!({"model": "m", "turns": [text("user", &"x".repeat(620_000))]});
    let seen = turn("m", &large, [hello()]);
    assert_eq!((seen.requests.len(), seen.error.and_then(|e| e.status)), (0, Some(400)));
    let image = json!({"content": {"media": {"kind": "image", "media_type": "image/png", "source": {"base64": "A".repeat(700_000)}}}});
    let seen = turn("m", &json!({"model": "m", "turns": [{"role": "user", "parts": [image]}]}), [hello()]);
    assert_eq!(seen.error, None);
}

#[test]
fn wishes_without_a_place_are_told() {
    let mut request = hi();
    request["sampling"] = json!({"temperature": 0.5, "top_p": 0.9, "max_output_tokens": 9});
    let (seen, _) = asked(request);
    assert!(seen.notes.contains(&"Kiro has no place for: temperature, top_p".to_owned()), "{:?}", seen.notes);
    let _ = said("");
}

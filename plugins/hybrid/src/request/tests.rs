use super::*;
use crate::pair::Pair;
use crate::presets::Presets;

fn half(selector: &str) -> Half {
    Pair::read(&format!("[{selector},x:y]")).unwrap().reasoning
}

fn client() -> Value {
    json!({"origin": "anthropic-messages", "model": "m", "format": "json_object",
        "sampling": {"temperature": 1.5, "n": 2, "max_output_tokens": 9}, "reasoning": {"effort": "medium"},
        "turns": [{"role": "system", "parts": [text_part("be brief")]}, {"role": "user", "parts": [text_part("hi")]}]})
}

#[test]
fn phases_get_their_presets() {
    let presets = Presets::read().unwrap();
    for (selector, reasoning, temperature) in [
        ("openai:o3", json!({"effort": "high", "summary": "auto", "include_thoughts": true}), 1.5),
        ("zai:glm-5", json!({"effort": "high", "summary": "auto", "include_thoughts": true}), 0.7),
        (
            "qwen-oauth:q",
            json!({"mode": "enabled", "budget_tokens": 10000, "summary": "auto", "include_thoughts": true}),
            1.5,
        ),
        ("zai:glm-5?reasoning_effort=low", json!({"summary": "auto", "include_thoughts": true}), 0.7),
    ] {
        let half = half(selector);
        let request = first(&client(), &half, presets.row(half.family()).unwrap());
        assert_eq!(request["reasoning"], reasoning, "{selector}");
        assert_eq!(
            request["sampling"],
            json!({"temperature": temperature, "max_output_tokens": 9}),
            "{selector}"
        );
        assert_eq!((request.get("format"), request.get("origin")), (None, None), "{selector}");
    }
    for (selector, reasons, reasoning, temperature) in [
        ("openai:gpt-5", true, json!({"effort": "low"}), 1.5),
        ("openai:gpt-4o", false, Value::Null, 1.5),
        ("qwen-oauth:q", false, json!({"mode": "disabled"}), 1.5),
        ("minimax:m", false, json!({"effort": "medium"}), 0.3),
        ("zai:glm-4", false, Value::Null, 0.5),
    ] {
        let half = half(selector);
        let request = second(&client(), &half, presets.row(half.family()).unwrap(), reasons);
        assert_eq!(request["reasoning"], reasoning, "{selector}");
        assert_eq!(request["sampling"]["temperature"], temperature, "{selector}");
        assert_eq!(
            (&request["format"], &request["sampling"]["n"]),
            (&json!("json_object"), &json!(2)),
            "{selector}"
        );
    }
}

#[test]
fn reasoning_goes_where_the_backend_takes_it() {
    let presets = Presets::read().unwrap();
    let injected = |backend: &str, mut request: Value| {
        inject(&mut request, "because", presets.row(backend).unwrap(), false);
        request
    };
    let said = format!("{INSTRUCTION}\n\n<reasoning>because</reasoning>");
    let at_system = injected("zai", client());
    assert_eq!(at_system["turns"][0]["parts"], json!([text_part(&format!("be brief\n\n{said}"))]));
    let without = injected("zai", json!({"turns": [{"role": "user", "parts": [text_part("hi")]}]}));
    assert_eq!(without["turns"][0], json!({"role": "system", "parts": [text_part(&said)]}));
    assert_eq!(without["turns"][1]["role"], "user");
    let marked = json!({"content": {"text": {"text": "long"}}, "cache": {}});
    let beside = injected("zai", json!({"instructions": [marked], "turns": []}));
    assert_eq!(beside["instructions"], json!([marked, text_part(&said)]));
    let at_user = injected("kiro-oauth-auto", client());
    assert_eq!(at_user["turns"][1]["parts"], json!([text_part("<reasoning>because</reasoning>\n\nhi")]));
    assert_eq!(at_user["turns"][0], client()["turns"][0]);
}

#[test]
fn repeated_reasoning_is_the_last_message() {
    let presets = Presets::read().unwrap();
    let mut request = client();
    inject(&mut request, "a\nb", presets.row("deepseek").unwrap(), true);
    assert!(
        request["turns"][0]["parts"][0]["content"]["text"]["text"]
            .as_str()
            .unwrap()
            .ends_with("<think>\na\nb\n</think>")
    );
    let last = request["turns"].as_array().unwrap().last().unwrap();
    assert_eq!(last["role"], "assistant");
    assert_eq!(last["parts"][0]["content"]["reasoning"]["text"], json!(["a\nb"]));
}

#[test]
fn odd_requests_are_left_alone() {
    let presets = Presets::read().unwrap();
    for mut request in
        [json!(null), json!([]), json!({"turns": 7}), json!({"turns": [7, {"parts": 7}], "instructions": {}})]
    {
        let row = presets.row("kiro-x").unwrap();
        inject(&mut request, "x", row, true);
        inject(&mut request, "x", presets.row("zai").unwrap(), true);
        first(&request, &half("a:b"), row);
    }
}

//! Gemini ⇄ OpenAI Chat through the canonical model: golden bodies with what was lost on the way; requests of real clients.
#![expect(clippy::expect_used, reason = "a test that cannot go on must say so")]
use lip_wire::{
    Dialect,
    canon::{Content, Event, Part},
    codec::{
        EncodeCtx, RequestOptions, StreamDecoder, StreamEncoder, UrlParts, decode_reply, decode_request,
        encode_reply, encode_request,
    },
    loss::Losses,
};
use serde_json::{Value, json};

const GEMINI: Dialect = Dialect::Gemini;
const CHAT: Dialect = Dialect::OpenAiChat;

fn golden(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("golden");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn with_losses(text: &str, losses: &Losses) -> String {
    let lines: Vec<String> = losses.iter().map(ToString::to_string).collect();
    format!("{}\n---\n{}", text.trim_end(), lines.join("\n"))
}

fn pretty(bytes: &[u8]) -> String {
    let value: Value = serde_json::from_slice(bytes).expect("is json");
    serde_json::to_string_pretty(&value).expect("serialises")
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).expect("is json")
}

fn request(from: Dialect, to: Dialect, model: &str, body: &str) -> (Vec<u8>, Losses) {
    let url = UrlParts { model: Some(model), stream: Some(true) };
    let (mut request, _) = decode_request(from, body.as_bytes(), &url).expect("decodes");
    model.clone_into(&mut request.model);
    encode_request(to, &request, &RequestOptions::default()).expect("encodes")
}

fn ctx() -> EncodeCtx {
    EncodeCtx { reply_id: "r1".to_owned(), created_unix: 7, include_usage: true, ..EncodeCtx::default() }
}

fn reply(from: Dialect, to: Dialect, body: &str) -> (Vec<u8>, Losses) {
    let (reply, _) = decode_reply(from, body.as_bytes()).expect("decodes");
    encode_reply(to, &reply, &ctx()).expect("encodes")
}

fn stream(from: Dialect, to: Dialect, frames: &[&str]) -> (String, Losses) {
    let mut decoder = StreamDecoder::new(from).expect("streams");
    let mut events: Vec<Event> = Vec::new();
    for frame in frames {
        decoder.push_event(None, frame.as_bytes(), &mut events).expect("decodes");
    }
    decoder.finish(&mut events);
    let mut encoder = StreamEncoder::new(to, ctx()).expect("streams");
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.encode(event, &mut out));
    (String::from_utf8(out).expect("utf-8"), encoder.losses().clone())
}

const CHAT_REQUEST: &str = r#"{"model":"m","messages":[
 {"role":"system","content":"be terse"},
 {"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD","detail":"low"}},
  {"type":"image_url","image_url":{"url":"https://e.x/i.png?x=1"}},{"type":"input_audio","input_audio":{"data":"QUJD","format":"mp3"}},
  {"type":"file","file":{"file_data":"data:application/pdf;base64,QUJD","filename":"a.pdf"}},{"type":"file","file":{"file_id":"file_1"}}]},
 {"role":"assistant","reasoning_content":"hm","content":"ok","tool_calls":[
  {"id":"call_a","type":"function","function":{"name":"ls","arguments":"{\"p\": 1.50}"},"extra_content":{"google":{"thought_signature":"c2ln"}}},
  {"id":"call_b","type":"function","function":{"name":"now","arguments":""}}]},
 {"role":"tool","tool_call_id":"call_a","content":"{\"a\":1}"},
 {"role":"tool","tool_call_id":"call_b","content":[{"type":"text","text":"done"},{"type":"text","text":"!"}]},
 {"role":"developer","content":"be kind"},
 {"role":"assistant","content":null,"refusal":"no","tool_calls":[
  {"id":"call_c","type":"function","function":{"name":"ls","arguments":"{broken"}},{"id":"call_d","type":"custom","custom":{"name":"patch","input":"*** x"}}]},
 {"role":"tool","tool_call_id":"call_c","content":"e"},{"role":"tool","tool_call_id":"call_d","content":""},
 {"role":"user","content":"go on"}],
 "tools":[{"type":"function","function":{"name":"ls","description":"list","parameters":{"type":"object","properties":{"p":{"type":"number","maximum":1.50}},"additionalProperties":false},"strict":true}},
  {"type":"custom","custom":{"name":"patch"}}],
 "tool_choice":{"type":"function","function":{"name":"ls"}},"parallel_tool_calls":false,"temperature":0.5,"top_p":0.9,"max_tokens":100,"stop":["x"],"seed":3,
 "n":2,"logprobs":true,"top_logprobs":3,"logit_bias":{"1":-100},"reasoning_effort":"high",
 "response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object","additionalProperties":false},"strict":true}},
 "modalities":["text"],"service_tier":"flex","metadata":{"k":"v"},"user":"u","store":true,"stream":true,"stream_options":{"include_usage":true},"prediction":{}}"#;

#[test]
fn chat_request_goes_to_gemini() {
    let (body, losses) = request(CHAT, GEMINI, "gemini-3-pro-preview", CHAT_REQUEST);
    golden("cross_request_chat_to_gemini_3", &with_losses(&pretty(&body), &losses));
    let text = String::from_utf8(body).expect("utf-8");
    assert!(text.contains(r#""args":{"p": 1.50}"#) && text.contains(r#""maximum":1.50"#));
    let (older, _) = request(CHAT, GEMINI, "gemini-2.5-flash", CHAT_REQUEST);
    let older: Value = serde_json::from_slice(&older).expect("is json");
    assert_eq!(
        older["generationConfig"]["thinkingConfig"],
        value(r#"{"thinkingBudget":24576,"includeThoughts":true}"#)
    );
    assert!(!older.to_string().contains("skip_thought"), "only gemini 3 asks for it");
}

const GEMINI_REQUEST: &str = r#"{"systemInstruction":{"role":"user","parts":[{"text":"be terse"},{"text":"be kind"}]},
 "contents":[{"role":"user","parts":[{"text":"look"},{"inlineData":{"mimeType":"image/png","data":"QUJD"}},{"fileData":{"mimeType":"image/png","fileUri":"https://e.x/i.png"}},
   {"inlineData":{"mimeType":"audio/mp3","data":"QUJD"}}]},
 {"role":"model","parts":[{"text":"hm","thought":true,"thoughtSignature":"c2lnMA=="},{"text":"ok"},
  {"functionCall":{"name":"ls","args":{"p":1}},"thoughtSignature":"c2ln"},{"functionCall":{"name":"ls","args":{"p":2}}},{"functionCall":{"name":"now"}}]},
 {"role":"user","parts":[{"functionResponse":{"name":"ls","response":{"output":"a.txt"},"parts":[{"inlineData":{"mimeType":"image/jpeg","data":"QUJD"}}]}},
  {"functionResponse":{"name":"ls","response":{"error":"no such file"}}},{"functionResponse":{"name":"now","response":{"t":[1,2.0]}}},{"text":"and?"}]}],
 "tools":[{"functionDeclarations":[{"name":"ls","parameters":{"type":"OBJECT","properties":{"p":{"type":"NUMBER","nullable":true}}}},{"name":"now"}]},{"googleSearch":{}}],
 "toolConfig":{"functionCallingConfig":{"mode":"ANY"}},
 "generationConfig":{"temperature":0.5,"topP":0.9,"topK":40,"maxOutputTokens":100,"stopSequences":["x"],"responseMimeType":"application/json","responseSchema":{"type":"OBJECT"},
  "thinkingConfig":{"includeThoughts":true,"thinkingLevel":"HIGH"}},
 "safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_NONE"}],"cachedContent":"cachedContents/1"}"#;

#[test]
fn gemini_request_goes_to_chat() {
    let (body, losses) = request(GEMINI, CHAT, "gpt-x", GEMINI_REQUEST);
    golden("cross_request_gemini_to_chat", &with_losses(&pretty(&body), &losses));
}

/// A signature goes out to a Chat client on the call and comes back with it.
#[test]
fn signatures_make_the_round_trip() {
    let body = r#"{"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"ls","args":{"p":1}},"thoughtSignature":"c2ln"},{"functionCall":{"name":"ls","args":{"p":2}}}]},"finishReason":"STOP"}],"responseId":"g.1"}"#;
    let (answer, losses) = reply(GEMINI, CHAT, body);
    assert!(losses.is_empty(), "{losses:?}");
    let answer: Value = serde_json::from_slice(&answer).expect("is json");
    let message = &answer["choices"][0]["message"];
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(message["tool_calls"][1]["id"], "call_g_1_1", "ids follow from the answer's");
    let next = format!(
        r#"{{"model":"m","messages":[{message},{{"role":"tool","tool_call_id":"call_g_1_0","content":"a"}},{{"role":"tool","tool_call_id":"call_g_1_1","content":"b"}}]}}"#
    );
    let (body, losses) = request(CHAT, GEMINI, "gemini-3-flash-preview", &next);
    assert!(losses.is_empty(), "{losses:?}");
    assert_eq!(
        serde_json::from_slice::<Value>(&body).expect("is json"),
        value(
            r#"{"contents":[
            {"role":"model","parts":[{"functionCall":{"id":"call_g_1_0","name":"ls","args":{"p":1}},"thoughtSignature":"c2ln"},{"functionCall":{"id":"call_g_1_1","name":"ls","args":{"p":2}}}]},
            {"role":"user","parts":[{"functionResponse":{"id":"call_g_1_0","name":"ls","response":{"output":"a"}}},{"functionResponse":{"id":"call_g_1_1","name":"ls","response":{"output":"b"}}}]}]}"#
        )
    );
}

const GEMINI_REPLY: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hm","thought":true,"thoughtSignature":"c2lnMA=="},{"text":"hi"},{"inlineData":{"mimeType":"image/png","data":"QUJD"}},
   {"executableCode":{"language":"PYTHON","code":"1"}},{"functionCall":{"id":"a","name":"ls","args":{"p":1}},"thoughtSignature":"c2ln"}]},"finishReason":"STOP","index":0,
   "safetyRatings":[],"groundingMetadata":{"groundingChunks":[{"web":{"uri":"https://e.x","title":"t"}}],"groundingSupports":[{"segment":{"endIndex":2,"text":"hi"},"groundingChunkIndices":[0]}]}},
  {"content":{"role":"model","parts":[{"text":"x"}]},"finishReason":"SPII","index":1}],
 "usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":4,"thoughtsTokenCount":5,"cachedContentTokenCount":2,"totalTokenCount":18},"modelVersion":"gemini-x","responseId":"resp"}"#;

#[test]
fn gemini_reply_goes_to_chat() {
    let (body, losses) = reply(GEMINI, CHAT, GEMINI_REPLY);
    golden("cross_reply_gemini_to_chat", &with_losses(&pretty(&body), &losses));
}

const CHAT_REPLY: &str = r#"{"id":"c1","object":"chat.completion","created":5,"model":"m","choices":[
 {"index":0,"message":{"role":"assistant","content":"hi","annotations":[{"type":"url_citation","url_citation":{"url":"https://e.x","title":"t","start_index":0,"end_index":2}}],
  "tool_calls":[{"id":"call_a","type":"function","function":{"name":"ls","arguments":"{\"p\": 1}"}},{"id":"call_b","type":"function","function":{"name":"ls","arguments":""}},
   {"id":"call_c","type":"function","function":{"name":"ls","arguments":"{broken"}}],"reasoning_content":"hm"},
  "logprobs":{"content":[{"token":"hi","logprob":-0.5,"bytes":null,"top_logprobs":[{"token":"ho","logprob":-1.5,"bytes":null}]}],"refusal":null},"finish_reason":"tool_calls"},
 {"index":1,"message":{"role":"assistant","content":null,"refusal":"no"},"logprobs":null,"finish_reason":"content_filter"}],
 "usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":2,"cache_write_tokens":1},"completion_tokens_details":{"reasoning_tokens":3}},
 "service_tier":"default","system_fingerprint":"fp"}"#;

#[test]
fn chat_reply_goes_to_gemini() {
    let (body, losses) = reply(CHAT, GEMINI, CHAT_REPLY);
    golden("cross_reply_chat_to_gemini", &with_losses(&pretty(&body), &losses));
}

#[test]
fn gemini_stream_goes_to_chat() {
    let frames = [
        r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"I should look.","thought":true}]},"index":0}],"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9},"modelVersion":"m","responseId":"r"}"#,
        r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Looking"}]},"index":0}],"modelVersion":"m","responseId":"r"}"#,
        r#"{"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"ls","args":{"p":1}},"thoughtSignature":"c2ln"},{"functionCall":{"name":"now"}}]},"index":0}],"modelVersion":"m","responseId":"r"}"#,
        r#"{"candidates":[{"content":{"role":"model","parts":[{"text":""}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":4,"thoughtsTokenCount":5,"cachedContentTokenCount":2,"totalTokenCount":18},"modelVersion":"m","responseId":"r"}"#,
    ];
    let (text, losses) = stream(GEMINI, CHAT, &frames);
    golden("cross_stream_gemini_to_chat", &with_losses(&text, &losses));
}

/// Parallel calls come interleaved and leave whole, in order.
#[test]
fn chat_stream_goes_to_gemini() {
    let chunk = |delta: &str, finish: &str| {
        format!(
            r#"{{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}"#
        )
    };
    let chunks = [
        chunk(r#"{"role":"assistant","content":""}"#, "null"),
        chunk(r#"{"reasoning_content":"think"}"#, "null"),
        chunk(r#"{"content":"Loo"}"#, "null"),
        chunk(r#"{"content":"king"}"#, "null"),
        chunk(
            r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"ls","arguments":"{\"p\""}}]}"#,
            "null",
        ),
        chunk(
            r#"{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"now","arguments":""}}]}"#,
            "null",
        ),
        chunk(
            r#"{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}"#,
            "null",
        ),
        chunk("{}", r#""tool_calls""#),
        r#"{"id":"c1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":3}}}"#.to_owned(),
        "[DONE]".to_owned(),
    ];
    let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
    let (text, losses) = stream(CHAT, GEMINI, &chunks);
    golden("cross_stream_chat_to_gemini", &with_losses(&text, &losses));
    let (cut, _) = stream(CHAT, GEMINI, &chunks[..5]);
    assert!(!cut.contains("finishReason"), "{cut}");
    assert!(cut.contains(r#""error":{"code":502,"#), "{cut}");
}

/// Requests as real clients shape them (gemini-cli, opencode, aider), in own words.
/// Pieces of one of OpenRouter's `reasoning_details` are one thought, and each goes out when it comes.
#[test]
fn pieces_of_a_detail_stay_one_thought() {
    let piece = |text: &str| {
        let delta = json!({"reasoning_details": [{"type": "reasoning.text", "text": text, "format": "unknown", "index": 0}]});
        json!({"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [{"index": 0, "delta": delta}]}).to_string()
    };
    let stop = r#"{"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    let frames = [piece("Six ti"), piece("mes seven."), stop.to_owned(), "[DONE]".to_owned()];
    let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    let (text, _) = stream(CHAT, GEMINI, &frames);
    assert_eq!(text.matches(r#""text":"Six ti","thought":true"#).count(), 1, "{text}");
    assert_eq!(text.matches(r#""text":"mes seven.","thought":true"#).count(), 1, "{text}");
    assert!(!text.contains(r"\n"), "{text}");
}

#[test]
fn requests_of_real_clients_mean_the_same_again() {
    let gemini_cli = r#"{"contents":[{"parts":[{"text":"<session_context>\nx"},{"text":"run echo"}],"role":"user"},
      {"parts":[{"text":"I will."},{"functionCall":{"id":"call_1","args":{"command":"echo x","is_background":false},"name":"run_shell_command"},"thoughtSignature":"skip_thought_signature_validator"}],"role":"model"},
      {"parts":[{"functionResponse":{"name":"run_shell_command","response":{"output":"<untrusted_context>\nx"},"id":"call_1"}}],"role":"user"}],
      "systemInstruction":{"parts":[{"text":"You are a tool."}],"role":"user"},
      "tools":[{"functionDeclarations":[{"name":"run_shell_command","description":"Runs it.","parametersJsonSchema":{"type":"object","properties":{"command":{"type":"string"},"start_line":{"type":"integer","minimum":1}},"required":["command"]}}]}],
      "generationConfig":{"temperature":1,"topP":0.95,"topK":64,"thinkingConfig":{"includeThoughts":true,"thinkingBudget":8192}}}"#;
    let opencode = r#"{"generationConfig":{"maxOutputTokens":8192},"contents":[{"role":"user","parts":[{"text":"run echo"}]},
      {"role":"model","parts":[{"functionCall":{"name":"bash","args":{"command":"echo x"}}}]},
      {"role":"user","parts":[{"functionResponse":{"name":"bash","response":{"name":"bash","content":"x\n"}}}]}],
      "systemInstruction":{"parts":[{"text":"You are a tool."}]},
      "tools":[{"functionDeclarations":[{"name":"bash","description":"Runs it.","parameters":{"required":["command"],"type":"object","properties":{"command":{"type":"string"}}}}]}],
      "toolConfig":{"functionCallingConfig":{"mode":"AUTO"}}}"#;
    let aider = r#"{"contents":[{"role":"user","parts":[{"text":"a"},{"text":"b"}]},{"role":"model","parts":[{"text":"Ok."}]},{"role":"user","parts":[{"text":"c"}]}],"generationConfig":{"temperature":0}}"#;
    for body in [gemini_cli, opencode, aider] {
        let (again, losses) = request(GEMINI, GEMINI, "gemini-3-pro", body);
        assert!(losses.is_empty(), "{losses:?}");
        let mut want = value(body);
        if let Some(system) = want.get_mut("systemInstruction").and_then(Value::as_object_mut) {
            // The role of an instruction means nothing.
            system.remove("role");
        }
        // 1 and 1.0 are the same number.
        let numbers = |text: String| text.replace("1.0,", "1,").replace(":0.0}", ":0}");
        let again = numbers(String::from_utf8(again).expect("utf-8"));
        assert_eq!(value(&again), want);
        let (_, losses) = request(GEMINI, CHAT, "gpt-x", body);
        assert!(losses.len() <= 3, "{losses:?}");
    }
}

#[test]
fn tool_results_are_text_to_others() {
    let url = UrlParts { model: Some("m"), stream: None };
    let result = |response: &str| {
        let body = format!(
            r#"{{"contents":[{{"parts":[{{"functionResponse":{{"name":"f","response":{response}}}}}]}}]}}"#
        );
        let (request, _) = decode_request(GEMINI, body.as_bytes(), &url).expect("decodes");
        let Content::ToolResult(result) = &request.turns[0].parts[0].content else { panic!("{request:?}") };
        let texts: Vec<String> = result.parts.iter().filter_map(Part::as_text).map(str::to_owned).collect();
        (texts.concat(), result.is_error)
    };
    for (response, text, failed) in [
        (r#"{"output":"x"}"#, "x", None),
        (r#"{"error":"x"}"#, "x", Some(true)),
        (r#"{"output": {"a": 1}}"#, r#"{"output": {"a": 1}}"#, None),
        (r#"{"output":"x","n":1}"#, r#"{"output":"x","n":1}"#, None),
        ("{}", "{}", None),
    ] {
        assert_eq!(result(response), (text.to_owned(), failed), "{response}");
    }
}

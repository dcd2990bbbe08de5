//! Gemini `generateContent` through the canonical model: golden bodies, identities, streams in both framings.
#![expect(clippy::expect_used, reason = "a test that cannot go on must say so")]
mod streams;

use lip_wire::{
    Dialect,
    canon::{
        Collector, Content, Event, Failure, FailureKind, Part, Reply, Request, StopReason, ToolChoice, split,
    },
    codec::{
        EncodeCtx, RequestOptions, StreamDecoder, StreamEncoder, UrlParts, decode_reply, decode_request,
        encode_reply, encode_request,
    },
};
use serde_json::Value;

const GEMINI: Dialect = Dialect::Gemini;
const URL: UrlParts<'_> = UrlParts { model: Some("gemini-2.5-flash"), stream: Some(true) };

fn golden(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../golden");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn pretty<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).expect("serialises")
}

fn request(body: &str) -> Request {
    decode_request(GEMINI, body.as_bytes(), &URL).expect("decodes").0
}

fn body(request: &Request) -> Value {
    let (bytes, losses) = encode_request(GEMINI, request, &RequestOptions::default()).expect("encodes");
    assert!(losses.is_empty(), "{losses:?}");
    serde_json::from_slice(&bytes).expect("is json")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("is json")
}

fn ctx() -> EncodeCtx {
    EncodeCtx { reply_id: "r1".to_owned(), created_unix: 7, ..EncodeCtx::default() }
}

fn events(frames: &[&str]) -> Vec<Event> {
    let mut decoder = StreamDecoder::new(GEMINI).expect("gemini streams");
    let mut out = Vec::new();
    for frame in frames {
        decoder.push_event(None, frame.as_bytes(), &mut out).expect("decodes");
    }
    decoder.finish(&mut out);
    out
}

fn collect(events: Vec<Event>) -> Result<Reply, Failure> {
    let mut collector = Collector::new();
    events.into_iter().for_each(|event| collector.push(event));
    collector.finish()
}

fn stream_of(events: &[Event], ctx: EncodeCtx) -> String {
    let mut encoder = StreamEncoder::new(GEMINI, ctx).expect("gemini streams");
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.encode(event, &mut out));
    String::from_utf8(out).expect("utf-8")
}

fn frames(stream: &str) -> Vec<&str> {
    stream.split_terminator("\n\n").filter_map(|frame| frame.strip_prefix("data: ")).collect()
}

const FULL_REQUEST: &str = r#"{"systemInstruction":{"parts":[{"text":"be terse"},{"text":"be kind"}]},
 "contents":[
 {"role":"user","parts":[{"text":"look"},{"inlineData":{"mimeType":"image/png","data":"QUJD","displayName":"a.png"},"mediaResolution":{"level":"MEDIA_RESOLUTION_HIGH"}},
  {"fileData":{"mimeType":"video/mp4","fileUri":"https://e.x/v.mp4"},"videoMetadata":{"startOffset":"1s"}},{"fileData":{"fileUri":"gs://b/o"}},
  {"inlineData":{"mimeType":"application/pdf","data":"QUJD"}}]},
 {"role":"model","parts":[{"text":"hm","thought":true,"thoughtSignature":"c2lnMA=="},{"text":"ok","thoughtSignature":"c2lnMQ=="},
  {"functionCall":{"id":"call_a","name":"ls","args":{"p": 1.50}},"thoughtSignature":"skip_thought_signature_validator"},
  {"functionCall":{"name":"now"}},
  {"executableCode":{"language":"PYTHON","code":"1+1"}},{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"2"},"thoughtSignature":"c2lnMg=="},
  {"toolCall":{"toolType":"GOOGLE_SEARCH","args":{}}}]},
 {"role":"user","parts":[{"functionResponse":{"id":"call_a","name":"ls","response":{"output":"a.txt"},"parts":[{"inlineData":{"mimeType":"image/jpeg","data":"QUJD"}}]}},
  {"functionResponse":{"name":"now","response":{"error":"no clock"},"scheduling":"SILENT"}},
  {"functionResponse":{"name":"now","response":{"t": [1, 2.0]}}}]},
 {"role":"function","parts":[{"functionResponse":{"name":"now"}}]}],
 "tools":[{"functionDeclarations":[
   {"name":"ls","description":"list","parametersJsonSchema":{"type":"object","properties":{"p":{"type":"number","maximum":1.50}}}},
   {"name":"now","parameters":{"type":"OBJECT","properties":{"zone":{"type":"STRING","nullable":true}}},"behavior":"NON_BLOCKING"}]},
  {"googleSearch":{}},{"codeExecution":{}},{"urlContext":{}}],
 "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["ls","now"],"streamFunctionCallArguments":false},"retrievalConfig":{"languageCode":"en"}},
 "generationConfig":{"temperature":0.5,"topP":0.9,"topK":40,"maxOutputTokens":100,"stopSequences":["x","y"],"candidateCount":2,"seed":-3,
  "presencePenalty":0.1,"frequencyPenalty":-0.1,"responseLogprobs":true,"logprobs":3,"responseMimeType":"application/json",
  "responseSchema":{"type":"ARRAY","items":{"type":"STRING"},"maxItems":"3"},"responseModalities":["TEXT","IMAGE"],
  "thinkingConfig":{"includeThoughts":true,"thinkingBudget":-1},"mediaResolution":"MEDIA_RESOLUTION_LOW","speechConfig":{"languageCode":"en-US"}},
 "safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_NONE"}],"cachedContent":"cachedContents/1","labels":{"k":"v"},
 "serviceTier":"flex","store":false}"#;

#[test]
fn full_request_comes_back_as_it_was() {
    let request = request(FULL_REQUEST);
    golden("gemini_request_canonical", &pretty(&request));
    assert_eq!(body(&request), json(FULL_REQUEST));
    let (bytes, _) = encode_request(GEMINI, &request, &RequestOptions::default()).expect("encodes");
    let text = String::from_utf8(bytes).expect("utf-8");
    assert!(text.contains(r#""args":{"p": 1.50}"#), "arguments keep their spelling");
    assert!(text.contains(r#""maximum":1.50"#), "schemas keep their spelling");
}

#[test]
fn canonical_wire_form_keeps_all() {
    let request = request(FULL_REQUEST);
    let (bytes, _) = encode_request(Dialect::Lip, &request, &RequestOptions::default()).expect("encodes");
    let (back, _) = decode_request(Dialect::Lip, &bytes, &UrlParts::default()).expect("decodes");
    assert_eq!(back, request);
}

/// The API's own examples and protobuf clients: single objects for lists, snake_case, no roles, a string as instruction.
#[test]
fn other_spellings_mean_the_same() {
    let snake = r#"{"system_instruction":"s","contents":{"parts":{"text":"a"}},"safety_settings":[],"cached_content":"c",
        "tools":{"function_declarations":{"name":"f","parameters_json_schema":{"type":"object"}}},
        "tool_config":{"function_calling_config":{"mode":"any","allowed_function_names":["f"]}},
        "generation_config":{"max_output_tokens":5.0,"stop_sequences":["x"],"thinking_config":{"include_thoughts":true,"thinking_level":"low"},"media_resolution":"M"}}"#;
    let camel = r#"{"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"text":"a"}]}],"safetySettings":[],"cachedContent":"c",
        "tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":{"type":"object"}}]}],
        "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},
        "generationConfig":{"maxOutputTokens":5,"stopSequences":["x"],"thinkingConfig":{"includeThoughts":true,"thinkingLevel":"LOW"},"mediaResolution":"M"}}"#;
    assert_eq!(request(snake), request(camel));
    assert_eq!(body(&request(snake)), json(camel));
    let part = |part: &str| request(&format!(r#"{{"contents":[{{"parts":[{part}]}}]}}"#)).turns;
    for (snake, camel) in [
        (
            r#"{"inline_data":{"mime_type":"a/b","data":"QQ=="},"thought_signature":"s"}"#,
            r#"{"inlineData":{"mimeType":"a/b","data":"QQ=="},"thoughtSignature":"s"}"#,
        ),
        (
            r#"{"file_data":{"file_uri":"u"},"video_metadata":{"fps":1}}"#,
            r#"{"fileData":{"fileUri":"u"},"videoMetadata":{"fps":1}}"#,
        ),
        (r#"{"function_call":{"name":"f","args":{}}}"#, r#"{"functionCall":{"name":"f","args":{}}}"#),
        (
            r#"{"function_response":{"name":"f","response":{},"will_continue":true}}"#,
            r#"{"functionResponse":{"name":"f","response":{},"willContinue":true}}"#,
        ),
        (r#"{"executable_code":{"code":"1"}}"#, r#"{"executableCode":{"code":"1"}}"#),
    ] {
        assert_eq!(part(snake), part(camel));
    }
}

#[test]
fn wrong_fields_are_named_by_path() {
    let cases = [
        (r#"{"contents":[{"role":"boss","parts":[]}]}"#, r#"contents[0].role: unknown value "boss""#),
        (
            r#"{"contents":[{"parts":[{"functionCall":{"args":{}}}]}]}"#,
            "contents[0].parts[0].functionCall.name: required field is missing",
        ),
        (
            r#"{"contents":[{"parts":[{"text":"a","inlineData":{"data":"QQ=="}}]}]}"#,
            "contents[0].parts[0].text: a part holds one kind of data only",
        ),
        (r"{}", "contents: required field is missing"),
        (r#"{"contents":[{"parts":[{"text":7}]}]}"#, "contents[0].parts[0].text: invalid type: integer `7`"),
        (
            r#"{"contents":[],"generationConfig":{"temperature":"hot"}}"#,
            r#"generationConfig.temperature: invalid type: string "hot""#,
        ),
        (
            r#"{"contents":[],"toolConfig":{"functionCallingConfig":{"mode":"SOME"}}}"#,
            r#"toolConfig.functionCallingConfig.mode: unknown value "SOME""#,
        ),
        (
            r#"{"contents":[],"tools":[{"functionDeclarations":[{}]}]}"#,
            "tools[0].functionDeclarations[0].name: required field is missing",
        ),
        (
            r#"{"contents":[],"systemInstruction":{"parts":[{"text":1}]}}"#,
            "systemInstruction.parts[0].text: invalid type: integer `1`",
        ),
    ];
    for (body, want) in cases {
        let error = decode_request(GEMINI, body.as_bytes(), &URL).expect_err(body).to_string();
        assert!(error.starts_with(want), "{body}\n got {error}\nwant {want}");
    }
    let error = decode_request(GEMINI, br#"{"contents":[]}"#, &UrlParts::default()).expect_err("no model");
    assert_eq!(error.to_string(), "model: required field is missing");
    let body = br#"{"model":"models/m","contents":[]}"#;
    let (request, _) = decode_request(GEMINI, body, &UrlParts::default()).expect("decodes");
    assert_eq!(request.model, "m");
}

#[test]
fn every_calling_mode_comes_back() {
    for (config, want) in [
        (r#"{"mode":"AUTO"}"#, "auto"),
        (r#"{"mode":"NONE"}"#, "none"),
        (r#"{"mode":"ANY"}"#, "required"),
        (r#"{"mode":"ANY","allowedFunctionNames":["f"]}"#, "named"),
        (r#"{"mode":"ANY","allowedFunctionNames":["f","g"]}"#, "allowed"),
        (r#"{"mode":"VALIDATED","allowedFunctionNames":["f"]}"#, "allowed"),
        (r#"{"mode":"VALIDATED"}"#, "native"),
        (r#"{"mode":"AUTO","allowedFunctionNames":["f"]}"#, "native"),
    ] {
        let text = format!(r#"{{"contents":[],"toolConfig":{{"functionCallingConfig":{config}}}}}"#);
        let request = request(&text);
        let kind = match request.tool_choice {
            Some(ToolChoice::Auto) => "auto",
            Some(ToolChoice::None) => "none",
            Some(ToolChoice::Required) => "required",
            Some(ToolChoice::Named(_)) => "named",
            Some(ToolChoice::Allowed { .. }) => "allowed",
            Some(ToolChoice::Native(_)) => "native",
            None => "absent",
        };
        assert_eq!((kind, body(&request)), (want, json(&text)));
    }
}

const FULL_REPLY: &str = r#"{"candidates":[
 {"content":{"role":"model","parts":[{"text":"hm","thought":true},{"text":"hi"},{"inlineData":{"mimeType":"image/png","data":"QUJD"}},
   {"executableCode":{"language":"PYTHON","code":"1"}},{"functionCall":{"id":"a","name":"ls","args":{"p":1}},"thoughtSignature":"c2ln"}]},
  "finishReason":"STOP","finishMessage":"done","index":0,"safetyRatings":[{"category":"HARM_CATEGORY_HARASSMENT","probability":"NEGLIGIBLE"}],"avgLogprobs":-0.1,"tokenCount":4,
  "citationMetadata":{"citations":[{"startIndex":0,"endIndex":2,"uri":"https://e.x/c"}]},
  "groundingMetadata":{"webSearchQueries":["q"],"groundingChunks":[{"web":{"uri":"https://e.x","title":"t"}}],"groundingSupports":[{"segment":{"endIndex":2,"text":"hi"},"groundingChunkIndices":[0]}]},
  "logprobsResult":{"topCandidates":[{"candidates":[{"token":"hi","logProbability":-0.5},{"token":"ho","logProbability":-1.5}]}],"chosenCandidates":[{"token":"hi","logProbability":-0.5}],"logProbabilitySum":-0.5}},
 {"content":{"role":"model","parts":[{"text":"x"}]},"finishReason":"RECITATION","index":1}],
 "promptFeedback":{"safetyRatings":[]},
 "usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":4,"thoughtsTokenCount":5,"cachedContentTokenCount":2,"toolUsePromptTokenCount":3,"totalTokenCount":21,
  "promptTokensDetails":[{"modality":"TEXT","tokenCount":7},{"modality":"IMAGE","tokenCount":2}],"trafficType":"ON_DEMAND"},
 "modelVersion":"gemini-x","responseId":"resp","createTime":"2026-03-01T12:30:05.123456Z","modelStatus":{"modelStage":"STABLE"}}"#;

#[test]
fn full_reply_comes_back_as_it_was() {
    let (reply, losses) = decode_reply(GEMINI, FULL_REPLY.as_bytes()).expect("decodes");
    assert!(losses.is_empty(), "{losses:?}");
    golden("gemini_reply_canonical", &pretty(&reply));
    let (bytes, losses) = encode_reply(GEMINI, &reply, &ctx()).expect("encodes");
    assert!(losses.is_empty(), "{losses:?}");
    assert_eq!(serde_json::from_slice::<Value>(&bytes).expect("is json"), json(FULL_REPLY));
}

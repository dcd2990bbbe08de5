//! Requests.
use lip_wire::{
    canon::Content,
    codec::{RequestOptions, UrlParts, decode_request, encode_request},
};
use serde_json::Value;

use crate::{ANTHROPIC, body, golden, json, pretty, request};

const FULL_REQUEST: &str = r#"{"model":"claude-x","max_tokens":100,
 "system":[{"type":"text","text":"be terse","cache_control":{"type":"ephemeral","ttl":"1h"}},{"type":"text","text":"b"}],
 "messages":[
 {"role":"user","content":[{"type":"text","text":"look","cache_control":{"type":"ephemeral"}},
  {"type":"image","source":{"type":"base64","media_type":"image/png","data":"QUJD"},"transformations":{"resize":"none"}},
  {"type":"image","source":{"type":"url","url":"https://e.x/i.png"}},
  {"type":"image","source":{"type":"file","file_id":"file_1"}},
  {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"QUJD"},"title":"a.pdf","context":"c","citations":{"enabled":true}},
  {"type":"document","source":{"type":"text","media_type":"text/plain","data":"words"}},
  {"type":"document","source":{"type":"content","content":[{"type":"text","text":"chunk"}]},"title":"t"},
  {"type":"search_result","source":"https://e.x/s","title":"s","content":[{"type":"text","text":"found"}],"citations":{"enabled":true}}]},
 {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"SIG"},{"type":"redacted_thinking","data":"RED"},
  {"type":"text","text":"cited","citations":[{"type":"char_location","cited_text":"w","document_index":0,"document_title":"a.pdf","start_char_index":1,"end_char_index":2}]},
  {"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"q"}},
  {"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[{"type":"web_search_result","url":"https://e.x","title":"t","encrypted_content":"E","page_age":null}]},
  {"type":"mcp_tool_use","id":"mcptoolu_1","name":"m","server_name":"srv","input":{}},
  {"type":"mcp_tool_result","tool_use_id":"mcptoolu_1","is_error":false,"content":[{"type":"text","text":"ok"}]},
  {"type":"tool_use","id":"toolu_a","name":"ls","input":{"p": 1.50}},
  {"type":"tool_use","id":"toolu_b","name":"cat","input":{},"cache_control":{"type":"ephemeral","ttl":"5m"},"caller":{"type":"direct"}}]},
 {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_a","content":"a.txt"},
  {"type":"tool_result","tool_use_id":"toolu_b","is_error":true,"content":[{"type":"text","text":"no"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"QUJD"}},{"type":"tool_reference","tool_name":"x"}]},
  {"type":"tool_result","tool_use_id":"toolu_c"},
  {"type":"container_upload","file_id":"file_2"}]},
 {"role":"system","content":"from now on: shorter"},
 {"role":"user","content":"and?"},
 {"role":"assistant","content":"Well, "}],
 "tools":[{"name":"ls","description":"list","input_schema":{"type":"object","properties":{"p":{"type":"number","maximum":1.50}}},"strict":true,"cache_control":{"type":"ephemeral"},"defer_loading":true},
  {"type":"web_search_20250305","name":"web_search","max_uses":3},{"type":"mcp_toolset","mcp_server_name":"srv"}],
 "tool_choice":{"type":"tool","name":"ls","disable_parallel_tool_use":true},
 "thinking":{"type":"enabled","budget_tokens":2048,"display":"omitted"},
 "output_config":{"effort":"high","format":{"type":"json_schema","schema":{"type":"object"}},"task_budget":{"type":"tokens","total":9}},
 "metadata":{"user_id":"{\"device_id\":\"0\"}"},"service_tier":"standard_only","stop_sequences":["x","\n"],"temperature":1,"top_k":5,"top_p":0.9,"stream":true,
 "cache_control":{"type":"ephemeral"},"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},
 "mcp_servers":[{"type":"url","name":"srv","url":"https://e.x/mcp"}],"container":{"skills":[]}}"#;

#[test]
fn full_request_comes_back_as_it_was() {
    let request = request(FULL_REQUEST);
    golden("anthropic_request_canonical", &pretty(&request));
    assert_eq!(sorted(body(&request)), sorted(json(FULL_REQUEST)));
}

/// `1` and `1.0` are one number.
fn sorted(mut value: Value) -> Value {
    if let Some(temperature) = value["temperature"].as_f64() {
        value["temperature"] = temperature.into();
    }
    value
}

#[test]
fn json_text_of_the_client_survives() {
    let (bytes, _) =
        encode_request(ANTHROPIC, &request(FULL_REQUEST), &RequestOptions::default()).expect("encodes");
    let text = String::from_utf8(bytes).expect("utf-8");
    assert!(text.contains(r#""maximum":1.50"#), "number spelling of a schema");
    assert!(text.contains(r#""input":{"p": 1.50}"#), "spelling of an input");
}

#[test]
fn other_spellings_keep_their_meaning() {
    let cases = [
        r#"{"thinking":{"type":"adaptive","display":"summarized"}}"#,
        r#"{"thinking":{"type":"disabled"}}"#,
        r#"{"thinking":{"type":"between_tools"}}"#,
        r#"{"output_config":{"effort":"max"}}"#,
        r#"{"output_format":{"type":"json_schema","schema":{"type":"object"}}}"#,
        r#"{"tool_choice":{"type":"auto"}}"#,
        r#"{"tool_choice":{"type":"any","disable_parallel_tool_use":false}}"#,
        r#"{"tool_choice":{"type":"none"}}"#,
        r#"{"tool_choice":{"type":"newer","x":1}}"#,
        r#"{"metadata":{"user_id":"u","project":"p"}}"#,
        r#"{"system":"s"}"#,
        r#"{"stop_sequences":[" "]}"#,
        r#"{"temperature":0.25,"thinking":{"type":"enabled","budget_tokens":9000}}"#,
    ];
    for case in cases {
        let mut wanted = json(case);
        wanted["model"] = "m".into();
        wanted["max_tokens"] = 9.into();
        wanted["messages"] = json(r#"[{"role":"user","content":"x"}]"#);
        assert_eq!(body(&request(&wanted.to_string())), wanted, "{case}");
    }
}

/// Restated from requests of real clients (Claude Code, opencode, LiteLLM).
#[test]
fn requests_of_real_clients_come_back() {
    let claude_code = r#"{"model":"claude-sonnet-4-5","messages":[
      {"role":"user","content":[{"type":"text","text":"<system-reminder>\nctx\n</system-reminder>"},{"type":"text","text":"run it"}]},
      {"role":"assistant","content":[{"type":"redacted_thinking","data":"b3BhcXVl"},{"type":"thinking","thinking":"I should run it.","signature":"c2ln"},{"type":"text","text":"I will."},
       {"type":"tool_use","id":"toolu_1","name":"Bash","input":{"command":"echo x","description":"say x"}}]},
      {"role":"user","content":[{"tool_use_id":"toolu_1","type":"tool_result","content":"x\n","is_error":false,"cache_control":{"type":"ephemeral"}}]}],
      "system":[{"type":"text","text":"x-anthropic-billing-header: cc_version=2; cc_entrypoint=sdk-cli;"},{"type":"text","text":"You help.","cache_control":{"type":"ephemeral"}}],
      "tools":[{"name":"Bash","description":"run","input_schema":{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"command":{"type":"string"}},"required":["command"],"additionalProperties":false}}],
      "metadata":{"user_id":"{\"device_id\":\"0\",\"account_uuid\":\"\",\"session_id\":\"s\"}"},"max_tokens":32000,
      "thinking":{"budget_tokens":31999,"type":"enabled","display":"omitted"},
      "context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},"stream":true}"#;
    let opencode = r#"{"model":"m","max_tokens":8192,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],
      "messages":[{"role":"user","content":[{"type":"text","text":"go","cache_control":{"type":"ephemeral"}}]},
       {"role":"assistant","content":[{"type":"tool_use","id":"call_1","name":"bash","input":{"command":"x"},"cache_control":{"type":"ephemeral"}}]},
       {"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1","content":"x\n","cache_control":{"type":"ephemeral"}}]}],
      "tools":[{"name":"bash","description":"d","input_schema":{"type":"object","properties":{"timeout":{"minimum":-9007199254740991,"exclusiveMinimum":0,"type":"integer"}}}}],
      "tool_choice":{"type":"auto"},"stream":true}"#;
    for client in [claude_code, opencode] {
        assert_eq!(body(&request(client)), json(client));
    }
    let count_tokens = request(r#"{"model":"m","messages":[{"role":"user","content":"foo"}],"tools":[]}"#);
    assert_eq!(count_tokens.sampling.max_output_tokens, None);
}

#[test]
fn wrong_fields_are_named_by_path() {
    let message =
        |content: &str| format!(r#"{{"model":"m","messages":[{{"role":"user","content":{content}}}]}}"#);
    let cases = [
        (message(r#"[{"text":"x"}]"#), "messages[0].content[0].type: required field is missing"),
        (message(r#"[{"type":"text","text":7}]"#), "messages[0].content[0].text: invalid type"),
        (message(r#"[{"type":"tool_use","name":"x"}]"#), "messages[0].content[0].id: required"),
        (
            message(
                r#"[{"type":"tool_result","tool_use_id":"a","content":[{"type":"image","source":{"type":"x"}}]}]"#,
            ),
            r#"messages[0].content[0].content[0].source.type: unknown value "x""#,
        ),
        (
            message(r#"[{"type":"image","source":{"type":"base64","media_type":"image/png"}}]"#),
            "messages[0].content[0].source.data: required",
        ),
        (message("7"), "messages[0].content: invalid type: integer `7`"),
        (
            r#"{"model":"m","messages":[{"role":"boss","content":""}]}"#.to_owned(),
            r#"messages[0].role: unknown value "boss""#,
        ),
        (r#"{"messages":[]}"#.to_owned(), "model: required field is missing"),
        (r#"{"model":"m"}"#.to_owned(), "messages: required field is missing"),
        (
            r#"{"model":"m","messages":[],"tools":[{"name":"a"}]}"#.to_owned(),
            "tools[0].input_schema: required field is missing",
        ),
        (
            r#"{"model":"m","messages":[],"tool_choice":{"type":"tool"}}"#.to_owned(),
            "tool_choice.name: required field is missing",
        ),
        (
            r#"{"model":"m","messages":[],"system":[{"type":"text"}]}"#.to_owned(),
            "system[0].text: required field is missing",
        ),
        (
            r#"{"model":"m","messages":[],"output_config":{"format":{"type":"json_schema"}}}"#.to_owned(),
            "output_config.format.schema: required field is missing",
        ),
    ];
    for (body, want) in cases {
        let error =
            decode_request(ANTHROPIC, body.as_bytes(), &UrlParts::default()).expect_err(&body).to_string();
        assert!(error.starts_with(want), "{body}\n got {error}\nwant {want}");
    }
}

#[test]
fn blocks_of_newer_kinds_may_use_known_names_otherwise() {
    let block = r#"{"type":"newer","text":{"a":1},"name":7}"#;
    let wanted = format!(
        r#"{{"model":"m","max_tokens":1,"messages":[{{"role":"user","content":[{block},{{"type":"text","text":"x"}}]}}]}}"#
    );
    let request = request(&wanted);
    assert!(matches!(request.turns[0].parts[0].content, Content::Native(_)));
    assert_eq!(body(&request), json(&wanted));
}

#[test]
fn thinking_without_a_signature_never_goes_upstream() {
    let turn = r#"{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":""},{"type":"text","text":"a"}]}"#;
    let only = r#"{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":""}]}"#;
    let request = request(&format!(
        r#"{{"model":"m","max_tokens":1,"messages":[{{"role":"user","content":"q"}},{turn},{only}]}}"#
    ));
    let (bytes, losses) = encode_request(ANTHROPIC, &request, &RequestOptions::default()).expect("encodes");
    let value: Value = serde_json::from_slice(&bytes).expect("is json");
    assert_eq!(
        value["messages"],
        json(r#"[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]"#)
    );
    let paths: Vec<&str> = losses.iter().map(|loss| loss.path.as_str()).collect();
    assert_eq!(paths, ["turns[1].parts[0]", "turns[2].parts[0]"]);
}

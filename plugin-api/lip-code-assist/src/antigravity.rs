//! Antigravity's envelope, and what its models want otherwise than Gemini's own API does.
use crate::envelope::{self, Label};
use crate::schema;
use lip_plugin::{Buf, Error, Object, Result, Value, json};
use lip_wire::lens::{Lens, Role};
use sha2::{Digest, Sha256};

/// What a request must not have, or has elsewhere.
const GONE: [&str; 6] =
    ["model", "safetySettings", "safety_settings", "session_id", "sessionId", "generateContentRequest"];

/// The envelope.
///
/// # Errors
/// `bad_request` when the body is no Gemini request.
pub(crate) fn wrapped(body: &Buf, label: Label<'_>) -> Result<Vec<u8>> {
    let mut head = json!({
        "project": label.project, "requestId": format!("agent-{}", uuid(label.id)), "model": label.model,
        "userAgent": "antigravity", "requestType": "agent",
    });
    if let (Value::Object(head), false) = (&mut head, label.credits.is_empty()) {
        head.insert("enabledCreditTypes".to_owned(), json!(label.credits));
    }
    let mut out = head.to_string().trim_end_matches('}').to_owned() + ",\"request\":";
    out.push_str(&request(body, label.model)?);
    out.push('}');
    Ok(out.into_bytes())
}

/// What counts tokens: the envelope without project, model and safety settings.
///
/// # Errors
/// As [`wrapped`].
pub(crate) fn counted(body: &Buf, model: &str) -> Result<Vec<u8>> {
    Ok(format!("{{\"request\":{}}}", request(body, model)?).into_bytes())
}

/// The request with what these models want otherwise; contents stay as they are.
fn request(body: &Buf, model: &str) -> Result<String> {
    let lens = envelope::scan(body)?;
    let no_object = || Error::bad_request("the request is no object");
    let text = std::str::from_utf8(body).map_err(Error::bad_request)?;
    let mut object = Object::read(text).ok_or_else(no_object)?;
    object.retain(|key| !GONE.contains(&key));
    let tools = object.get("tools").map(serde_json::from_str::<Value>).transpose()?;
    let tools = tools.filter(|tools| !tools.is_null() && *tools != json!([]));
    let is_claude = model.contains("claude");
    if is_claude && tools.is_some() {
        object.rename("tool_config", "toolConfig");
        let config = object.get("toolConfig").and_then(|raw| serde_json::from_str(raw).ok());
        object.set("toolConfig", validated(config.unwrap_or_default()).to_string());
    }
    if let Some(mut tools) = tools {
        declare(&mut tools);
        object.set("tools", tools.to_string());
    }
    if !is_claude {
        for key in ["generationConfig", "generation_config"] {
            if let Some(config) = object.get(key).and_then(unlimited) {
                object.set(key, config);
            }
        }
    }
    object.set("sessionId", Value::from(session_id(&lens)).to_string());
    object.write().ok_or_else(no_object)
}

/// A configuration without a limit of output: the models' own holds, and a client's is refused. None if there is none.
fn unlimited(config: &str) -> Option<String> {
    let mut config = Object::read(config)?;
    config.retain(|key| !["maxOutputTokens", "max_output_tokens"].contains(&key));
    config.write()
}

/// Claude's calls are made by declared tools only.
fn validated(mut config: Value) -> Value {
    if config.pointer("/functionCallingConfig/mode") == Some(&json!("NONE")) {
        return config;
    }
    if !config.is_object() {
        config = json!({});
    }
    if !config.get("functionCallingConfig").is_some_and(Value::is_object) {
        config["functionCallingConfig"] = json!({});
    }
    config["functionCallingConfig"]["mode"] = "VALIDATED".into();
    config
}

/// Tools have `parameters`, in the subset that the models take.
fn declare(tools: &mut Value) {
    let list = match tools {
        Value::Array(list) => list.iter_mut(),
        one => std::slice::from_mut(one).iter_mut(),
    };
    for tool in list {
        for key in ["functionDeclarations", "function_declarations"] {
            let declarations = tool.get_mut(key).and_then(Value::as_array_mut);
            for declaration in declarations.into_iter().flatten().filter_map(Value::as_object_mut) {
                let renamed = ["parametersJsonSchema", "parameters_json_schema"];
                let renamed = renamed.iter().filter_map(|key| declaration.remove(*key)).next_back();
                if let Some(parameters) = renamed.or_else(|| declaration.remove("parameters")) {
                    declaration.insert("parameters".to_owned(), schema::subset(parameters));
                }
            }
        }
    }
}

/// A number that follows from the conversation's first words, so that it is the same in each of its requests.
fn session_id(lens: &Lens) -> String {
    let first =
        lens.messages().iter().position(|message| message.role == Role::User).map(|at| lens.user_text(at));
    let text = first.and_then(|text| text.parts.into_iter().next()).map(|part| part.text.into_owned());
    let digest = Sha256::digest(text.unwrap_or_default().as_bytes());
    let bytes = digest.first_chunk::<8>().copied().unwrap_or_default();
    format!("-{}", u64::from_be_bytes(bytes) & (u64::MAX >> 1))
}

/// `bits` as a UUID of version 4 (RFC 9562).
fn uuid(bits: u128) -> String {
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(model: &str, body: &'static str, want: Value) {
        let label = Label { model, project: "p", id: 7, session: "s", credits: &[] };
        let json: Value =
            serde_json::from_slice(&wrapped(&body.into(), label).expect("an envelope")).expect("JSON");
        assert_eq!(json["request"], want, "{body}");
        assert_eq!((&json["project"], &json["model"]), (&json!("p"), &json!(model)));
        assert_eq!(json["requestId"], "agent-00000000-0000-4000-8000-000000000007");
    }

    const HELLO: &str = "-3238736544897475342";

    #[test]
    fn gemini_loses_its_limit_and_claude_keeps_it() {
        let body = r#"{"contents":[{"parts":[{"text":"hello"}]}],"generationConfig":{"maxOutputTokens":9,"topP":1},"safetySettings":[]}"#;
        let contents = json!([{"parts": [{"text": "hello"}]}]);
        let of =
            |config: Value| json!({"contents": contents, "generationConfig": config, "sessionId": HELLO});
        check("gemini-3-flash", body, of(json!({"topP": 1})));
        check("claude-sonnet-4-6", body, of(json!({"topP": 1, "maxOutputTokens": 9})));
    }

    #[test]
    fn claude_calls_declared_tools_only() {
        let body = r#"{"contents":[{"parts":[{"text":"hello"}]}],"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":{"type":"object","$schema":"x"}}]}],"toolConfig":{"functionCallingConfig":{"mode":"AUTO"}}}"#;
        let tools = json!([{"functionDeclarations": [{"name": "f", "parameters": {"type": "object"}}]}]);
        let of = |mode: &str| {
            json!({"contents": [{"parts": [{"text": "hello"}]}], "tools": tools, "sessionId": HELLO,
                "toolConfig": {"functionCallingConfig": {"mode": mode}}})
        };
        check("claude-sonnet-4-6", body, of("VALIDATED"));
        check("gemini-3-flash", body, of("AUTO"));
    }

    #[test]
    fn contents_stay_as_they_are() {
        let body = r#"{"contents": [ {"parts":[{"z":1.50,"a":"\u00e9"}]} ]}"#;
        let text = counted(&body.into(), "m").expect("a request");
        let text = String::from_utf8(text).expect("text");
        assert!(text.contains(r#""contents": [ {"parts":[{"z":1.50,"a":"\u00e9"}]} ]"#), "{text}");
    }

    #[test]
    fn odd_bodies_are_survived() {
        for body in [
            r#"{"tools":{},"toolConfig":7}"#,
            r#"{"tools":[null,{"functionDeclarations":[1]}],"toolConfig":{"functionCallingConfig":null}}"#,
            r#"{"generationConfig":null}"#,
        ] {
            let label = Label { model: "claude-x", project: "p", id: 7, session: "s", credits: &[] };
            assert!(wrapped(&body.into(), label).is_ok(), "{body}");
        }
        assert!(counted(&"[]".into(), "m").is_err());
    }

    #[test]
    fn uuids_have_their_version() {
        let uuid = uuid(u128::MAX);
        assert_eq!(uuid, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}

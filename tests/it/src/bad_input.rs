//! Bodies that are no requests, on every frontend, where they would pass and where they would be translated: an error of the
//! client's dialect with the path of what is wrong, and nothing goes upstream.
use stage::{Answer, Call, Lip, Reply, Upstream};

const FRONTENDS: [Frontend; 4] = [
    Frontend { name: "chat", route: "/v1/chat/completions", backend: "openai", list: "messages" },
    Frontend { name: "responses", route: "/v1/responses", backend: "openai-responses", list: "input" },
    Frontend { name: "anthropic", route: "/v1/messages", backend: "anthropic", list: "messages" },
    Frontend {
        name: "gemini",
        route: "/v1beta/models/MODEL:generateContent",
        backend: "gemini",
        list: "contents",
    },
];

struct Frontend {
    name: &'static str,
    route: &'static str,
    /// The backend that speaks its dialect.
    backend: &'static str,
    /// The field that holds the conversation.
    list: &'static str,
}

impl Frontend {
    fn call(&self, backend: &str, body: impl AsRef<[u8]>) -> Call {
        Call::post(&self.route.replace("MODEL", &format!("{backend}:m")), body)
            .header("anthropic-version", "2023-06-01")
    }

    /// A body of this frontend with these further fields.
    fn body(&self, backend: &str, more: &str) -> String {
        format!(r#"{{"model":"{backend}:m","max_tokens":9,{more}}}"#)
    }

    fn turn(&self) -> &'static str {
        match self.name {
            "chat" | "anthropic" => r#""messages":[{"role":"user","content":"hi"}]"#,
            "responses" => r#""input":[{"role":"user","content":"hi"}]"#,
            _ => r#""contents":[{"role":"user","parts":[{"text":"hi"}]}]"#,
        }
    }

    /// Where the text of [`Self::turn`] stands.
    fn text_path(&self) -> &'static str {
        match self.name {
            "chat" | "anthropic" => "messages[0].content",
            "responses" => "input[0].content",
            _ => "contents[0].parts[0].text",
        }
    }

    /// Every other dialect's backend.
    fn foreign(&self) -> impl Iterator<Item = &'static str> {
        FRONTENDS.iter().map(|other| other.backend).filter(move |backend| *backend != self.backend)
    }

    /// The error is one of this dialect, and names `path` where the dialect has a place for it.
    fn check(&self, answer: &Answer, path: &str, what: &str) {
        let (body, text) = (answer.json(), answer.text());
        let error = &body["error"];
        assert_eq!(answer.status, 400, "{} {what}: {text}", self.name);
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains(path), "{} {what}: no {path} in {text}", self.name);
        match self.name {
            "anthropic" => {
                assert_eq!(body["type"], "error", "{what}: {text}");
                assert_eq!(error["type"], "invalid_request_error", "{what}: {text}");
            }
            "gemini" => {
                assert_eq!(error["code"], 400, "{what}: {text}");
                assert_eq!(error["status"], "INVALID_ARGUMENT", "{what}: {text}");
            }
            _ => {
                assert_eq!(error["type"], "invalid_request_error", "{what}: {text}");
                assert_eq!(error["param"], path, "{what}: {text}");
            }
        }
    }
}

async fn started() -> (Lip, Upstream) {
    started_with("").await
}

async fn started_with(limits: &str) -> (Lip, Upstream) {
    let upstream = Upstream::always(Reply::json(200, "{}")).await;
    let url = upstream.url();
    let origin = url.strip_suffix("/v1").unwrap_or(&url);
    let config = FRONTENDS
        .iter()
        .map(|frontend| {
            let (name, version) = (frontend.backend, if frontend.name == "gemini" { "" } else { "/v1" });
            format!(
                "[backends.{name}]\ntype = \"{name}\"\napi_key = \"k\"\napi_url = \"{origin}{version}\"\n"
            )
        })
        .collect::<String>();
    (Lip::builder().config_toml(&format!("{limits}{config}")).start().await, upstream)
}

/// What is wrong with a body whichever way it goes: further fields, and the path.
fn wrong_anywhere(frontend: &Frontend) -> Vec<(String, String)> {
    let list = frontend.list;
    let text = if frontend.name == "gemini" { "parts" } else { "content" };
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let (part, (hot, hot_path)) = match frontend.name {
        "gemini" => (
            r#"{"text":"hi"}"#,
            (r#""generationConfig":{"temperature":[1]}"#, "generationConfig.temperature"),
        ),
        _ => (r#"{"type":"text","text":"hi"}"#, (r#""temperature":[1]"#, "temperature")),
    };
    vec![
        (format!(r#""{list}":[{{"role":"user","{text}":NaN}}]"#), format!("{list}[0].{text}")),
        (format!(r#""{list}":[{{"role":"user","{text}":}}]"#), format!("{list}[0].{text}")),
        (format!(r#""{list}":[{{"role":"user","{text}":"\x"}}]"#), format!("{list}[0].{text}")),
        (format!(r#"{},"temperature":Infinity"#, frontend.turn()), "temperature".to_owned()),
        (format!(r#"{},"x":{deep}"#, frontend.turn()), "x[0][0]".to_owned()),
        (format!(r#""{list}":7"#), list.to_owned()),
        (format!(r#""{list}":[{{"role":7}}]"#), format!("{list}[0].role")),
        (format!(r#""{list}":[{{"role":"user","{text}":7}}]"#), format!("{list}[0].{text}")),
        (format!(r#""{list}":[{{"role":"user","{text}":[{part},7]}}]"#), format!("{list}[0].{text}[1]")),
        (format!(r#"{},"tools":"all""#, frontend.turn()), "tools".to_owned()),
        (format!("{},{hot}", frontend.turn()), hot_path.to_owned()),
    ]
}

#[tokio::test]
async fn bad_bodies_are_refused_wherever_they_would_go() {
    let (lip, upstream) = started().await;
    for frontend in &FRONTENDS {
        for backend in std::iter::once(frontend.backend).chain(frontend.foreign()) {
            for (more, path) in wrong_anywhere(frontend) {
                let answer = lip.send(frontend.call(backend, frontend.body(backend, &more))).await;
                if path.ends_with("[0][0]") {
                    // Deep paths are cut; how much is shown is no promise.
                    assert!(answer.status == 400 && answer.text().contains(&path), "{}", answer.text());
                } else {
                    frontend.check(&answer, &path, &more);
                }
            }
            if frontend.name != "responses" {
                // Responses may be asked by the name of a stored prompt.
                let answer = lip.send(frontend.call(backend, frontend.body(backend, r#""x":1"#))).await;
                frontend.check(&answer, frontend.list, "nothing to answer");
            }
            let mut latin = frontend.body(backend, frontend.turn()).into_bytes();
            let at = latin.windows(2).position(|two| two == b"hi").expect("its text");
            latin[at] = 0xff;
            let answer = lip.send(frontend.call(backend, &latin)).await;
            frontend.check(&answer, frontend.text_path(), "no UTF-8");
        }
    }
    assert!(upstream.requests().is_empty());
}

/// What only a translation reads: further fields, and the path.
fn wrong_in_translation(frontend: &Frontend) -> &'static [(&'static str, &'static str)] {
    match frontend.name {
        "chat" => &[
            (r#""messages":[{"role":"user"}]"#, "messages[0].content"),
            (r#""messages":[{"role":"user","content":[{"type":"text"}]}]"#, "messages[0].content[0].text"),
            (r#""messages":[{"role":"pilot","content":"x"}]"#, "messages[0].role"),
            (r#""messages":[{"role":"tool","content":"x"}]"#, "messages[0].tool_call_id"),
            (r#""messages":[],"temperature":"hot""#, "temperature"),
            (r#""messages":[],"tools":{}"#, "tools"),
            (r#""messages":[],"tools":[{"type":"function","function":{}}]"#, "tools[0].function.name"),
        ],
        "responses" => &[
            (r#""x":1"#, "input"),
            (r#""input":[{"role":"user","content":[{"type":"input_text"}]}]"#, "input[0].content[0].text"),
            (r#""input":[{"type":"function_call_output","output":"x"}]"#, "input[0].call_id"),
            (r#""input":[{"type":"function_call","call_id":"a","arguments":"{}"}]"#, "input[0].name"),
            (r#""input":"hi","temperature":"hot""#, "temperature"),
            (r#""input":"hi","tools":[{"type":"function"}]"#, "tools[0].name"),
        ],
        "anthropic" => &[
            (r#""messages":[{"role":"user","content":[{"type":"text"}]}]"#, "messages[0].content[0].text"),
            (
                r#""messages":[{"role":"user","content":[{"type":"tool_result","content":"x"}]}]"#,
                "messages[0].content[0].tool_use_id",
            ),
            (r#""messages":[],"temperature":"hot""#, "temperature"),
            (r#""messages":[],"tools":[{"input_schema":{}}]"#, "tools[0].name"),
        ],
        _ => &[
            (r#""contents":[{"role":"user","parts":[{"text":7}]}]"#, "contents[0].parts[0].text"),
            (r#""contents":[{"parts":[{"functionCall":{}}]}]"#, "contents[0].parts[0].functionCall.name"),
            (r#""contents":[],"generationConfig":{"temperature":"hot"}"#, "generationConfig.temperature"),
        ],
    }
}

#[tokio::test]
async fn what_cannot_be_translated_is_named() {
    let (lip, upstream) = started().await;
    for frontend in &FRONTENDS {
        for backend in frontend.foreign() {
            for (more, path) in wrong_in_translation(frontend) {
                let answer = lip.send(frontend.call(backend, frontend.body(backend, more))).await;
                frontend.check(&answer, path, more);
            }
        }
    }
    assert!(upstream.requests().is_empty());
}

/// Shapes beside the common one that some server of the dialect takes: they pass as they came.
#[tokio::test]
async fn what_a_provider_may_take_is_left_to_it() {
    let (lip, upstream) = started().await;
    for frontend in &FRONTENDS {
        let bodies: &[&str] = match frontend.name {
            "chat" => &[
                r#""messages":[{"role":"user","content":["hi",{"type":"text","text":"there"}]}],"temperature":"1""#,
                r#""messages":[{"role":"assistant","content":null}],"stop":null,"tools":null"#,
            ],
            "responses" => {
                &[r#""input":[{"type":"reasoning","summary":[],"content":null}],"instructions":null"#]
            }
            "anthropic" => {
                &[r#""messages":[{"role":"user","content":[{"type":"new","content":7}]}],"system":null"#]
            }
            _ => &[
                r#""system_instruction":{"parts":{"text":"s"}},"contents":{"parts":{"text":"hi"}}"#,
                r#""contents":[{"parts":{"text":"hi"}}],"tools":{"functionDeclarations":{"name":"f"}}"#,
                r#""contents":[{"parts":[{"text":"hi"}]}],"generationConfig":{"stopSequences":"x","topK":"4"}"#,
            ],
        };
        for more in bodies {
            lip.send(frontend.call(frontend.backend, frontend.body(frontend.backend, more))).await;
            let sent = upstream.last();
            let sent = String::from_utf8_lossy(&sent.body).into_owned();
            assert!(sent.ends_with(&format!("{more}}}")), "{}: {more} became {sent}", frontend.name);
        }
    }
}

#[tokio::test]
async fn large_bodies_are_refused_in_every_dialect() {
    let (lip, upstream) = started_with("limits.request_body_bytes = 4096\n").await;
    for frontend in &FRONTENDS {
        let answer = lip.send(frontend.call(frontend.backend, vec![b' '; 4097])).await;
        let (body, text) = (answer.json(), answer.text());
        assert_eq!(answer.status, 413, "{}: {text}", frontend.name);
        let word = match frontend.name {
            "anthropic" => &body["error"]["type"],
            "gemini" => &body["error"]["status"],
            _ => &body["error"]["code"],
        };
        let expected = if frontend.name == "gemini" { "INVALID_ARGUMENT" } else { "request_too_large" };
        assert_eq!(word, expected, "{}: {text}", frontend.name);
    }
    assert!(upstream.requests().is_empty());
}

/// Half a surrogate pair is legal JSON: it goes upstream, as it came or as the replacement character.
#[tokio::test]
async fn half_a_surrogate_pair_goes_upstream() {
    let (lip, upstream) = started().await;
    for frontend in &FRONTENDS {
        for backend in std::iter::once(frontend.backend).chain(frontend.foreign()) {
            let body = frontend.body(backend, frontend.turn()).replace("hi", r"a\ud83d b");
            lip.send(frontend.call(backend, body)).await;
            let sent = upstream.last();
            let sent = String::from_utf8_lossy(&sent.body).into_owned();
            let expected = if backend == frontend.backend { r"a\ud83d b" } else { "a\u{fffd} b" };
            assert!(sent.contains(expected), "{} to {backend}: {sent}", frontend.name);
        }
    }
}

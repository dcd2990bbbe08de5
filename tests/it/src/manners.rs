//! What a manifest says of an upstream's ways, kept by the host: names of models, errors inside good answers, no header against
//! loops, and what an error is to be explained with.
use crate::talk::{Tongue, asked_in, says};
use serde_json::json;
use stage::{Lip, Reply, Upstream};

fn body(model: &str, stream: bool) -> String {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}).to_string()
}

/// The host with these backends, each in front of its upstream.
async fn host(backends: &[(&str, &Upstream)]) -> Lip {
    let table = |(name, upstream): &(&str, &Upstream)| {
        format!(
            "[backends.{name}]\ntype = \"{name}\"\napi_url = \"{}\"\napi_key = \"sk-{name}\"\n",
            upstream.url()
        )
    };
    Lip::builder().config_toml(&backends.iter().map(table).collect::<String>()).start().await
}

async fn speaking() -> Upstream {
    Upstream::by(|request| says(request, "yes")).await
}

#[tokio::test]
async fn prefix_of_a_model_is_taken_off_before_its_dialect_is_chosen() {
    let go = speaking().await;
    let lip = host(&[("opencode-go", &go)]).await;
    for (model, wire, tongue) in [
        ("opencode-go:opencode-go/qwen3.8-max", "qwen3.8-max", Tongue::Anthropic),
        ("opencode-go:qwen3.8-max", "qwen3.8-max", Tongue::Anthropic),
        ("opencode-go:opencode-go/gpt-6-luna", "gpt-6-luna", Tongue::Responses),
        ("opencode-go:opencode-go/minimax-m3.1-flash", "minimax-m3.1-flash", Tongue::Chat),
        ("opencode-go:kimi-k2.7", "kimi-k2.7-code", Tongue::Chat),
    ] {
        let answer = lip.chat(body(model, false)).await;
        assert_eq!(answer.status, 200, "{model}: {}", answer.text());
        let asked = go.last();
        assert_eq!((asked_in(&asked), &asked.json()["model"]), (tongue, &json!(wire)), "{model}");
        assert!(asked.header("x-opencode-session").is_some_and(|session| !session.is_empty()));
        let key = if tongue == Tongue::Anthropic {
            asked.header("x-api-key")
        } else {
            asked.header("authorization")
        };
        assert!(key.is_some_and(|key| key.ends_with("sk-opencode-go")), "{}", asked.head);
    }
}

#[tokio::test]
async fn error_in_a_good_answer_is_an_error() {
    let told = |code: u16| {
        let base = json!({"status_code": code, "status_msg": "told so"});
        json!({"id": "c", "object": "chat.completion", "choices": null, "base_resp": base}).to_string()
    };
    for (code, status) in [(1004, 401), (1002, 429), (1008, 402), (2013, 400), (9, 502)] {
        let frame = format!("data: {}\n\n", told(code));
        for (stream, reply) in [
            (false, Reply::json(200, &told(code))),
            (true, Reply::json(200, &told(code))),
            (true, Reply::events().send(frame).end()),
        ] {
            let (minimax, openai) = (Upstream::always(reply).await, speaking().await);
            let lip = host(&[("minimax", &minimax), ("openai", &openai)]).await;
            let answer = lip.chat(body("minimax:MiniMax-M3", stream)).await;
            assert_eq!(answer.status, status, "{code} {stream}: {}", answer.text());
            assert!(answer.message().contains("told so"), "{}", answer.text());
            if status != 400 {
                let answer = lip.chat(body("minimax:MiniMax-M3|openai:gpt", stream)).await;
                assert!(answer.status == 200 && answer.text().contains("yes"), "{code}: {}", answer.text());
            }
        }
    }
    let good = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "base_resp": {"status_code": 0},
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]});
    let minimax = Upstream::always(Reply::json(200, &good.to_string())).await;
    let answer = host(&[("minimax", &minimax)]).await.chat(body("minimax:MiniMax-M3", false)).await;
    assert_eq!(answer.text(), good.to_string(), "a good answer stays as it came");
}

#[tokio::test]
async fn upstream_that_takes_no_foreign_header_gets_none() {
    let (kimi, zenmux) = (speaking().await, speaking().await);
    let lip = host(&[("kimi-code", &kimi), ("zenmux", &zenmux)]).await;
    for model in ["kimi-code:kimi-for-coding", "zenmux:a/b"] {
        assert_eq!(lip.chat(body(model, false)).await.status, 200, "{model}");
    }
    assert_eq!(kimi.last().header("x-llmproxy-loop-guard"), None);
    assert!(zenmux.last().header("x-llmproxy-loop-guard").is_some());
    assert!(
        kimi.last().header("user-agent").is_some_and(|agent| agent.starts_with("lip/")),
        "an honest name"
    );
}

#[tokio::test]
async fn refused_program_learns_what_helps() {
    let body_403 =
        r#"{"error":{"message":"only available for Coding Agents","type":"access_terminated_error"}}"#;
    let kimi = Upstream::by(move |request| match request.header("user-agent") {
        Some("my-agent/1") => says(request, "yes"),
        _ => Reply::json(403, body_403),
    })
    .await;
    let lip = host(&[("kimi-code", &kimi)]).await;
    for stream in [false, true] {
        let answer = lip.chat(body("kimi-code:kimi-for-coding", stream)).await;
        assert_eq!(answer.status, 403, "{}", answer.text());
        let told = answer.message();
        assert!(
            told.contains("only available for Coding Agents") && told.contains("identity.user_agent"),
            "{told}"
        );
        assert!(told.contains("the client's own User-Agent"), "{told}");
    }
    let table = format!(
        "[backends.kimi-code]\napi_url = \"{}\"\napi_key = \"k\"\n[backends.kimi-code.identity]\nuser_agent = \"my-agent/1\"\n",
        kimi.url()
    );
    let lip = Lip::builder().config_toml(&table).start().await;
    assert_eq!(lip.chat(body("kimi-code:kimi-for-coding", false)).await.status, 200);
}

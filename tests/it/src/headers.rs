//! Which headers pass in which direction.
use crate::talk::says;
use stage::{Call, Lip, Relay, Reply, Upstream};

const CHAT: &str = r#"{"model":"m","messages":[]}"#;
const OK: &str = r#"{"choices":[{"message":{"content":"ok"}}]}"#;

#[tokio::test]
async fn headers_about_limits_survive_and_those_of_the_hop_do_not() {
    let kept = [
        ("Retry-After", "7"),
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-tokens", "149984"),
        ("X-RateLimit-Reset-Tokens", "6m0s"),
        ("x-request-id", "req_abc"),
        ("openai-processing-ms", "42"),
    ];
    let dropped = [
        ("Set-Cookie", "__cf_bm=secret; path=/"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Authenticate", "Basic"),
        ("Connection", "x-hop, keep-alive"),
        ("x-hop", "1"),
        ("Upgrade", "h2c"),
        ("Alt-Svc", "h3=\":443\""),
        ("Strict-Transport-Security", "max-age=1"),
    ];
    for status in [200, 429] {
        let reply = kept
            .iter()
            .chain(&dropped)
            .fold(Reply::status(status), |reply, (name, value)| reply.header(name, value));
        let body = if status == 200 {
            OK
        } else {
            r#"{"error":{"message":"slow","type":"x","param":null,"code":null}}"#
        };
        let upstream = Upstream::always(reply.header("Content-Type", "application/json").full(body)).await;
        let lip = Lip::builder().openai(&upstream.url()).start().await;
        let answer = lip.chat(CHAT).await;
        assert_eq!(answer.status, status);
        for (name, value) in kept {
            assert_eq!(answer.header(name), Some(value), "{name} of a {status}");
        }
        for (name, value) in dropped {
            assert_ne!(answer.header(name), Some(value), "{name} of a {status}");
        }
    }
}

#[tokio::test]
async fn every_answer_has_a_request_id() {
    let lip = Lip::builder().start().await;
    let mut ids = Vec::new();
    for call in [
        Call::get("/health"),
        Call::get("/v1/models"),
        Call::get("/nowhere"),
        Call::chat("{"),
        Call::chat(CHAT),
    ] {
        ids.push(lip.send(call).await.header("x-request-id").expect("x-request-id").to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

#[tokio::test]
async fn provider_sees_our_identity_and_none_of_the_clients_secrets() {
    let upstream = Upstream::always(Reply::json(200, OK)).await;
    let lip = Lip::builder().openai(&upstream.url()).env("API_KEYS", "client-secret").start().await;
    let call = Call::post("/v1/chat/completions?key=client-secret", CHAT)
        .bearer("client-secret")
        .header("x-api-key", "client-secret")
        .header("x-goog-api-key", "client-secret")
        .header("cookie", "session=client-secret")
        .header("user-agent", "SomeAgent/9")
        .header("x-forwarded-for", "203.0.113.9")
        .header("openai-organization", "org-of-client")
        .header("x-stainless-os", "Linux");
    assert_eq!(lip.send(call).await.status, 200);
    let seen = upstream.last();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/v1/chat/completions"));
    assert_eq!(seen.header("authorization"), Some("Bearer sk-upstream-key"));
    let version = Lip::builder().args("--version").run().await.stdout;
    assert_eq!(seen.header("user-agent").map(str::to_owned), Some(version.trim().replace(' ', "/")));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    for secret in ["client-secret", "cookie", "203.0.113.9", "SomeAgent"] {
        assert!(!seen.head.contains(secret), "{secret} in {}", seen.head);
    }
}

#[tokio::test]
async fn provider_sees_each_header_once() {
    let upstream = Upstream::always(Reply::json(200, OK)).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    lip.chat(CHAT).await;
    let mut names: Vec<String> =
        upstream.last().headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    let n = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), n, "{}", upstream.last().head);
}

#[tokio::test]
async fn user_agent_can_be_configured_for_all_and_for_one() {
    let upstream = Upstream::always(Reply::json(200, OK)).await;
    let config = format!(
        "identity.user_agent = \"team/1\"\n[backends.a]\ntype = \"openai\"\napi_key = \"k\"\napi_url = \"{0}\"\n\
         [backends.b]\ntype = \"openai\"\napi_key = \"k\"\napi_url = \"{0}\"\nidentity.user_agent = \"other/2\"\n",
        upstream.url()
    );
    let lip = Lip::builder().config_toml(&config).start().await;
    for (model, agent) in [("a:m", "team/1"), ("b:m", "other/2")] {
        lip.chat(format!(r#"{{"model":"{model}","messages":[]}}"#)).await;
        assert_eq!(upstream.last().header("user-agent"), Some(agent));
    }
}

#[tokio::test]
async fn host_that_points_at_itself_answers_508() {
    let relay = Relay::start().await;
    let lip = Lip::builder().openai(&relay.url()).start().await;
    relay.lead_to(lip.address);
    for body in [CHAT.to_owned(), CHAT.replace("\"m\",", "\"m\",\"stream\":true,")] {
        let answer = lip.chat(&body).await;
        assert_eq!(answer.status, 508, "{}", answer.text());
        assert!(answer.message().contains("came back"), "{}", answer.text());
    }
}

#[tokio::test]
async fn loop_guard_counts_hosts() {
    let upstream = Upstream::always(Reply::json(200, OK)).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    lip.chat(CHAT).await;
    let guard = upstream.last().header("x-llmproxy-loop-guard").expect("a loop guard").to_owned();
    let cases = [
        (guard.clone(), 508),
        (format!("1, {guard}"), 508),
        ("a,b,c,d,e,f,g,h".to_owned(), 508),
        ("1".to_owned(), 200),
    ];
    for (value, status) in cases {
        let answer = lip.send(Call::chat(CHAT).header("x-llmproxy-loop-guard", &value)).await;
        assert_eq!(answer.status, status, "{value}");
        if status == 508 {
            assert_eq!(answer.error()["code"], "request_loop", "{value}");
        }
    }
    assert_eq!(upstream.last().header("x-llmproxy-loop-guard"), Some(format!("1,{guard}").as_str()));
}

/// A turn that a connector leaves to the host goes out without the connector, which would say each beta once.
#[tokio::test]
async fn plain_turns_go_out_without_the_connector() {
    let upstream = Upstream::by(|request| says(request, "yes")).await;
    let config = |more: &str| {
        let url = upstream.url();
        format!("[backends.anthropic]\ntype = \"anthropic\"\napi_url = \"{url}\"\napi_key = \"sk\"\n{more}")
    };
    let body = r#"{"model":"anthropic:m","max_tokens":1,"messages":[{"role":"user","content":"hi"}]}"#;
    let asked = async |more: &str, client: &[(&str, &str)]| {
        let lip = Lip::builder().config_toml(&config(more)).start().await;
        let call = client.iter().fold(Call::post("/v1/messages", body), |call, (n, v)| call.header(n, v));
        assert_eq!(lip.send(call).await.status, 200);
        upstream.last()
    };
    let twice = [("anthropic-beta", "a,a"), ("anthropic-beta", "b"), ("x-other", "red")];
    let sent = asked("headers = { x-team = \"blue\" }", &twice).await;
    assert_eq!(sent.header("anthropic-beta"), Some("a,a,b"), "{}", sent.head);
    assert_eq!(sent.header("anthropic-version"), Some("2023-06-01"), "{}", sent.head);
    assert_eq!(sent.header("x-team"), Some("blue"), "{}", sent.head);
    assert_eq!(sent.header("x-api-key"), Some("sk"), "{}", sent.head);
    let sent = asked("", &[("anthropic-version", "2099-01-01")]).await;
    assert_eq!(sent.header("anthropic-version"), Some("2099-01-01"), "{}", sent.head);
    let sent = asked("headers = { anthropic-beta = \"own\" }", &twice).await;
    assert_eq!(sent.header("anthropic-beta"), Some("own,a,b"), "the connector joins its own: {}", sent.head);
}

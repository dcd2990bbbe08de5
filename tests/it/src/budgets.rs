//! What a client key may spend: it is refused when that is spent, also by a host that has started anew, and it cannot spend what nobody
//! can count.
use crate::talk::{TONGUES, says};
use crate::team::backend;
use access::KeyHash;
use serde_json::json;
use stage::{Answer, Call, Lip, LipBuilder, Upstream};

const ALICE: &str = "alice-0123456789abcdef";
const BOB: &str = "bob-0123456789abcdef";

/// A turn of a provider that says so costs a dollar: one token in, one out.
const PRICES: &str = "[[price]]\nmodel = \"m\"\ninput = 500000\noutput = 500000\n";

/// Two clients with these fields.
fn keys(alice: &str, bob: &str) -> String {
    let table = |name: &str, key: &str, fields: &str| {
        format!("[auth.keys.{name}]\nhash = \"{}\"\n{fields}\n", KeyHash::of(key.as_bytes()))
    };
    table("alice", ALICE, alice) + &table("bob", BOB, bob)
}

/// A host with these clients in front of `url`.
fn host(url: &str, keys: &str) -> LipBuilder {
    Lip::builder().file("prices.toml", PRICES).config_toml(&config(url, keys))
}

fn config(url: &str, keys: &str) -> String {
    let both = backend("openai", url) + &backend("anthropic", url);
    format!("default_backend = \"openai\"\n[usage]\nprices_file = \"prices.toml\"\n{keys}{both}")
}

fn chat(key: &str, model: &str) -> Call {
    Call::chat(json!({"model": model, "messages": [{"role": "user", "content": "hi"}]}).to_string())
        .bearer(key)
}

/// Turns until one is refused, and how many were not. What a turn used is counted a moment after its answer.
async fn spend(lip: &Lip, key: &str) -> (usize, Answer) {
    for n in 0..50 {
        let answer = lip.send(chat(key, "openai:m")).await;
        if answer.status != 200 {
            return (n, answer);
        }
    }
    panic!("nothing was refused");
}

fn is_spent(answer: &Answer, words: &str) {
    let text = answer.text();
    assert_eq!(answer.status, 402, "{text}");
    let wait = answer.header("retry-after").and_then(|time| time.parse::<u64>().ok());
    assert!(wait.is_some_and(|wait| (1..=32 * 86_400).contains(&wait)), "{:?}", answer.headers);
    assert!(text.contains(words) && text.contains("T00:00:00Z"), "{text}");
}

#[tokio::test]
async fn money_that_is_spent_stays_spent_when_the_host_starts_anew() {
    let upstream = Upstream::by(|request| says(request, "hello")).await;
    let lip = host(&upstream.url(), &keys("cost_per_day = 3", "tokens_per_month = 4")).start().await;
    let (n, refused) = spend(&lip, ALICE).await;
    assert!(n >= 3, "{n}");
    is_spent(&refused, "may use 3.00 USD a day and has used ");
    assert_eq!(
        (&refused.error()["type"], &refused.error()["code"]),
        (&json!("insufficient_quota"), &json!("insufficient_quota"))
    );
    for tongue in TONGUES {
        let call = tongue.call("openai:m", false, &[tongue.message("user", "hi")]).bearer(ALICE);
        let answer = lip.send(call).await;
        is_spent(&answer, "3.00 USD a day");
    }
    let (n, refused) = spend(&lip, BOB).await;
    assert!(n >= 2 && refused.status == 429, "{n}: {}", refused.text());
    assert!(
        refused.text().contains("4 tokens a month and has used ") && refused.text().contains("begins anew"),
        "{}",
        refused.text()
    );
    let n_asked = upstream.requests().len();
    let lip = lip.stopped().await.start().await;
    let answer = lip.send(chat(ALICE, "openai:m")).await;
    is_spent(&answer, "3.00 USD a day");
    assert_eq!(lip.send(chat(BOB, "openai:m")).await.status, 429);
    assert_eq!(upstream.requests().len(), n_asked);
    // What is more than was spent is there.
    let keys = keys("cost_per_day = 100", "");
    let lip = lip.stopped().await;
    std::fs::write(lip.home().join("lip.toml"), config(&upstream.url(), &keys)).expect("the file");
    assert_eq!(lip.start().await.send(chat(ALICE, "openai:m")).await.status, 200);
}

#[tokio::test]
async fn models_without_a_price_are_refused_where_money_is_bounded() {
    let upstream = Upstream::by(|request| says(request, "hello")).await;
    let keys = keys("cost_per_month = 50", "cost_per_month = 50\nunpriced = \"free\"");
    let lip = host(&upstream.url(), &keys).start().await;
    for (model, may) in [
        ("openai:m", true),
        ("anthropic:m", true),
        ("openai:other", false),
        ("openai:m|openai:other", false),
        ("echo:x", false),
    ] {
        let answer = lip.send(chat(ALICE, model)).await;
        assert_eq!(answer.status, if may { 200 } else { 403 }, "{model}: {}", answer.text());
        assert!(may || answer.text().contains("usage.prices_file"), "{}", answer.text());
        assert_eq!(lip.send(chat(BOB, model)).await.status, 200, "{model}");
    }
}

#[tokio::test]
async fn bound_that_comes_later_counts_what_was_used_before() {
    let upstream = Upstream::by(|request| says(request, "hello")).await;
    let lip = host(&upstream.url(), &keys("", "operator = true")).start().await;
    for _ in 0..3 {
        assert_eq!(lip.send(chat(ALICE, "openai:m")).await.status, 200);
    }
    while lip.send(Call::get("/v1/usage/stats").bearer(BOB)).await.json()["ledger"]["written"] != 3 {
        tokio::task::yield_now().await;
    }
    std::fs::write(
        lip.home().join("lip.toml"),
        config(&upstream.url(), &keys("cost_per_day = 3", "operator = true")),
    )
    .expect("the file");
    let report = lip.send(Call::post("/v1/diagnostics/config/reload", "").bearer(BOB)).await;
    assert_eq!(report.status, 200, "{}", report.text());
    let answer = loop {
        let answer = lip.send(chat(ALICE, "openai:m")).await;
        // Being read.
        if answer.status != 503 {
            break answer;
        }
    };
    is_spent(&answer, "has used 3.00 USD");
    assert_eq!(lip.send(chat(BOB, "openai:m")).await.status, 200);
}

#[tokio::test]
async fn ledger_that_cannot_be_read_keeps_those_out_whose_bounds_need_it() {
    let upstream = Upstream::by(|request| says(request, "hello")).await;
    let keys = keys("tokens_per_day = 1000", "requests_per_minute = 100");
    let lip = host(&upstream.url(), &keys).env("LIP_USAGE_DATABASE", "lip.toml").start().await;
    let answer = lip.send(chat(ALICE, "openai:m")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{}", answer.text());
    assert_eq!(answer.error()["code"], "budget_unknown");
    assert_eq!(lip.send(chat(BOB, "openai:m")).await.status, 200);
    lip.logged("what clients have used before cannot be read").await;
}

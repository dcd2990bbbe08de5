//! What is kept of turns: what the clients saw, what the ledger keeps and what it adds up agree, to the turn and to the token.
mod agreement;
mod script;
mod told;

use crate::talk::says;
use crate::team::Team;
use serde_json::Value;
use stage::{Answer, Call, Lip, Reply, Upstream};

async fn asked(lip: &Lip, path: &str) -> Answer {
    lip.send(Call::get(path)).await
}

#[tokio::test]
async fn usage_is_told_by_http_and_on_the_command_line() {
    let good = Upstream::by(|request| says(request, "hello")).await;
    let bad = Upstream::always(Reply::json(
        404,
        r#"{"error":{"message":"no","type":"t","param":null,"code":null}}"#,
    ))
    .await;
    let team = Team::of("", vec![("openai", good), ("anthropic", bad)], |builder| builder).await;
    let lip = &team.lip;
    let body = r#"{"model":"anthropic:m-2|openai:m-1","messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(lip.chat(body).await.status, 200);
    assert_eq!(lip.chat(r#"{"model":"[weight=x]openai:m","messages":[]}"#).await.status, 400);
    assert_eq!(
        lip.send(Call::post("/v1/messages/count_tokens", r#"{"model":"m","messages":[]}"#)).await.status,
        200
    );
    // The writer is behind the turns.
    let stats = loop {
        let stats = asked(lip, "/v1/usage/stats?by=backend").await.json();
        if stats["ledger"]["waiting"] == 0 && stats["total"]["turns"] == 2 {
            break stats;
        }
        tokio::task::yield_now().await;
    };
    let total = &stats["total"];
    assert_eq!(
        (&total["answered"], &total["failed"], &total["attempts"]),
        (&1.into(), &1.into(), &2.into()),
        "{stats}"
    );
    assert_eq!(
        (&total["input"], &total["output"], &total["tokens_unknown"]),
        (&1.into(), &1.into(), &0.into())
    );
    assert_eq!(stats["ledger"]["written"], 3, "{stats}");
    assert!(
        stats["times"]["lasted_us"]["p50"].is_i64() && stats["times"]["overhead_us"]["max"].is_i64(),
        "{stats}"
    );
    let recent = asked(lip, "/v1/usage/recent?backend=openai&limit=5").await.json();
    let attempts = recent["turns"][0]["attempts"].as_array().expect("attempts");
    let tried: Vec<_> =
        attempts.iter().map(|attempt| (attempt["backend"].as_str(), attempt["outcome"].as_str())).collect();
    assert_eq!(tried, [(Some("anthropic"), Some("failed")), (Some("openai"), Some("answered"))]);
    let csv = asked(lip, "/v1/usage/export?format=csv&what=all").await;
    assert_eq!(
        (csv.header("content-type"), csv.text().lines().count()),
        (Some("text/csv; charset=utf-8"), 4)
    );
    let json: Value = asked(lip, "/v1/usage/export").await.json();
    assert_eq!(json.as_array().map(Vec::len), Some(2));
    for (bad, word) in [
        ("stats?from=yesterday", "2026-01-31"),
        ("recent?limit=0", "1000"),
        ("export?leg=CTP", "no such parameter"),
    ] {
        let answer = asked(lip, &format!("/v1/usage/{bad}")).await;
        assert_eq!(answer.status, 400);
        assert!(answer.message().contains(word), "{}", answer.text());
    }
    assert_eq!(
        lip.send(Call::get("/v1/usage/stats").header("origin", "https://evil.test")).await.status,
        403
    );
    // A command of its own reads what is there, while the host runs and afterwards.
    let shown = lip.cli("usage").await.printed();
    assert!(shown.contains("MODEL") && shown.contains("m-1") && shown.contains("TURNS"), "{shown}");
    let stopped = team.lip.stopped().await;
    let recent = stopped.args("usage recent").run().await.printed();
    assert!(
        recent.contains("openai-chat") && recent.contains("answered") && recent.contains("400"),
        "{recent}"
    );
}

#[tokio::test]
async fn host_keeps_no_usage_where_nobody_wants_it() {
    let lip = Lip::builder().config_toml("[usage]\nenabled = false\n").start().await;
    assert_eq!(
        lip.chat(r#"{"model":"echo:m","messages":[{"role":"user","content":"hi"}]}"#).await.status,
        200
    );
    let answer = asked(&lip, "/v1/usage/stats").await;
    assert_eq!(answer.status, 404);
    assert!(answer.message().contains("usage.enabled"), "{}", answer.text());
    let told = lip.stopped().await.args("usage").run().await.printed();
    assert!(told.contains("no usage is kept"), "{told}");
}

#[tokio::test]
async fn database_in_the_way_fails_no_turn() {
    let lip = Lip::builder().config_toml("[usage]\ndatabase = \"lip.toml\"\n").start().await;
    for _ in 0..3 {
        assert_eq!(
            lip.chat(r#"{"model":"echo:m","messages":[{"role":"user","content":"hi"}]}"#).await.status,
            200
        );
    }
    lip.logged("usage cannot be written").await;
    assert_eq!(asked(&lip, "/v1/usage/stats").await.status, 503);
}

//! In the same dialect the bytes that reach the provider are the client's, but for the fields that we own.
use crate::bodies::{special, varied};
use stage::{Call, Lip, Reply, Upstream};

const N_VARIED: u64 = 100;

fn answer() -> Reply {
    Reply::json(
        200,
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}]}"#,
    )
}

/// Sends each body and compares what arrives with what `expected` makes of it.
async fn check(bodies: Vec<(String, String)>) {
    let upstream = Upstream::always(answer()).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    let mut connection = lip.connect().await;
    for (sent, expected) in bodies {
        let reply = connection.send(&Call::chat(&sent)).await;
        let shown: String = sent.chars().take(2_000).collect();
        assert_eq!(reply.status, 200, "{} to {shown}", reply.text());
        let got = upstream.last().body;
        if got != expected.as_bytes() {
            let at = got.iter().zip(expected.as_bytes()).take_while(|(a, b)| a == b).count();
            let near =
                String::from_utf8_lossy(&got[at.saturating_sub(20)..(at + 40).min(got.len())]).into_owned();
            panic!("byte {at} differs, near {near:?}; sent {shown}");
        }
    }
}

/// Bodies with the model's name as the client wrote it, beside those with what goes upstream.
fn pairs(written: &str, upstream: &str) -> Vec<(String, String)> {
    let drawn = (0..N_VARIED).map(|seed| (varied(seed, written), varied(seed, upstream)));
    drawn.chain(special(written).into_iter().zip(special(upstream))).collect()
}

#[tokio::test]
async fn body_without_owned_edit_arrives_byte_for_byte() {
    check(pairs(r#""gpt-5""#, r#""gpt-5""#)).await;
}

#[tokio::test]
async fn only_the_model_value_is_edited() {
    check(pairs(r#""openai:gpt-5""#, r#""gpt-5""#)).await;
}

#[tokio::test]
async fn spelling_of_the_model_survives_where_it_needs_no_edit() {
    check(pairs(r#""gpt\u002d5""#, r#""gpt\u002d5""#)).await;
}

#[tokio::test]
async fn model_may_hold_colons_and_slashes() {
    let pairs = [
        (r#""meta/llama-3:free""#, r#""meta/llama-3:free""#),
        (r#""openai:meta/llama-3:free""#, r#""meta/llama-3:free""#),
        (r#""openai\u003agpt-5""#, r#""gpt-5""#),
        (r#""openai:openai:x""#, r#""openai:x""#),
        (r#""qwen3:8b""#, r#""qwen3:8b""#),
    ];
    let body = |model: &str| format!(r#"{{ "messages":[], "model" : {model} , "n":1e2}}"#);
    check(pairs.iter().map(|(sent, got)| (body(sent), body(got))).collect()).await;
}

#[tokio::test]
async fn answer_in_one_piece_is_the_providers_bytes() {
    let bodies = [
        " {\"choices\" :[{\"message\":{\"content\":\"\\ud835 \\u00e9\"},\"n\":1e400}], \"b\":1,\n\"a\":2}\n",
        r#"{"choices":[{"message":{"content":"x"}}],"usage":{"total_tokens":123456789012345678901234567890}}"#,
    ];
    for body in bodies {
        let upstream = Upstream::always(Reply::json(200, body)).await;
        let lip = Lip::builder().openai(&upstream.url()).start().await;
        assert_eq!(lip.chat(r#"{"model":"m","messages":[]}"#).await.text(), body);
    }
}

#[tokio::test]
async fn large_answer_is_the_providers_bytes() {
    let body =
        format!(r#"{{"choices":[{{"message":{{"content":"{}"}}}}]}}"#, "0123456789abcdef".repeat(300_000));
    let upstream = Upstream::always(Reply::json(200, &body)).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    let answer = lip.chat(r#"{"model":"m","messages":[]}"#).await;
    assert!(answer.text() == body, "{} bytes of {} came", answer.body.len(), body.len());
}

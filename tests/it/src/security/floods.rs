//! Too much, too deep, too slow: what is bounded, and that the host goes on.
use super::scene::{BODY, KEY, Scene, Shape, exchange, request};
use flate2::write::GzEncoder;
use flate2::{Compression, write::ZlibEncoder};
use stage::{Call, End, Gate, Reply};
use std::io::Write as _;
use std::time::Duration;

const TURNS: [(&str, Shape); 4] = [
    ("/v1/chat/completions", Shape::OpenAi),
    ("/v1/responses", Shape::OpenAi),
    ("/v1/messages", Shape::Anthropic),
    ("/v1beta/models/gemini:m:generateContent", Shape::Gemini),
];

/// So many zeros, in a thousandth of the room.
fn bomb(mebibytes: usize, gzip: bool) -> Vec<u8> {
    let zeros = vec![b' '; 1 << 20];
    if gzip {
        let mut out = GzEncoder::new(Vec::new(), Compression::best());
        (0..mebibytes).for_each(|_| out.write_all(&zeros).expect("zeros"));
        return out.finish().expect("a bomb");
    }
    let mut out = ZlibEncoder::new(Vec::new(), Compression::best());
    (0..mebibytes).for_each(|_| out.write_all(&zeros).expect("zeros"));
    out.finish().expect("a bomb")
}

async fn grows_by(scene: &Scene, work: impl Future<Output = ()>) -> u64 {
    let before = scene.lip.memory_bytes();
    work.await;
    scene.lip.memory_bytes().saturating_sub(before)
}

super::attempts! {
    async fn body_that_is_too_large() {
        let scene = Scene::with("limits.request_body_bytes = 65536", |builder| builder.env("API_KEYS", KEY)).await;
        for (target, shape) in TURNS {
            let body = format!("{BODY}{}", " ".repeat(70_000));
            let answer = scene.must_answer(request("POST", target, &[("x-api-key", KEY)], &body), target).await;
            assert_eq!(answer.status, 413, "{target}: {}", answer.text());
            shape.check(&answer, target);
        }
        scene.is_unharmed().await;
    }

    async fn body_in_chunks_that_is_too_large() {
        let scene = Scene::with("limits.request_body_bytes = 65536", |builder| builder.env("API_KEYS", KEY)).await;
        for (target, shape) in TURNS {
            let chunk = format!("2000\r\n{}\r\n", " ".repeat(0x2000));
            let head = format!("POST {target} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {KEY}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n");
            let answer = scene.must_answer(format!("{head}{}0\r\n\r\n", chunk.repeat(12)), target).await;
            assert_eq!(answer.status, 413, "{target}: {}", answer.text());
            shape.check(&answer, target);
        }
        scene.is_unharmed().await;
    }

    async fn body_that_claims_to_be_small() {
        let scene = Scene::guarded().await;
        let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-api-key: {KEY}\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{BODY}");
        let heard = exchange(scene.lip.address, head.as_bytes()).await;
        assert!(heard.starts_with("HTTP/1.1 400 ") && heard.matches("HTTP/1.1 ").count() == 1, "{heard}");
        scene.is_unharmed().await;
    }

    async fn compressed_body_that_unfolds() {
        let scene = Scene::guarded().await;
        for (encoding, body) in [("gzip", bomb(200, true)), ("deflate", bomb(200, false)), ("br", vec![0xcf; 512]), ("zstd", vec![0x28, 0xb5, 0x2f, 0xfd]), ("gzip, gzip", bomb(1, true))] {
            for (target, shape) in TURNS {
                let head = format!(
                    "POST {target} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {KEY}\r\nconnection: close\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                let answer = scene.must_answer([head.as_bytes(), &body].concat(), encoding).await;
                assert_eq!(answer.status, 415, "{encoding} {target}: {}", answer.text());
                shape.check(&answer, encoding);
            }
        }
        scene.is_unharmed().await;
    }

    async fn compressed_answer_that_unfolds() {
        let mark = bomb(600, true);
        let scene = Scene::before(
            move |_| Reply::status(200).header("Content-Type", "application/json").header("Content-Encoding", "gzip").full(&mark),
            "",
            |builder| builder.env("API_KEYS", KEY),
        )
        .await;
        let grown = grows_by(&scene, async {
            // Another dialect's turn has to read the whole answer.
            let answer = scene.lip.send(Call::post("/v1/messages", BODY).header("x-api-key", KEY)).await;
            assert!(answer.status >= 500, "{} {}", answer.status, answer.text().len());
        })
        .await;
        assert!(grown < 200 << 20, "600 MiB of zeros took {} MiB", grown >> 20);
    }

    async fn deep_json() {
        let scene = Scene::guarded().await;
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
            for depth in [500, 100_000] {
                let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
                for body in [deep.clone(), format!(r#"{{"model":"openai:m","messages":[],"input":"x","contents":[],"max_tokens":1,"x":{deep}}}"#)] {
                    for (target, shape) in TURNS {
                        let answer = scene.must_answer(request("POST", target, &[("x-api-key", KEY)], &body), target).await;
                        assert_eq!(answer.status, 400, "{depth} {target}: {}", answer.text());
                        shape.check(&answer, target);
                    }
                }
            }
        }
        scene.is_unharmed().await;
    }

    async fn wide_json() {
        let scene = Scene::guarded().await;
        let keys: String = (0..200_000).map(|n| format!("\"k{n}\":1,")).collect();
        let grown = grows_by(&scene, async {
            for body in [format!("{{{keys}\"model\":7}}"), format!("{{\"model\":[{}0]}}", "0,".repeat(2_000_000)), format!("{{\"model\":\"{}\"", "\\u0000".repeat(500_000))] {
                for (target, shape) in TURNS {
                    let answer = scene.must_answer(request("POST", target, &[("x-api-key", KEY)], &body), target).await;
                    assert_eq!(answer.status, 400, "{target}: {}", answer.text().len());
                    shape.check(&answer, target);
                    assert!(answer.body.len() < 4_096, "{target}: an error of {} bytes", answer.body.len());
                }
            }
        })
        .await;
        assert!(grown < 150 << 20, "{} MiB", grown >> 20);
        scene.is_unharmed().await;
    }

    async fn huge_numbers() {
        let scene = Scene::guarded().await;
        for number in ["9".repeat(100_000), format!("1e{}", "9".repeat(20)), format!("-0.{}1", "0".repeat(100_000))] {
            for field in ["max_tokens", "temperature", "n"] {
                let body = format!(r#"{{"model":"none:m","{field}":{number},"messages":[],"input":"x","contents":[]}}"#);
                for (target, _) in TURNS {
                    let target = target.replace("gemini:m", "none:m");
                    let answer = scene.must_answer(request("POST", &target, &[("x-api-key", KEY)], &body), &target).await;
                    assert!((400..600).contains(&answer.status) || answer.status == 200, "{target}");
                    assert!(answer.body.len() < 200_000, "{target}: {}", answer.body.len());
                }
            }
        }
    }

    async fn slow_head() {
        let scene = Scene::with("timeouts.request_head = 1", |builder| builder).await;
        for begun in ["", "G", "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-a: "] {
            // It never goes on: the host ends it, with an answer or without.
            let heard = exchange(scene.lip.address, begun.as_bytes()).await;
            assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 408") || heard.starts_with("HTTP/1.1 400"), "{heard}");
        }
        scene.is_unharmed().await;
    }

    async fn slow_body() {
        let scene = Scene::with("timeouts.request_body = 0.3", |builder| builder).await;
        for (target, shape) in TURNS {
            let head = format!("POST {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 5000\r\n\r\n{{\"model\":");
            let answer = scene.must_answer(head, target).await;
            assert_eq!(answer.status, 408, "{target}: {}", answer.text());
            shape.check(&answer, target);
        }
        scene.is_unharmed().await;
    }

    async fn too_many_turns() {
        let gate = Gate::default();
        let held = gate.clone();
        let scene = Scene::before(move |_| Reply::nothing().hold(&held).then_silence(), "limits.concurrent_turns = 2", |builder| builder).await;
        let (mut one, mut other) = (scene.lip.connect().await, scene.lip.connect().await);
        one.write(&Call::chat(BODY)).await;
        other.write(&Call::chat(BODY)).await;
        scene.upstream.received(2).await;
        for (target, shape) in TURNS {
            let answer = scene.must_answer(request("POST", target, &[], BODY), target).await;
            assert_eq!(answer.status, 503, "{target}: {}", answer.text());
            assert!(answer.header("retry-after").is_some(), "{target}");
            shape.check(&answer, target);
        }
        assert_eq!(scene.upstream.requests().len(), 2);
    }

    async fn upstream_that_never_ends_a_line() {
        let endless = "x".repeat(8 << 20);
        let scene = Scene::before(move |_| Reply::events().send(format!("data: {endless}")).close(), "timeouts.idle = 5", |builder| builder).await;
        let grown = grows_by(&scene, async {
            let body = BODY.replace("\"max_tokens\"", "\"stream\":true,\"max_tokens\"");
            let answer = scene.lip.send(Call::post("/v1/messages", body)).await;
            assert!(answer.end == End::Cut || answer.status >= 500 || answer.text().contains("error"), "{}", answer.status);
        })
        .await;
        assert!(grown < 100 << 20, "{} MiB", grown >> 20);
    }

    async fn clients_that_stay_without_asking() {
        let scene = Scene::with("timeouts.request_head = 1", |builder| builder).await;
        let before = scene.lip.n_files();
        let mut idle = Vec::new();
        for _ in 0..200 {
            idle.push(scene.lip.connect().await);
        }
        let closed = async {
            while scene.lip.n_files() > before + 5 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        stage::within("idle connections to be closed", closed).await;
        scene.is_unharmed().await;
    }
}

//! Keys with names: what each may ask for, how much, until when, and that no client reaches what is another's.
use super::scene::{BODY, Scene, request};
use crate::talk::TONGUES;
use access::KeyHash;
use serde_json::{Value, json};
use stage::{Call, Lip};

const ALICE: &str = "canary-alice-0123456789abcdef";
const BOB: &str = "canary-bob-0123456789abcdef";

fn hash(key: &str) -> String {
    KeyHash::of(key.as_bytes()).to_string()
}

/// Two clients; `fields` are Bob's.
async fn scene(fields: &str) -> Scene {
    let top = format!(
        "[auth.keys.alice]\nhash = \"{}\"\n[auth.keys.bob]\nhash = \"{}\"\n{fields}\n",
        hash(ALICE),
        hash(BOB)
    );
    Scene::with(&top, |builder| builder).await
}

super::attempts! {
    async fn model_that_is_not_allowed() {
        let scene = scene("models = [\"openai:gpt-5*\", \"gemini\"]").await;
        for tongue in TONGUES {
            for (model, may) in [("openai:gpt-5-mini", true), ("gemini:any", true), ("openai:o3", false), ("anthropic:gpt-5", false), ("openai:gpt-5|anthropic:m", false), ("openai:gpt-5!anthropic:m", false)] {
                for (key, allowed) in [(BOB, may), (ALICE, true)] {
                    let call = tongue.call(&model.replace('|', "%7C"), false, &[tongue.message("user", "hi")]);
                    let call = if model.contains('|') { tongue.call(model, false, &[tongue.message("user", "hi")]) } else { call };
                    let answer = scene.lip.send(call.header("x-api-key", key)).await;
                    let text = answer.text();
                    assert_eq!(answer.status == 403, !allowed, "{tongue:?} {model}: {} {text}", answer.status);
                    assert!(allowed || text.contains("may not use"), "{text}");
                }
            }
        }
    }

    async fn model_that_is_reached_by_another_way() {
        let scene = scene("models = [\"openai:m\"]").await;
        let chat = |model: &str, content: &str| Call::chat(json!({"model": model, "messages": [{"role": "user", "content": content}]}).to_string()).bearer(BOB);
        assert_eq!(scene.lip.send(chat("openai:m", "hi")).await.status, 200);
        let routed = scene.lip.send(chat("openai:m", "hi").header("x-lip-route", "anthropic:m")).await;
        assert_eq!(routed.status, 403, "{}", routed.text());
        scene.lip.send(chat("openai:m", "!/backend(anthropic)").header("x-session-id", "session-of-bob")).await;
        let switched = scene.lip.send(chat("openai:m", "hi").header("x-session-id", "session-of-bob")).await;
        assert_eq!(switched.status, 403, "{}", switched.text());
        scene.lip.send(chat("openai:m", "!/oneoff(gemini:m)").header("x-session-id", "other-session")).await;
        let oneoff = scene.lip.send(chat("openai:m", "hi").header("x-session-id", "other-session")).await;
        assert_eq!(oneoff.status, 403, "{}", oneoff.text());
        assert_eq!(scene.upstream.requests().iter().filter(|request| request.method == "POST").count(), 1);
    }

    async fn models_of_others_in_a_list() {
        let scene = scene("models = [\"echo\"]").await;
        let list = |key: &'static str| scene.lip.send(Call::get("/v1/models").bearer(key));
        let ids = |list: &Value| -> Vec<String> { list["data"].as_array().into_iter().flatten().filter_map(|model| Some(model["id"].as_str()?.to_owned())).collect() };
        let (alice, bob) = (ids(&list(ALICE).await.json()), ids(&list(BOB).await.json()));
        assert!(!bob.is_empty() && bob.iter().all(|id| id.contains("echo")), "{bob:?}");
        assert!(alice.len() > bob.len(), "{alice:?}");
        let other = scene.lip.send(Call::get(&format!("/v1/models/{}", alice.iter().find(|id| !bob.contains(id)).expect("another"))).bearer(BOB)).await;
        assert_eq!(other.status, 404, "{}", other.text());
    }

    async fn key_that_has_ended() {
        let scene = scene("expires = \"2020-01-01\"").await;
        let answer = scene.must_answer(request("POST", "/v1/chat/completions", &[("x-api-key", BOB)], BODY), "ended").await;
        assert_eq!(answer.status, 401, "{}", answer.text());
        scene.is_unharmed().await;
        assert_eq!(scene.lip.send(Call::chat(BODY).bearer(ALICE)).await.status, 200);
    }

    async fn more_turns_than_are_allowed() {
        let scene = scene("requests_per_minute = 3").await;
        for _ in 0..3 {
            assert_eq!(scene.lip.send(Call::chat(BODY).bearer(BOB)).await.status, 200);
        }
        for (target, shape) in [("/v1/chat/completions", super::scene::Shape::OpenAi), ("/v1/messages", super::scene::Shape::Anthropic), ("/v1beta/models/openai:m:generateContent", super::scene::Shape::Gemini)] {
            let answer = scene.must_answer(request("POST", target, &[("x-api-key", BOB)], BODY), target).await;
            assert_eq!(answer.status, 429, "{}", answer.text());
            assert!(answer.header("retry-after").is_some_and(|time| time.parse::<u32>().is_ok_and(|time| (1..=20).contains(&time))), "{:?}", answer.headers);
            assert!(answer.text().contains("3 turns a minute"), "{}", answer.text());
            shape.check(&answer, target);
        }
        assert_eq!(scene.lip.send(Call::chat(BODY).bearer(ALICE)).await.status, 200, "each has its own");
    }

    async fn more_tokens_than_are_allowed() {
        let scene = scene("tokens_per_day = 3").await;
        let mut refused = None;
        // What a turn used is known a moment after its answer: some more may come through, but not many.
        for _ in 0..20 {
            let answer = scene.lip.send(Call::chat(BODY).bearer(BOB)).await;
            if answer.status != 200 {
                refused = Some(answer);
                break;
            }
        }
        let refused = refused.expect("a bound");
        assert_eq!(refused.status, 429, "{}", refused.text());
        assert!(refused.text().contains("3 tokens a day") && refused.header("retry-after").is_some(), "{}", refused.text());
        assert!(scene.upstream.requests().len() >= 2, "two turns of two tokens each");
        assert_eq!(scene.lip.send(Call::chat(BODY).bearer(ALICE)).await.status, 200, "each has its own");
    }

    async fn session_of_another_client() {
        let scene = scene("").await;
        let chat = |key: &str, content: &str| Call::chat(json!({"model": "openai:m", "messages": [{"role": "user", "content": content}]}).to_string()).bearer(key).header("x-session-id", "shared-name");
        scene.lip.send(chat(ALICE, "!/backend(anthropic)")).await;
        scene.lip.send(chat(BOB, "hi")).await;
        assert_eq!(scene.upstream.last().target, "/v1/chat/completions", "Bob's turn went where Alice's session points");
        scene.lip.send(chat(ALICE, "hi")).await;
        assert_eq!(scene.upstream.last().target, "/v1/messages");
    }

    async fn stored_answer_of_another_client() {
        let scene = scene("").await;
        let made = scene.lip.send(Call::post("/v1/responses", r#"{"model":"anthropic:m","input":"hi","store":true}"#).bearer(ALICE)).await;
        let id = made.json()["id"].as_str().unwrap_or_else(|| panic!("{}", made.text())).to_owned();
        let own = scene.lip.send(Call::get(&format!("/v1/responses/{id}")).bearer(ALICE)).await;
        assert_eq!(own.status, 200, "{}", own.text());
        for call in [
            Call::get(&format!("/v1/responses/{id}")), Call::get(&format!("/v1/responses/{id}/input_items")), Call::new("DELETE", &format!("/v1/responses/{id}")),
            Call::post(&format!("/v1/responses/{id}/cancel"), ""),
        ] {
            assert_eq!(scene.lip.send(call.bearer(BOB)).await.status, 404);
        }
        let body = json!({"model": "anthropic:m", "input": "more", "previous_response_id": id}).to_string();
        let continued = scene.lip.send(Call::post("/v1/responses", body).bearer(BOB)).await;
        assert!((400..500).contains(&continued.status), "{}", continued.text());
        assert_eq!(scene.lip.send(Call::get(&format!("/v1/responses/{id}")).bearer(ALICE)).await.status, 200);
    }

    async fn key_that_was_revoked() {
        let lip = Lip::builder().start().await;
        let made = lip.cli("keys new carol --models echo --requests-per-minute 100").await;
        let key = made.stdout.trim().to_owned();
        assert!(key.starts_with("lip-") && key.len() == 47, "{made:?}");
        let builder = lip.stopped().await.args("--multi-user-mode --host 127.0.0.1");
        let serving = builder.env("OPENAI_API_KEY", "canary-openai-0123456789").start().await;
        assert_eq!(serving.send(Call::chat(r#"{"model":"echo","messages":[{"role":"user","content":"hi"}]}"#).bearer(&key)).await.status, 200);
        let other = serving.send(Call::chat(r#"{"model":"openai:m","messages":[]}"#).bearer(&key)).await;
        assert_eq!((other.status, other.text().contains("may not use")), (403, true), "{}", other.text());
        // A key of which only the hash is kept is taken out of prompts, too: echo would repeat it.
        let body = json!({"model": "echo", "messages": [{"role": "user", "content": format!("my key is {key}")}]}).to_string();
        let echoed = serving.send(Call::chat(&body).bearer(&key)).await.text();
        assert!(!echoed.contains(&key) && echoed.contains("API_KEY_HAS_BEEN_REDACTED"), "{echoed}");
        let listed = serving.cli("keys list").await;
        assert!(listed.stdout.contains("carol") && !listed.stdout.contains(&key) && listed.stdout.contains("echo"), "{listed:?}");
        let stored = std::fs::read_to_string(serving.home().join("lip/keys.toml")).expect("the file of keys");
        assert!(!stored.contains(&key) && stored.contains("sha256:"), "{stored}");
        let again = serving.cli("keys new carol").await;
        assert!(!again.success && again.stderr.contains("already"), "{again:?}");
        assert!(serving.cli("keys new dave").await.success);
        assert!(serving.cli("keys revoke carol").await.success);
        serving.signal("HUP").await;
        serving.logged("changed: auth.keys").await;
        let gone = serving.send(Call::chat(BODY).bearer(&key)).await;
        assert_eq!(gone.status, 401, "{}", gone.text());
        assert!(serving.cli("keys revoke dave").await.success);
        let builder = serving.stopped().await;
        let refused = builder.run().await;
        assert!(!refused.success && refused.stderr.contains("lip keys new"), "{refused:?}");
    }

    #[cfg(unix)]
    async fn file_of_keys_that_others_may_change() {
        use std::os::unix::fs::PermissionsExt;
        let lip = Lip::builder().file("lip/keys.toml", &format!("[mallory]\nhash = \"{}\"\n", hash(BOB)));
        std::fs::set_permissions(lip.home().join("lip/keys.toml"), PermissionsExt::from_mode(0o666)).expect("rights");
        let output = lip.args("--multi-user-mode --port 0").run().await;
        assert!(!output.success && output.stderr.contains("chmod go-w"), "{output:?}");
    }

    async fn several_users_without_a_key() {
        for args in ["--multi-user-mode", "--multi-user-mode --host 0.0.0.0", "--host 0.0.0.0", "--host ::", "--host 192.0.2.1"] {
            let output = Lip::builder().args(args).args("--port 0").run().await;
            assert!(!output.success && output.stdout.is_empty(), "{args}: {output:?}");
            assert!(output.stderr.contains("hint:"), "{args}: {}", output.stderr);
        }
    }

    async fn personal_account_with_several_users() {
        let lip = Lip::builder().args("--multi-user-mode --host 127.0.0.1").env("API_KEYS", BOB).start().await;
        for backend in ["gemini-cli-acp", "cursor-cli-acp", "openai-codex"] {
            let body = BODY.replace("openai:m", &format!("{backend}:m"));
            let answer = lip.send(Call::chat(&body).bearer(BOB)).await;
            assert_eq!(answer.status, 503, "{backend}: {}", answer.text());
            assert!(answer.text().contains("account of one person"), "{backend}: {}", answer.text());
        }
    }
}

//! Making the host ask what it must not ask, or run what it must not run.
use super::scene::{BODY, KEY, Scene, config, request, says_ok};
use crate::talk::TONGUES;
use serde_json::{Value, json};
use stage::{Call, Lip, Reply, Upstream};

/// A host that several people use, in front of `url`, which may be asked if `listed`.
async fn shared(url: &str, listed: bool) -> Lip {
    let place = url.trim_start_matches("http://").trim_end_matches("/v1");
    let top = if listed { format!("egress.allow_private = [\"{place}\"]\n") } else { String::new() };
    Lip::builder()
        .config_toml(&format!("{top}{}", config(url)))
        .args("--multi-user-mode")
        .env("API_KEYS", KEY)
        .start()
        .await
}

super::attempts! {
    async fn picture_of_the_inner_network() {
        let inner = Upstream::always(Reply::status(200).header("Content-Type", "image/png").full("secret")).await;
        let scene = Scene::open().await;
        let place = inner.url();
        for (target, body) in [
            ("/v1/chat/completions", json!({"model": "M", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": place}}]}]})),
            ("/v1/responses", json!({"model": "M", "input": [{"role": "user", "content": [{"type": "input_image", "image_url": place}, {"type": "input_file", "file_url": place}]}]})),
            ("/v1/messages", json!({"model": "M", "max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": place}}]}]})),
            ("/v1beta/models/M:generateContent", json!({"contents": [{"parts": [{"fileData": {"fileUri": place, "mimeType": "image/png"}}]}]})),
        ] {
            for backend in super::scene::BACKENDS {
                let model = format!("{backend}:m");
                scene.lip.send(Call::post(&target.replace('M', &model), body.to_string().replace("\"M\"", &format!("\"{model}\"")))).await;
            }
        }
        assert!(inner.requests().is_empty(), "the host fetched what a prompt names");
    }

    async fn model_that_is_a_url() {
        let scene = Scene::guarded().await;
        let inner = Upstream::by(says_ok).await;
        for model in ["http://169.254.169.254/latest/meta-data", "openai:http://169.254.169.254/", "file:///etc/passwd", "gopher://127.0.0.1:6379/_x", &inner.url()] {
            let body = BODY.replace("openai:m", model);
            for headers in [&[("x-api-key", KEY)][..], &[("x-api-key", KEY), ("x-lip-route", model)]] {
                scene.answer(request("POST", "/v1/chat/completions", headers, &body)).await;
            }
        }
        assert!(inner.requests().is_empty());
        for asked in scene.upstream.requests() {
            assert_eq!(asked.target, "/v1/chat/completions");
        }
    }

    async fn chat_command_that_changes_an_address() {
        let scene = Scene::guarded().await;
        let inner = Upstream::by(says_ok).await;
        for command in ["!/set(openai-url=URL)", "!/set(api_url=URL)", "!/set(base-url=URL)", "!/backend(URL)", "!/model(URL)", "!/set(backend=URL)", "!/oneoff(URL)", "!/create-failover-route(name=x,policy=k)"] {
            let command = command.replace("URL", &inner.url());
            let body = json!({"model": "openai:m", "messages": [{"role": "user", "content": format!("{command} hi")}]}).to_string();
            scene.lip.send(Call::chat(body).bearer(KEY).header("x-session-id", "s")).await;
            scene.lip.send(Call::chat(BODY).bearer(KEY).header("x-session-id", "s")).await;
        }
        assert!(inner.requests().is_empty());
    }

    async fn chat_command_that_runs_a_program() {
        let lip = shared(&Upstream::by(says_ok).await.url(), true).await;
        let mark = lip.home().join("pwned");
        for inject in ["$(touch PLACE)", "`touch PLACE`", ";touch PLACE", "|touch PLACE", "&& touch PLACE", "../../../PLACE", "\u{0}touch PLACE"] {
            let inject = inject.replace("PLACE", &mark.display().to_string());
            for command in ["project-dir", "project", "command-prefix", "gemini-generation-config", "model", "backend"] {
                let content = format!("!/set({command}={inject})");
                let body = json!({"model": "openai:m", "messages": [{"role": "user", "content": content}]}).to_string();
                let answer = lip.send(Call::chat(body).bearer(KEY)).await;
                assert!(answer.status < 500 || answer.status == 502, "{content}: {} {}", answer.status, answer.text());
            }
        }
        assert!(!mark.exists());
    }

    async fn private_address_of_a_backend_with_several_users() {
        let upstream = Upstream::by(says_ok).await;
        let lip = shared(&upstream.url(), false).await;
        for tongue in TONGUES {
            for backend in super::scene::BACKENDS {
                let call = tongue.call(&format!("{backend}:m"), false, &[tongue.message("user", "hi")]);
                let answer = lip.send(call.header("x-api-key", KEY)).await;
                assert_eq!(answer.status, 503, "{tongue:?} {backend}: {}", answer.text());
                assert!(answer.text().contains("egress.allow_private"), "{}", answer.text());
            }
        }
        assert!(upstream.requests().is_empty());
        let listed = shared(&upstream.url(), true).await;
        assert_eq!(listed.send(Call::chat(BODY).bearer(KEY)).await.status, 200);
    }

    async fn name_that_leads_to_a_private_address() {
        // 2130706433 is 127.0.0.1 for whoever resolves it as a name: only the address that it leads to tells.
        let upstream = Upstream::by(says_ok).await;
        let port = upstream.url().rsplit(':').next().unwrap_or_default().trim_end_matches("/v1").to_owned();
        for name in ["2130706433", "127.1", "0x7f000001", "localhost.localdomain", "0"] {
            let lip = shared(&format!("http://{name}:{port}/v1"), false).await;
            let answer = lip.send(Call::chat(BODY).bearer(KEY)).await;
            assert!([502, 503, 504].contains(&answer.status), "{name}: {} {}", answer.status, answer.text());
        }
        assert!(upstream.requests().is_empty());
    }

    async fn metadata_of_the_cloud() {
        for place in ["http://169.254.169.254/v1", "http://[fd00:ec2::254]/v1", "http://100.100.100.200/v1", "http://[::ffff:169.254.169.254]/v1", "http://192.168.0.1/v1"] {
            let lip = shared(place, false).await;
            let answer = lip.send(Call::chat(BODY).bearer(KEY)).await;
            assert_eq!(answer.status, 503, "{place}: {}", answer.text());
            assert!(answer.text().contains("not of the public internet"), "{}", answer.text());
        }
    }

    async fn host_that_is_pointed_at_itself() {
        // The inner one is the outer one's upstream, and the other way round.
        let scene = Scene::open().await;
        let guard = [("x-llmproxy-loop-guard", "1")];
        let answer = scene.must_answer(request("POST", "/v1/chat/completions", &guard, BODY), "loop").await;
        assert!([200, 508].contains(&answer.status), "{}", answer.status);
        let address = scene.lip.address;
        let inner = Lip::builder().config_toml(&config(&format!("http://{address}/v1"))).start().await;
        let outer = inner.chat(BODY).await;
        assert!(outer.status == 200 || outer.status >= 400, "{}", outer.status);
        assert!(scene.upstream.requests().len() <= 2);
    }

    async fn question_about_a_route_that_asks_somebody() {
        let scene = Scene::guarded().await;
        for model in ["http://127.0.0.1:1/x", "openai:../../x", "a|b^c!d", "[[[[", "%00"] {
            let question = json!({"model": model, "session": "s"}).to_string();
            let answer = scene.must_answer(request("POST", "/v1/diagnostics/route", &[("x-api-key", KEY)], &question), model).await;
            assert!((400..500).contains(&answer.status), "{model}: {}", answer.text());
            let _: Value = answer.json();
        }
        scene.is_unharmed().await;
    }
}

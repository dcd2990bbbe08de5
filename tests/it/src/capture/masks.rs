use super::{files, kept_by};
use crate::talk::says;
use stage::{CANARY, Call, Lip, Reply, Upstream};

/// All kinds of secrets, wherever they may stand. The mark that they begin with is looked for in every file that the host wrote, when the
/// story has ended.
#[tokio::test]
async fn no_secret_stands_in_any_capture() {
    let key = format!("{CANARY}upstream-key-0123456789");
    let client = format!("{CANARY}client-key-0123456789");
    let (echo, mark) = (key.clone(), client.clone());
    let upstream = Upstream::by(move |request| {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        if text.contains("split") {
            // In the midst of a stream, byte by byte.
            let event = format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{echo} {mark}\"}}}}]}}\n\n");
            let end = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
            return Reply::events().send_bytewise(event).send(end).end();
        }
        if text.contains("refuse") {
            return Reply::status(401)
                .header("set-cookie", &format!("session={CANARY}cookie"))
                .header("x-request-token", &format!("{CANARY}token"))
                .full(format!(r#"{{"error":{{"message":"bad key {echo}","type":"t","param":null,"code":null}}}}"#));
        }
        says(request, &format!("your key is {echo}"))
    })
    .await;
    let lip = Lip::builder()
        .env("OPENAI_API_KEY", &key)
        .env("OPENAI_API_BASE_URL", &upstream.url())
        .env("API_KEYS", &client)
        .args("--default-backend openai --capture-dir captures")
        .start()
        .await;
    let body = |words: &str, stream: bool| {
        serde_json::json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": words}]})
            .to_string()
    };
    let mut n = 0;
    for words in
        ["split".to_owned(), "refuse".to_owned(), "say".to_owned(), format!("my keys are {key} and {client}")]
    {
        for stream in [false, true] {
            let calls = [
                Call::chat(body(&words, stream)).bearer(&client),
                Call::chat(body(&words, stream)).header("x-api-key", &client),
                Call::post(&format!("/v1/chat/completions?key={client}"), body(&words, stream)),
            ];
            for call in calls {
                let call = call
                    .header("cookie", &format!("a={CANARY}b"))
                    .header("x-my-secret", &format!("{CANARY}c"));
                lip.send(call).await;
                n += 1;
            }
        }
    }
    // A wrong key, which nobody knows: it is not let in, and leaves nothing.
    assert_eq!(lip.send(Call::chat(body("x", false)).bearer("canary-wrong")).await.status, 401);
    let files_kept = kept_by(&lip, &client).await;
    let text: String = files_kept.iter().map(|path| std::fs::read_to_string(path).expect("text")).collect();
    assert_eq!(text.matches("\"what\":\"over\"").count(), n, "every turn is kept to its end");
    assert!(!text.contains(CANARY) && text.contains(&"*".repeat(client.len())));
    // And what is masked can be carried out again.
    let output = lip.cli(&format!("capture replay {}", files_kept[0].display())).await;
    assert!(output.success, "{}", output.printed());
    assert_eq!(files(&lip.home().join("captures")), files_kept, "a replay keeps nothing");
}

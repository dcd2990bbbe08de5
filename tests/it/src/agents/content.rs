//! What goes into an agent, and what it tells besides its answer.
use super::{House, PATH};
use crate::talk::{TONGUES, Tongue};
use crate::team::Chat;
use serde_json::{Value, json};

/// A picture of one pixel.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn picture(tongue: Tongue) -> Value {
    let url = format!("data:image/png;base64,{PIXEL}");
    match tongue {
        Tongue::Chat => json!({"role": "user", "content": [
            {"type": "text", "text": "[[ECHO]]"}, {"type": "image_url", "image_url": {"url": url}}]}),
        Tongue::Responses => json!({"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "[[ECHO]]"}, {"type": "input_image", "detail": "auto", "image_url": url}]}),
        Tongue::Anthropic => json!({"role": "user", "content": [{"type": "text", "text": "[[ECHO]]"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}]}),
        Tongue::Gemini => json!({"role": "user", "parts": [{"text": "[[ECHO]]"},
            {"inlineData": {"mimeType": "image/png", "data": PIXEL}}]}),
    }
}

#[tokio::test]
async fn pictures_reach_the_agent_from_every_client() {
    let house = House::new("", "").await;
    for tongue in TONGUES {
        let mut chat = house.chat(tongue, false).header("x-session-id", &format!("{tongue:?}"));
        let said: Value = serde_json::from_str(&chat.send(picture(tongue)).await).unwrap();
        let want = json!([{"type": "text", "text": "[[ECHO]]"},
            {"type": "image", "mimeType": "image/png", "data": PIXEL}]);
        assert_eq!(said, want, "{tongue:?}");
    }
}

#[tokio::test]
async fn plans_are_told_where_tools_are() {
    for (shows, thought, text) in [("reasoning", true, false), ("text", false, true), ("off", false, false)] {
        let house = House::new("", &format!("show_tools = \"{shows}\"")).await;
        let body =
            json!({"model": "default", "messages": [{"role": "user", "content": "[[PLAN]] [[TODOS]] hi"}]});
        let message = &house.lip.chat(body.to_string()).await.json()["choices"][0]["message"];
        let holds = |key: &str| message[key].as_str().is_some_and(|text| text.contains("Read"));
        assert_eq!((holds("reasoning_content"), holds("content")), (thought, text), "{shows}: {message}");
        assert!(message["content"].as_str().unwrap().ends_with("You said: hi"), "{message}");
    }
}

#[tokio::test]
async fn environment_is_the_hosts_without_its_own_keys() {
    let lines = "env = { STAGE_OWN = \"own\" }\nenv_remove = [\"STAGE_SECRET\"]";
    let house = House::with("", lines, "", |lip| {
        lip.env("API_KEYS", "client-key-1").env("STAGE_SECRET", "s").env("STAGE_OPEN", "open")
    })
    .await;
    for (name, want) in
        [("API_KEYS", "absent"), ("STAGE_SECRET", "absent"), ("STAGE_OWN", "own"), ("STAGE_OPEN", "open")]
    {
        let mut chat = house.talk("s").header("authorization", "Bearer client-key-1");
        assert_eq!(chat.say(&format!("[[ENV {name}]]")).await, want, "{name}");
    }
}

#[tokio::test]
async fn login_of_the_agents_own_is_asked_for_where_the_config_says_so() {
    let house = House::new("--needs-login", "login = \"stage-login\"").await;
    assert_eq!(house.talk("s").say("hi").await, "You said: hi");
    for lines in ["", "login = \"another\""] {
        let house = House::new("--needs-login", lines).await;
        let answer = house.talk("s").attempt("hi").await;
        assert_eq!((answer.status, answer.message().contains("Log in")), (401, true), "{}", answer.text());
        house.none_survives().await;
    }
}

#[tokio::test]
async fn command_line_takes_the_model_where_it_says_so() {
    let project = tempfile::tempdir().unwrap();
    let config = format!(
        "default_backend = \"custom-acp\"\n[backends.custom-acp]\ntype = \"custom-acp\"\nproject_dir = {:?}\n\
         command = \"{} --models {{model}},b\"\nmodel = \"a\"\n",
        project.path(),
        stage::agent().display()
    );
    let lip = stage::Lip::builder().config_toml(&config).env("PATH", PATH).start().await;
    for (model, want) in [("default", "a"), ("m-7", "m-7")] {
        let mut chat = Chat::new(&lip, Tongue::Anthropic, true);
        model.clone_into(&mut chat.model);
        assert_eq!(chat.say("[[MODEL]]").await, want);
    }
}

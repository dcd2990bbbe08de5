//! What the operator says of commands: off, strict, another prefix, a static route; and what they set in the body.
use crate::talk::Tongue;
use crate::team::{Chat, Team};
use serde_json::{Value, json};

#[tokio::test]
async fn commands_that_are_off_are_plain_text() {
    for how in ["flag", "env", "file"] {
        let top = if how == "file" { "session.disable_interactive_commands = true" } else { "" };
        let team = Team::with(top, |builder| match how {
            "flag" => builder.arg("--disable-interactive-commands"),
            "env" => builder.env("DISABLE_INTERACTIVE_COMMANDS", "true"),
            _ => builder,
        })
        .await;
        let body = json!({"model": "m", "messages": [{"role": "user", "content": "!/hello"}]}).to_string();
        assert_eq!(Tongue::Chat.text(false, &team.lip.chat(&body).await), "openai speaks", "{how}");
        assert_eq!(String::from_utf8_lossy(&team.turns("openai")[0].body), body, "{how}");
    }
}

#[tokio::test]
async fn strict_mode_takes_messages_of_commands_alone() {
    let team = Team::with("strict_command_detection = true", |builder| builder).await;
    let mut chat = Chat::new(&team.lip, Tongue::Chat, false);
    assert_eq!(chat.say("!/backend(gemini)\nwhat is it?").await, "openai speaks");
    assert!(String::from_utf8_lossy(&team.turns("openai")[0].body).contains("!/backend(gemini)"));
    assert_eq!(chat.say("!/backend(gemini)").await, "Backend: gemini");
    assert_eq!(chat.say("what is it?").await, "gemini speaks");
}

#[tokio::test]
async fn prefix_is_the_operators_and_then_the_sessions_choice() {
    let team = Team::with("command_prefix = \"#/\"", |builder| builder).await;
    let mut chat = Chat::new(&team.lip, Tongue::Chat, false);
    assert_eq!(chat.say("!/hello").await, "openai speaks");
    assert!(chat.say("#/hello").await.contains("Type #/help"));
    assert_eq!(chat.say("#/set(command-prefix=$>)").await, "command-prefix set to $>");
    assert!(chat.say("$>status").await.contains("command-prefix: $>"));
    assert_eq!(chat.say("#/ a comment").await, "openai speaks");
    let sent = String::from_utf8_lossy(&team.turns("openai").pop().expect("a turn").body).into_owned();
    assert!(sent.contains("!/hello") && !sent.contains("#/hello") && !sent.contains("$>"), "{sent}");
}

#[tokio::test]
async fn static_route_is_not_for_chats_to_change() {
    let team = Team::with("static_route = \"gemini:g\"", |builder| builder).await;
    let mut chat = Chat::new(&team.lip, Tongue::Chat, false);
    for command in ["!/backend(anthropic)", "!/model(x)", "!/oneoff(anthropic:x)", "!/set(backend=anthropic)"]
    {
        let said = chat.say(command).await;
        assert!(said.starts_with("Error: ") && said.contains("static route"), "{command}: {said}");
    }
    assert_eq!(chat.say("go").await, "gemini speaks");
}

/// What the provider of `backend` gets for a turn after these commands.
async fn body_after(team: &Team, tongue: Tongue, backend: &str, commands: &str) -> Value {
    let mut chat = Chat::new(&team.lip, tongue, false);
    chat.model = format!("{backend}:some-model");
    assert_eq!(
        chat.say(&format!("{commands}\nafter {tongue:?} {backend}")).await,
        format!("{backend} speaks")
    );
    team.turns(backend).pop().expect("a turn").json()
}

#[tokio::test]
async fn options_reach_each_vendor_in_its_own_words() {
    let team = Team::new().await;
    for tongue in crate::talk::TONGUES {
        let chat = body_after(&team, tongue, "openai", "!/temperature(0.25)\n!/reasoning-effort(high)").await;
        assert_eq!(
            (&chat["temperature"], &chat["reasoning_effort"]),
            (&json!(0.25), &json!("high")),
            "{tongue:?} {chat}"
        );
        let gemini =
            body_after(&team, tongue, "gemini", "!/temperature(0.25)\n!/thinking-budget(1024)").await;
        let config = &gemini["generationConfig"];
        assert_eq!(
            (&config["temperature"], &config["thinkingConfig"]["thinkingBudget"]),
            (&json!(0.25), &json!(1024)),
            "{tongue:?} {gemini}"
        );
        let claude = body_after(&team, tongue, "anthropic", "!/thinking-budget(2048)").await;
        assert_eq!(
            claude["thinking"],
            json!({"type": "enabled", "budget_tokens": 2048}),
            "{tongue:?} {claude}"
        );
        assert!(claude["max_tokens"].as_u64().is_some_and(|n| n > 2048), "{tongue:?} {claude}");
    }
    for (tongue, level) in [(Tongue::Chat, "low"), (Tongue::Gemini, "medium")] {
        let gemini = body_after(&team, tongue, "gemini", &format!("!/reasoning-effort({level})")).await;
        let thinking = &gemini["generationConfig"]["thinkingConfig"];
        assert!(
            thinking["thinkingLevel"].is_string() || thinking["thinkingBudget"].is_u64(),
            "{tongue:?} {gemini}"
        );
    }
}

#[tokio::test]
async fn unset_gives_back_what_the_client_says() {
    let team = Team::new().await;
    let mut chat = Chat::new(&team.lip, Tongue::Chat, false);
    chat.say("!/set(temperature=0.5, reasoning-effort=low, project=p)").await;
    chat.say("one").await;
    assert_eq!(team.turns("openai")[0].json()["temperature"], 0.5);
    let said = chat.say("!/unset(temperature, reasoning-effort, project)").await;
    assert_eq!(said, "temperature unset; reasoning-effort unset; project unset");
    chat.say("two").await;
    let body = team.turns("openai")[1].json();
    assert!(body.get("temperature").is_none() && body.get("reasoning_effort").is_none(), "{body}");
}

#[tokio::test]
async fn wrong_values_change_nothing() {
    let team = Team::new().await;
    let mut chat = Chat::new(&team.lip, Tongue::Chat, false);
    for (command, why) in [
        ("!/temperature(3)", "temperature"),
        ("!/set(temperature=0.5, nonsense=1)", "unknown key `nonsense`"),
        ("!/set(reasoning-effort=extreme)", "reasoning-effort"),
        ("!/thinking-budget(5)", "128"),
        ("!/project-dir(relative/path)", "absolute"),
        ("!/project-dir(/does/not/exist)", "cannot be used"),
        ("!/set()", "set"),
        ("!/unset(everything)", "unknown key"),
        ("!/oneoff(nowhere)", "names no backend"),
        ("!/model(a|)", "a model is missing here at column 3"),
    ] {
        let said = chat.say(command).await;
        assert!(said.starts_with("Error: ") && said.contains(why), "{command}: {said}");
    }
    chat.say("go").await;
    let body = team.turns("openai")[0].json();
    assert!(body.get("temperature").is_none() && body["model"] == "gpt-5", "{body}");
}

#[tokio::test]
async fn project_dir_is_shown_and_left() {
    let team = Team::new().await;
    let dir = tempfile::tempdir().expect("a folder");
    let real = dir.path().canonicalize().expect("its path").display().to_string();
    let mut chat = Chat::new(&team.lip, Tongue::Anthropic, true);
    assert_eq!(
        chat.say(&format!("!/project-dir({})", dir.path().display())).await,
        format!("Project directory: {real}")
    );
    assert!(chat.say("!/pwd").await.contains(&real));
    assert_eq!(chat.say("!/set(project-dir=)").await, "project-dir unset");
    assert!(chat.say("!/pwd").await.starts_with("Error: "));
}

#[tokio::test]
async fn routes_made_in_a_chat_are_routes() {
    let broken = stage::Upstream::always(stage::Reply::json(500, "{}")).await;
    let good = stage::Upstream::by(|request| crate::talk::says(request, "gemini speaks")).await;
    let team = Team::of("", vec![("openai", broken), ("gemini", good)], |builder| builder).await;
    let mut chat = Chat::new(&team.lip, Tongue::Chat, false);
    assert!(chat.say("!/create-failover-route(name=big, policy=m)").await.contains("big"));
    assert_eq!(chat.say("!/route-append(name=big, gemini:g)").await, "big: gemini:g");
    assert_eq!(chat.say("!/route-prepend(name=big, openai:o)").await, "big: openai:o | gemini:g");
    assert!(chat.say("!/list-failover-routes").await.contains("big:m"));
    assert!(chat.say("!/route-list(name=big)").await.contains("openai:o | gemini:g"));
    chat.model = "big".to_owned();
    assert_eq!(chat.say("go").await, "gemini speaks");
    let why = chat.say("!/why").await;
    assert!(why.contains("openai:o failed") && why.contains("big is a failover route"), "{why}");
    let status = chat.say("!/status").await;
    assert!(status.contains("turns: 1, of which failed: 0"), "{status}");
    assert!(chat.say("!/route-clear(name=big)").await.contains("emptied"));
    assert!(chat.say("!/delete-failover-route(name=big)").await.contains("big"));
    assert!(chat.say("!/route-list(name=big)").await.starts_with("Error: "));
}

//! Agents as their operator sees them: listed, stopped, ended when idle, and with the host.
use super::House;
use serde_json::Value;
use stage::{Lip, within};
use std::time::Duration;

/// `lip agents …` beside the host of this house.
async fn lip(house: &House, args: &str) -> stage::Output {
    let port = house.lip.address.port().to_string();
    Lip::builder().args(args).args("--port").arg(port).run().await
}

#[tokio::test]
async fn operator_lists_and_stops_agents() {
    let house = House::new("", "").await;
    assert_eq!(lip(&house, "agents").await.stdout, "no agent runs\n");
    let mut chat = house.talk("mine");
    let pid = chat.say("[[PID]]").await;
    let table = lip(&house, "agents").await.stdout;
    let row = table.lines().nth(1).unwrap_or_default();
    for word in [&*pid, "custom-acp.stage", "idle", " MB", house.project.path().to_str().unwrap()] {
        assert!(row.contains(word), "{word} in\n{table}");
    }
    let json: Value = serde_json::from_str(&lip(&house, "agents --json").await.stdout).unwrap();
    let first = &json["agents"][0];
    assert_eq!((first["pid"].to_string(), first["state"].as_str()), (pid.clone(), Some("idle")));
    assert!(first["kill_in_seconds"].as_f64().is_some_and(|s| (3500.0..=3600.0).contains(&s)), "{json}");
    let wrong = lip(&house, "agents stop 1").await;
    assert!(
        !wrong.success && wrong.stderr.contains("no agent of this host has the pid 1"),
        "{}",
        wrong.stderr
    );
    assert_eq!(lip(&house, &format!("agents stop {pid}")).await.stdout, format!("stopped {pid}\n"));
    house.none_survives().await;
    assert!(house.agents().await.is_empty());
    assert_ne!(chat.say("[[PID]]").await, pid);
}

#[tokio::test]
async fn busy_agent_that_is_stopped_fails_its_turn() {
    let house = House::new("", "").await;
    let chat = house.talk("s");
    let (answer, ()) = tokio::join!(chat.attempt_raw("[[DEAF]]"), async {
        let pid = within("a busy agent", async {
            loop {
                if let Some(row) = house.agents().await.into_iter().find(|row| row["state"] == "busy") {
                    return row["pid"].to_string();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        lip(&house, &format!("agents stop {pid}")).await;
    });
    assert!(answer.text().contains("the agent was stopped by the operator"), "{}", answer.text());
    house.none_survives().await;
}

#[tokio::test]
async fn idle_agent_is_ended_and_comes_back_with_its_memory() {
    let house = House::with("", "", "stale_acp_agent_kill_idle_seconds = 60", |lip| {
        lip.env("STALE_ACP_AGENT_KILL_IDLE_SECONDS", "30").args("--stale-acp-agent-kill-idle-seconds 2.5")
    })
    .await;
    let mut chat = house.talk("s");
    let pid = chat.say("[[PID]]").await;
    house.lip.logged("idle kill of an agent scheduled").await;
    assert!(house.lip.stderr().contains("idle_seconds=2.5"), "{}", house.lip.stderr());
    assert_eq!(chat.say("[[PID]]").await, pid);
    house.lip.logged("idle kill of an agent cancelled").await;
    house.lip.logged("idle kill of an agent executed").await;
    house.none_survives().await;
    let prompt = chat.say("what was it? [[ECHO]]").await;
    assert!(prompt.contains("User: [[PID]]") && prompt.contains(&format!("Assistant: {pid}")), "{prompt}");
}

/// The command line outranks the environment, and that the file; each both ways.
#[tokio::test]
async fn idle_kills_can_be_switched_off() {
    for (file, env, args, is_on) in [
        (true, "", "", false),
        (false, "true", "", false),
        (true, "false", "", true),
        (false, "", "--disable-stale-acp-agent-kills", false),
        (true, "true", "--disable-stale-acp-agent-kills=false", true),
    ] {
        let top = format!("disable_stale_acp_agent_kills = {file}");
        let house = House::with("", "", &top, |lip| match env {
            "" => lip.args(args),
            _ => lip.args(args).env("DISABLE_STALE_ACP_AGENT_KILLS", env),
        })
        .await;
        house.talk("s").say("hi").await;
        let rows = house.agents().await;
        assert_eq!(rows[0]["kill_in_seconds"].is_number(), is_on, "{file} {env} {args}: {rows:?}");
    }
}

#[tokio::test]
async fn delay_out_of_range_names_its_source() {
    const ENV: &str = "STALE_ACP_AGENT_KILL_IDLE_SECONDS";
    for (cli, env, file, source) in [
        ("--stale-acp-agent-kill-idle-seconds 0", "", "", "--stale-acp-agent-kill-idle-seconds"),
        ("", "604801", "", ENV),
        ("", "soon", "", ENV),
        ("", "", "stale_acp_agent_kill_idle_seconds = 0.5", "lip.toml"),
    ] {
        let mut builder = Lip::builder().config_toml(file).args("config check").args(cli);
        if !env.is_empty() {
            builder = builder.env(ENV, env);
        }
        let said = builder.run().await;
        assert!(!said.success && said.stderr.contains(source), "{source}: {}{}", said.stdout, said.stderr);
    }
}

#[tokio::test]
async fn host_that_ends_takes_its_agents_along() {
    for vice in ["none", "grandchild"] {
        let house = House::new(&format!("--rogue {vice}"), "").await;
        house.talk("s").say("hi").await;
        assert!(!house.alive().is_empty());
        let House { lip, pids, .. } = house;
        lip.stop().await;
        assert_eq!(super::alive(pids.path()), Vec::<u32>::new(), "{vice}");
    }
}

#[tokio::test]
async fn host_that_is_killed_leaves_nothing() {
    for vice in ["none", "grandchild", "orphan", "stay"] {
        let house = House::new(&format!("--rogue {vice}"), "").await;
        house.talk("s").say("hi").await;
        let House { lip, pids, .. } = house;
        // Dropped hosts are killed.
        drop(lip);
        within("the end of all processes", async {
            while !super::alive(pids.path()).is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

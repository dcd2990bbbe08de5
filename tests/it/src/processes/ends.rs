//! Ends that nobody has planned: of the host, of the warden, and of whoever held the agent.
use super::marked::{Agent, Mark, NAME, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use stage::{Lip, within};

/// Everything that could outlive the rest.
const ROGUES: &str = "--rogue grandchild --rogue orphan --rogue ignore-term";

fn send(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("a pid");
    kill_process(pid, signal).expect("a process that can be signalled");
}

/// The parent of a process.
fn parent(pid: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    line.expect("PPid").trim().parse().expect("a pid")
}

#[tokio::test]
async fn nothing_outlives_a_host_that_is_killed() {
    let mark = Mark::new();
    let command: Vec<String> = std::iter::once(stage::agent().display().to_string())
        .chain(ROGUES.split_whitespace().map(str::to_owned))
        .chain(["--pidfile".to_owned(), mark.value()])
        .collect();
    let config = format!(
        "[backends.custom-acp]\ntype = \"custom-acp\"\ncommand = {}\nenv = {{ {NAME} = \"{}\" }}\nproject_dir = \"{}\"\n",
        json!(command),
        mark.value(),
        std::env::temp_dir().display(),
    );
    let lip = Lip::builder().config_toml(&config).start().await;
    let answer = lip
        .chat(
            json!({"model": "custom-acp:stage-1", "messages": [{"role": "user", "content": "hi"}]})
                .to_string(),
        )
        .await;
    assert!(answer.text().contains("You said"), "{}", answer.text());
    within("its children", until(|| mark.n_seen() >= 5)).await;
    assert!(mark.alive().len() >= 5);
    // As hard as the kernel does it when memory is short.
    drop(lip);
    mark.is_gone("a host that was killed").await;
}

#[tokio::test]
async fn nothing_outlives_whoever_held_the_agent() {
    let mark = Mark::new();
    let mut agent = Agent::start(&mark.command(ROGUES)).await;
    agent.initialize().await;
    drop(agent);
    mark.is_gone("an agent that was dropped").await;
}

#[tokio::test]
async fn nothing_outlives_a_warden_that_is_killed_or_stopped() {
    for (signal, what) in [(Signal::KILL, "killed"), (Signal::STOP, "stopped")] {
        let mark = Mark::new();
        let mut agent = Agent::start(&mark.command("--rogue grandchild --rogue ignore-term")).await;
        agent.initialize().await;
        agent.running.remember();
        within(what, until(|| mark.n_seen() >= 3)).await;
        send(parent(agent.running.pid()), signal);
        assert_eq!(agent.kill().await, 0, "{what}");
        mark.is_gone(what).await;
    }
}

//! Agents that resist.
use super::marked::{Agent, Mark, NOBODY, shell, until};
use futures_util::future::join_all;
use stage::within;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;

/// One second to go by itself, two to end when asked, and then it is ended.
const LIMIT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn every_rogue_is_taken_down_with_all_that_it_started() {
    // How it behaves, whether it answers, and how many processes it has at least.
    let rogues = [
        ("", true, 1),
        ("--rogue stay", true, 1),
        ("--rogue hang", false, 1),
        ("--rogue stdin-blind", false, 1),
        ("--rogue flood-stderr", false, 1),
        ("--rogue flood-stdout", false, 1),
        ("--rogue exec-later", true, 1),
        ("--rogue ignore-term", true, 1),
        ("--rogue grandchild", true, 3),
        ("--rogue orphan", true, 3),
        ("--rogue grandchild --rogue orphan --rogue hang", false, 5),
        ("--rogue grandchild --rogue orphan --rogue ignore-term", true, 5),
        ("--rogue orphan --rogue forks-after-term", true, 3),
        ("--rogue comet", true, 4),
    ];
    join_all(rogues.map(|(args, answers, n_processes)| async move {
        let mark = Mark::new();
        let mut agent = Agent::start(&mark.command(args)).await;
        if answers {
            assert!(agent.initialize().await.contains("agentInfo"), "{args}");
        }
        within(args, until(|| mark.n_seen() >= n_processes)).await;
        assert!(mark.alive().contains(&agent.running.pid()), "{args}");
        let began = Instant::now();
        assert_eq!(agent.kill().await, 0, "{args}");
        assert_eq!(mark.alive(), NOBODY, "{args}");
        assert!(began.elapsed() < LIMIT, "{args}: {:?}", began.elapsed());
    }))
    .await;
}

#[tokio::test]
async fn what_an_agent_leaves_behind_is_gone_when_its_end_is_told() {
    for (args, n_processes) in [
        ("--rogue exit --rogue orphan --rogue grandchild", 5),
        ("--rogue exit --rogue orphan --rogue ignore-term", 3),
    ] {
        let mark = Mark::new();
        let agent = Agent::start(&mark.command(args)).await;
        let exit = within("its end", agent.running.ended()).await;
        assert_eq!((exit.code, exit.signal), (Some(7), None), "{args}");
        assert_eq!(mark.alive(), NOBODY, "{args}");
        assert!(mark.n_seen() >= n_processes, "{args}");
        assert_eq!(agent.kill().await, 0, "{args}");
    }
}

#[tokio::test]
async fn closed_output_is_seen_while_the_agent_lives() {
    let mark = Mark::new();
    let mut command = mark.command("");
    command.program = shell();
    command.args = ["-c", "exec >&- 2>&-; sleep 1000"].map(Into::into).to_vec();
    let mut agent = Agent::start(&command).await;
    let mut rest = Vec::new();
    within("the end of its output", agent.stdout.read_to_end(&mut rest)).await.unwrap();
    within("the end of its errors", agent.stderr.read_to_end(&mut rest)).await.unwrap();
    assert!(!mark.alive().is_empty() && rest.is_empty());
    assert_eq!(agent.kill().await, 0);
    assert_eq!(mark.alive(), NOBODY);
}

//! Who bears a pid.
use super::marked::{Agent, Mark, shell};
use agents::launch::Sameness;

#[tokio::test]
async fn launcher_that_becomes_the_agent_is_known_once_it_is_remembered() {
    let mark = Mark::new();
    let mut command = mark.command("");
    let agent = command.program.display().to_string();
    command.program = shell();
    command.args = ["-c", "sleep 0.3; exec \"$0\" --acp", &agent].map(Into::into).to_vec();
    let mut agent = Agent::start(&command).await;
    let pid = agent.running.pid();
    assert!(agent.initialize().await.contains("agentInfo"));
    // It was a shell when it was seen first.
    assert_eq!(agent.running.sameness(), Sameness::Other);
    agent.running.remember();
    assert_eq!((agent.running.sameness(), agent.running.pid()), (Sameness::Same, pid));
    assert!(agent.running.memory_bytes().is_some_and(|bytes| bytes > 1 << 20));
    drop(agent.stdin);
    agent.running.kill().await;
    assert_eq!(agent.running.sameness(), Sameness::Gone);
}

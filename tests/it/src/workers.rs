//! What is left of workers when their host is gone, and what becomes of a turn whose worker is ended from outside.
use serde_json::json;
use stage::{Lip, within};
use std::fs;
use std::time::Duration;

const CHILD: &str = "--plugin-isolation child";

async fn caged() -> Lip {
    let lip = Lip::builder().args(CHILD).start().await;
    assert_eq!(say(&lip).await, 200);
    lip
}

async fn say(lip: &Lip) -> u16 {
    let body = json!({"model": "echo:m", "messages": [{"role": "user", "content": "hi"}]});
    lip.chat(body.to_string()).await.status
}

/// The workers of the host `host`.
fn workers(host: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{host}/task")).into_iter().flatten().flatten();
    let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let pids: Vec<u32> = children
        .flat_map(|line| line.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect();
    pids.into_iter().filter(|pid| is_worker(*pid)).collect()
}

fn is_worker(pid: u32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| line.windows(15).any(|part| part == b"--plugin-worker"))
}

async fn are_gone(pids: &[u32]) {
    within("the end of all workers", async {
        while pids.iter().any(|pid| is_worker(*pid)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn host_that_ends_leaves_no_worker() {
    let lip = caged().await;
    let pids = workers(lip.pid());
    assert!(!pids.is_empty());
    lip.stop().await;
    are_gone(&pids).await;
}

#[tokio::test]
async fn host_that_is_killed_leaves_no_worker() {
    let lip = caged().await;
    let pids = workers(lip.pid());
    assert!(!pids.is_empty());
    // Dropped hosts are killed.
    drop(lip);
    are_gone(&pids).await;
}

#[tokio::test]
async fn worker_that_is_killed_is_started_again() {
    let lip = caged().await;
    let before = workers(lip.pid());
    for pid in &before {
        let kill = tokio::process::Command::new("kill").arg("-KILL").arg(pid.to_string()).status().await;
        assert!(kill.is_ok_and(|status| status.success()));
    }
    are_gone(&before).await;
    // The host hears of the end by itself; until then a turn may still be sent there.
    within("a turn in a new worker", async {
        while say(&lip).await != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert!(workers(lip.pid()).iter().all(|pid| !before.contains(pid)));
}

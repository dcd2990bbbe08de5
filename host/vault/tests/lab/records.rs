//! Records that are broken, half written, or cannot be written.
use crate::kit::{World, names, pass};
use crate::server::LIFETIME_MS;
use serde_json::json;
use vault::{Disk, Health, RealDisk};

#[tokio::test(start_paused = true)]
async fn broken_record_is_not_touched_and_mends_itself() {
    let world = World::new();
    let process = world.process();
    process.put(world.account("a")).await;
    let good = std::fs::read(world.record("a")).unwrap();
    let half = good[..good.len() / 2].to_vec();
    std::fs::write(world.record("a"), &half).unwrap();
    // The token goes on, in this process and in a new one, and is even renewed.
    pass(LIFETIME_MS).await;
    let other = world.process();
    let renewed = process.lease().await.unwrap();
    assert_eq!(other.lease().await.unwrap().print, renewed.print);
    assert_eq!(world.server.n_asked(), 1);
    let remark = other.standing("a").await.remark.unwrap();
    assert!(remark.contains("a.json cannot be read: it is no whole JSON"), "{remark}");
    assert_eq!(std::fs::read(world.record("a")).unwrap(), half, "nobody touched it");
    // Whole again, yet older than what was renewed meanwhile.
    std::fs::write(world.record("a"), &good).unwrap();
    pass(3_000).await;
    assert_eq!(other.lease().await.unwrap().print, renewed.print);
    assert_eq!(other.standing("a").await.remark, None);
    pass(LIFETIME_MS).await;
    other.lease().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn broken_record_without_a_copy_is_told() {
    let world = World::new();
    std::fs::create_dir_all(world.folder()).unwrap();
    std::fs::write(world.record("a"), "{\"refresh_token\": \"hush").unwrap();
    let process = world.process();
    let refused = process.lease().await.unwrap_err().to_string();
    assert!(refused.contains("cannot be read") && !refused.contains("hush"), "{refused}");
    assert_eq!(process.standing("a").await.health, Health::Unreadable);
    assert!(!process.pool.is_usable().await);
    std::fs::write(world.record("a"), serde_json::to_vec(&world.account("a")).unwrap()).unwrap();
    pass(300).await;
    process.lease().await.unwrap();
    assert!(process.pool.is_usable().await);
}

#[tokio::test(start_paused = true)]
async fn unknown_keys_are_kept() {
    let world = World::new();
    let process = world.process();
    let mut record = serde_json::to_value(world.account("a")).unwrap();
    record["of_a_later_version"] = json!({"x": [1, null]});
    std::fs::create_dir_all(world.folder()).unwrap();
    std::fs::write(world.record("a"), record.to_string()).unwrap();
    pass(LIFETIME_MS).await;
    process.lease().await.unwrap();
    assert_eq!(world.read("a")["of_a_later_version"], json!({"x": [1, null]}));
}

#[tokio::test(start_paused = true)]
async fn full_disk_loses_no_token() {
    let world = World::new();
    let process = world.process();
    process.put(world.account("a")).await;
    pass(LIFETIME_MS).await;
    // Full before the server is asked: it is not asked.
    process.disk.room.set(0);
    let refused = process.lease().await.unwrap_err().to_string();
    assert!(refused.contains("free some space on the disk"), "{refused}");
    assert_eq!(world.server.n_asked(), 0);
    // Full after it answered: the answer waits in memory, and nobody else uses the old token.
    pass(5_000).await;
    process.disk.room.set(1);
    process.lease().await.unwrap_err();
    assert_eq!(world.server.n_renewed(), 1);
    pass(5_000).await;
    process.lease().await.unwrap_err();
    process.disk.room.set(-1);
    pass(20_000).await;
    let lease = process.lease().await.unwrap();
    assert!(world.server.accepts(lease.token.expose()));
    assert_eq!(world.server.n_asked(), 1);
    assert_eq!(world.process().lease().await.unwrap().print, lease.print);
    assert_eq!(names(&world.folder()), ["a.good", "a.json", "a.lock"]);
}

#[tokio::test(start_paused = true)]
async fn tokens_in_memory_alone_are_stored_as_soon_as_can_be() {
    let world = World::new();
    let process = world.process();
    let fields = json!({"project": "p1"}).as_object().unwrap().clone();
    for is_put_anew in [false, true] {
        process.put(world.account("a")).await;
        pass(LIFETIME_MS).await;
        process.disk.room.set(1);
        process.lease().await.unwrap_err();
        process.disk.room.set(-1);
        let began = tokio::time::Instant::now();
        if is_put_anew {
            process.put(world.account("a")).await;
        } else {
            process.pool.amend("a", fields.clone()).await.unwrap();
            process.pool.settle().await;
            assert_eq!(world.read("a")["fields"]["project"], "p1");
        }
        assert!(began.elapsed().as_secs() < 1, "our own lock is not waited for");
        assert!(world.server.is_alive(world.read("a")["refresh_token"].as_str().unwrap()), "{is_put_anew}");
    }
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn folder_that_was_open_to_others_is_closed() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    std::fs::create_dir_all(world.folder()).unwrap();
    std::fs::set_permissions(world.folder(), PermissionsExt::from_mode(0o755)).unwrap();
    world.process().put(world.account("a")).await;
    assert_eq!(std::fs::metadata(world.folder()).unwrap().permissions().mode() & 0o777, 0o700);
    // A record that was copied goes by the name of its file.
    std::fs::copy(world.record("a"), world.record("b")).unwrap();
    let names: Vec<String> = world.process().pool.standings().await.into_iter().map(|s| s.account).collect();
    assert_eq!(names, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_process_wrote_is_found() {
    let world = World::new();
    let process = world.process();
    process.put(world.account("a")).await;
    pass(LIFETIME_MS).await;
    // One rename for the note before the question; the second one never comes.
    process.disk.dies_after.set(1);
    process.lease().await.unwrap_err();
    drop(process);
    assert_eq!(names(&world.folder()).len(), 4, "a temporary file is left");
    let next = world.process();
    let lease = next.lease().await.unwrap();
    assert!(world.server.accepts(lease.token.expose()));
    assert_eq!(world.server.n_asked(), 1);
    assert_eq!(names(&world.folder()), ["a.good", "a.json", "a.lock"]);
}

/// Not a test of its own: what the next one runs in another process.
#[test]
fn holder_of_a_lock() {
    let Some(path) = std::env::var_os("LIP_TEST_LOCK") else { return };
    let _held = RealDisk.try_lock(path.as_ref()).unwrap().unwrap();
    println!("\nheld");
    std::thread::sleep(std::time::Duration::from_secs(3600));
}

#[test]
fn process_that_is_killed_lets_go_of_its_lock() {
    use std::io::{BufRead, BufReader};
    let world = tempfile::tempdir().unwrap();
    let path = world.path().join("a.lock");
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "records::holder_of_a_lock", "--nocapture"])
        .env("LIP_TEST_LOCK", &path)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "held"));
    assert!(RealDisk.try_lock(&path).unwrap().is_none(), "the other process has it");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(RealDisk.try_lock(&path).unwrap().is_some());
}

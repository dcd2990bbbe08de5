//! What lies in a folder, and what the host makes of it.
use super::changeling::{FILE, Scene, body, version};
use crate::bundles::EIGHT;
use serde_json::Value;
use stage::{Call, Lip, bundle, plugins_of};
use std::fs;

#[tokio::test]
async fn bad_file_keeps_the_old_one_until_a_good_one_comes() {
    let scene = Scene::new().await;
    let whole = version(2);
    fs::write(scene.file(), &whole[..whole.len() / 2]).expect("half a library");
    let stream = scene.stream().await;
    let told = scene.lip.cli(&format!("plugin reload --port {}", scene.lip.address.port())).await;
    assert!(!told.success && told.stderr.contains("a library was refused"), "{}", told.printed());
    let line = format!("in use: generation 1 of {}; refused: the new file, because", scene.file().display());
    assert!(told.stdout.contains(&line), "{}", told.printed());
    assert_eq!(scene.serving().await, 1);
    let status = scene.status().await;
    let row = &status["plugins"][0];
    assert_eq!((&row["state"], &row["generation"]), (&Value::from("kept"), &Value::from(1)), "{status}");
    scene.lip.logged("refused: the new file, because").await;
    fs::write(scene.file(), &whole).expect("a library");
    let told = scene.lip.cli(&format!("plugin reload --port {}", scene.lip.address.port())).await;
    assert!(told.success && told.stdout.contains("replaced: changeling 0.1.0"), "{}", told.printed());
    assert_eq!(scene.serving().await, 2);
    scene.gate.open();
    assert_eq!(stream.rest().await.said(), "begun 00001");
}

#[tokio::test]
async fn file_that_goes_takes_its_connectors_along_and_one_that_comes_back_brings_them() {
    let scene = Scene::new().await;
    let stream = scene.stream().await;
    fs::remove_file(scene.file()).expect("it is there");
    let report = scene.reload().await;
    assert_eq!(report["removed"][0]["connectors"][0], "changeling", "{report}");
    let answer = scene.lip.chat(body("version", false)).await;
    assert_eq!(answer.status, 503);
    assert!(
        answer.message().contains("no loaded library has the connector \"changeling\""),
        "{}",
        answer.text()
    );
    assert!(answer.message().contains("lip plugin reload"), "{}", answer.text());
    scene.put(1);
    let report = scene.reload().await;
    // The content is mapped already: the same generation.
    assert_eq!(report["added"][0]["generation"], 1, "{report}");
    assert_eq!(scene.serving().await, 1);
    scene.gate.open();
    assert_eq!(stream.rest().await.said(), "begun 00001");
}

#[tokio::test]
async fn two_libraries_change_at_once_and_others_are_left_alone() {
    let scene = Scene::with(|builder| builder.arg("--log-level").arg("info")).await;
    let others = plugins_of(&["echo", "openai"]);
    for entry in fs::read_dir(others.path()).expect("libraries") {
        let from = entry.expect("an entry").path();
        fs::copy(&from, scene.folder.path().join(from.file_name().expect("a name"))).expect("a copy");
    }
    let report = scene.reload().await;
    assert_eq!(report["added"].as_array().map(Vec::len), Some(2), "{report}");
    assert_eq!(report["backends"]["added"], serde_json::json!(["echo", "openai"]), "{report}");
    scene.put(2);
    let echo = scene.folder.path().join("liblip_echo.so");
    let mut bytes = fs::read(&echo).expect("a library");
    // What stands behind the last section is no part of the program.
    bytes.extend_from_slice(b"another build");
    fs::write(&echo, bytes).expect("a library");
    let report = scene.reload().await;
    assert_eq!(report["replaced"].as_array().map(Vec::len), Some(2), "{report}");
    assert_eq!(
        (&report["kept"], &report["backends"]["kept"]),
        (&Value::from(1), &Value::from(1)),
        "{report}"
    );
    assert_eq!(scene.serving().await, 2);
    let models = scene.lip.send(Call::get("/v1/models")).await.text();
    assert!(models.contains("echo:echo") && models.contains("changeling:version"), "{models}");
    let report = scene.reload().await;
    assert_eq!((&report["kept"], &report["words"]), (&Value::from(3), &Value::Array(vec![])), "{report}");
}

#[tokio::test]
async fn changed_library_waits_until_its_owner_says_that_he_knows_of_it() {
    let scene = Scene::trusting("auto", |builder| builder).await;
    let port = scene.lip.address.port();
    scene.put(2);
    let told = scene.lip.cli(&format!("plugin reload --port {port}")).await;
    assert!(!told.success && told.stdout.contains("in use: generation 1 of"), "{}", told.printed());
    assert!(told.stdout.contains("lip plugin lock"), "{}", told.printed());
    assert_eq!(scene.serving().await, 1);
    let locked = scene.lip.cli("plugin lock changeling").await;
    assert!(locked.success, "{}", locked.printed());
    let told = scene.lip.cli(&format!("plugin reload --port {port}")).await;
    assert!(told.success && told.stdout.contains("generation 2 of"), "{}", told.printed());
    assert_eq!(scene.serving().await, 2);
}

#[tokio::test]
async fn bundle_dropped_beside_a_running_host_adds_its_backends() {
    let folder = plugins_of(&["echo"]);
    let lip = Lip::builder().plugins_dir(folder.path()).start().await;
    let port = lip.address.port();
    let oauth = bundle("oauth");
    fs::copy(&oauth, folder.path().join(oauth.file_name().expect("a name"))).expect("a copy");
    let told = lip.cli(&format!("plugin reload --port {port}")).await;
    assert!(told.success, "{}", told.printed());
    for id in EIGHT {
        assert!(told.stdout.contains(id), "{id} in {}", told.printed());
        // Nobody is logged in, so that the connector itself answers: what to do.
        let answer = lip.chat(body(&format!("{id}:m"), false)).await;
        assert!(matches!(answer.status, 401 | 503), "{id}: {} {}", answer.status, answer.text());
        assert!(answer.message().contains("log"), "{id}: {}", answer.text());
    }
    let told = lip.cli(&format!("plugin status --port {port}")).await;
    assert!(told.success && told.stdout.contains("qwen-oauth"), "{}", told.printed());
}

#[tokio::test]
async fn watched_folder_is_taken_up_by_itself() {
    let scene = Scene::with(|builder| builder.args("--plugin-watch")).await;
    let whole = version(2);
    // Half of it first, as a slow copy is seen; then all of it.
    fs::write(scene.file(), &whole[..whole.len() / 2]).expect("half a library");
    scene.lip.logged("refused: the new file, because").await;
    assert_eq!(scene.serving().await, 1);
    fs::write(scene.file(), &whole).expect("a library");
    scene.lip.logged(&format!("generation 2 of {}", scene.file().display())).await;
    assert_eq!(scene.serving().await, 2);
    assert!(scene.file().ends_with(FILE));
}

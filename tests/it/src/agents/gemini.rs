//! `gemini-cli-acp`, in front of a program called `gemini` that is started and answers as Gemini CLI does.
use super::PATH;
use crate::talk::{Tongue, ways};
use crate::team::Chat;
use stage::{Call, Lip, LipBuilder, agent};
use tempfile::TempDir;

/// A host, and a directory on its PATH that holds `gemini`.
fn desk(lines: &str) -> (LipBuilder, TempDir, TempDir) {
    let (bin, project) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::os::unix::fs::symlink(agent(), bin.path().join("gemini")).unwrap();
    let config = format!(
        "default_backend = \"gemini-cli-acp\"\n[backends.gemini-cli-acp]\ntype = \"gemini-cli-acp\"\n{lines}\n"
    );
    let builder = Lip::builder()
        .config_toml(&config)
        .env("PATH", &format!("{}:{PATH}", bin.path().display()))
        .env("GEMINI_CLI_WORKSPACE", project.path().to_str().unwrap());
    (builder, bin, project)
}

fn talk<'a>(lip: &'a Lip, model: &str) -> Chat<'a> {
    let mut chat = Chat::new(lip, Tongue::Chat, true).header("x-session-id", "s");
    model.clone_into(&mut chat.model);
    chat
}

/// The words that the agent of a conversation was started with.
async fn words(chat: &mut Chat<'_>) -> Vec<String> {
    let pid = chat.say("[[PID]]").await;
    let words = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    words.trim_end_matches('\0').split('\0').skip(1).map(str::to_owned).collect()
}

#[tokio::test]
async fn gemini_is_started_as_its_own_documentation_says() {
    let (builder, _bin, project) = desk("");
    let lip = builder.start().await;
    for (tongue, stream) in ways() {
        let mut chat = Chat::new(&lip, tongue, stream).header("x-session-id", &format!("{tongue:?}{stream}"));
        "gemini-2.5-flash".clone_into(&mut chat.model);
        assert_eq!(chat.say("hello [[THINK]]").await, "You said: hello", "{tongue:?} {stream}");
    }
    for (model, want) in [
        ("default", "gemini-2.5-flash"),
        ("gemini-cli-acp:google/gemini-2.5-pro", "gemini-2.5-pro"),
        ("google/gemini-3-flash-preview", "gemini-3-flash-preview"),
    ] {
        let mut chat = talk(&lip, model);
        assert_eq!(words(&mut chat).await, ["--acp", "--model", want], "{model}");
        assert_eq!(chat.say("[[ENV GEMINI_CLI_NO_RELAUNCH]]").await, "true");
        assert_eq!(chat.say("[[CWD]]").await, project.path().canonicalize().unwrap().to_str().unwrap());
    }
    let list = lip.send(Call::get("/v1/models")).await.text();
    assert!(list.contains("stage-2"), "{list}");
}

#[tokio::test]
async fn gemini_is_started_as_the_config_says() {
    let own = tempfile::tempdir().unwrap();
    let program = own.path().join("my-gemini");
    std::os::unix::fs::symlink(agent(), &program).unwrap();
    let lines = format!(
        "gemini_cli_executable = {program:?}\nacp_flag = \"--experimental-acp\"\nmodel = \"gemini-2.5-pro\"\n\
         auto_accept = false\nenv = {{ GEMINI_CLI_NO_RELAUNCH = \"false\" }}"
    );
    let (builder, ..) = desk(&lines);
    // The workspace of the environment is gone: the session's counts.
    let lip = builder.start().await;
    let project = own.path().canonicalize().unwrap();
    let mut chat = talk(&lip, "default");
    chat.say(&format!("!/project-dir({})", project.display())).await;
    assert_eq!(words(&mut chat).await, ["--experimental-acp", "--model", "gemini-2.5-pro"]);
    assert_eq!(chat.say("[[CWD]]").await, project.to_str().unwrap());
    assert_eq!(chat.say("[[ENV GEMINI_CLI_NO_RELAUNCH]]").await, "false");
    assert_eq!(chat.say("[[TOOL]]").await, "You said:  The tool did not run.");
}

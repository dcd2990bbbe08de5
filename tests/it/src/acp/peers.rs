//! Both ends of the protocol are ours: agents behind `lip acp`, and `lip acp` behind LIP.
#![cfg(target_os = "linux")]
use crate::talk::{Tongue, ways};
use crate::team::Chat;
use stage::{Lip, agent, staged};

const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

#[tokio::test]
async fn agent_behind_works_where_the_editor_does() {
    let project = tempfile::tempdir().unwrap();
    let cwd = project.path().canonicalize().unwrap();
    let config = format!("[backends.custom-acp]\ntype = \"custom-acp\"\ncommand = [{:?}]\n", agent());
    let builder = Lip::builder().config_toml(&config).env("PATH", PATH);
    let mut editor = builder.edit("--default-backend custom-acp --model custom-acp:stage-1");
    let session = editor.session(cwd.to_str().unwrap()).await;
    assert_eq!(editor.say(&session, "[[CWD]]").await, cwd.to_str().unwrap());
    let pid = editor.say(&session, "[[PID]]").await;
    assert_eq!(editor.say(&session, "[[PID]]").await, pid, "one process for the session");
    assert_eq!(editor.say(&session, "[[HISTORY]]").await, "4", "it hears only what is new");
    assert!(editor.close().await.success);
}

#[tokio::test]
async fn lip_is_an_agent_of_lip() {
    let project = tempfile::tempdir().unwrap();
    let program = staged().join("lip");
    let config = format!(
        "default_backend = \"custom-acp\"\n[backends.custom-acp]\ntype = \"custom-acp\"\nproject_dir = {:?}\n\
         command = [{program:?}, \"acp\", \"--default-backend\", \"echo\"]\n",
        project.path(),
    );
    let lip = Lip::builder().config_toml(&config).env("PATH", PATH).start().await;
    for (tongue, stream) in ways() {
        let mut chat = Chat::new(&lip, tongue, stream).header("x-session-id", &format!("{tongue:?}{stream}"));
        "echo:echo".clone_into(&mut chat.model);
        assert_eq!(chat.say("hello").await, "hello", "{tongue:?} {stream}");
    }
    let mut chat = Chat::new(&lip, Tongue::Chat, false).header("x-session-id", "errors");
    "echo:echo".clone_into(&mut chat.model);
    let limited = chat.attempt("#echo error 429 too fast").await;
    assert_eq!(limited.status, 429, "{}", limited.text());
    "echo:echo-reasoner".clone_into(&mut chat.model);
    assert_eq!(chat.say("again").await, "again");
}

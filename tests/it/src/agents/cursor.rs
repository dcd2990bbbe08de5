//! `cursor-cli-acp`, in front of an agent that plays Cursor's CLI: a launcher script that becomes another program later, as the real one.
use super::{PATH, alive};
use serde_json::json;
use stage::{Answer, Lip, LipBuilder, agent};
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

struct Desk {
    project: TempDir,
    pids: TempDir,
    launcher: std::path::PathBuf,
}

impl Desk {
    fn new() -> Self {
        let (project, pids) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let launcher = pids.path().join("agent");
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in *acp) sleep 0.3;; esac\nexec {} --pidfile {} \"$@\"\n",
            agent().display(),
            pids.path().display()
        );
        std::fs::write(&launcher, script).unwrap();
        std::fs::set_permissions(&launcher, PermissionsExt::from_mode(0o755)).unwrap();
        Self { project, pids, launcher }
    }

    fn builder(&self, lines: &str) -> LipBuilder {
        let config = format!(
            "default_backend = \"cursor-cli-acp\"\n[backends.cursor-cli-acp]\ntype = \"cursor-cli-acp\"\nproject_dir = {:?}\n{lines}\n",
            self.project.path()
        );
        Lip::builder()
            .config_toml(&config)
            .env("PATH", PATH)
            .env("CURSOR_AGENT_BIN", self.launcher.to_str().unwrap())
            .env("STAGE_CURSOR_LOGIN", "yes")
    }
}

async fn say(lip: &Lip, model: &str, text: &str) -> Answer {
    let body = json!({"model": model, "messages": [{"role": "user", "content": text}]});
    lip.chat(body.to_string()).await
}

fn said(answer: &Answer) -> String {
    answer.json()["choices"][0]["message"]["content"]
        .as_str()
        .unwrap_or_else(|| panic!("{}", answer.text()))
        .to_owned()
}

#[tokio::test]
async fn cursor_answers_with_its_login_and_its_own_model_names() {
    let desk = Desk::new();
    let lip = desk.builder("").env("CURSOR_API_KEY", "key-of-nobody").start().await;
    assert_eq!(said(&say(&lip, "default", "hi").await), "You said: hi");
    assert_eq!(said(&say(&lip, "default", "[[ENV CURSOR_API_KEY]]").await), "absent");
    for (model, cli) in [
        ("cursor/small", "--model\0cursor-small\0--trust\0acp"),
        ("default", "--model\0composer-2[fast=false]\0--trust\0acp"),
    ] {
        let pid = said(&say(&lip, model, "[[PID]]").await);
        let words = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        assert!(words.contains(cli), "{words:?}");
    }
    assert_eq!(said(&say(&lip, "default", "[[ASK]]").await), "You said:  Asked: skipped.");
    let gone = say(&lip, "cursor/gone", "hi").await;
    assert_eq!((gone.status, gone.error()["code"].as_str()), (404, Some("cursor_model_unavailable")));
    let list = lip.send(stage::Call::get("/v1/models")).await.text();
    assert!(list.contains("cursor/composer-2-fast"), "{list}");
}

#[tokio::test]
async fn cursor_without_a_login_says_what_to_do() {
    let desk = Desk::new();
    let lip = desk.builder("").env("STAGE_CURSOR_LOGIN", "no").start().await;
    let answer = say(&lip, "default", "hi").await;
    assert_eq!((answer.status, answer.error()["code"].as_str()), (401, Some("cursor_cli_auth_unavailable")));
    assert!(answer.message().contains("agent login"), "{}", answer.message());
    // A key is an account as well.
    let lip =
        desk.builder("").env("STAGE_CURSOR_LOGIN", "no").env("CURSOR_API_KEY", "k-123456").start().await;
    assert_eq!(said(&say(&lip, "default", "[[ENV CURSOR_API_KEY]]").await), "k-123456");
}

/// The launcher looks like a shell at first and like the agent later: it is still the same process, and idle kills end it.
#[tokio::test]
async fn launcher_that_becomes_another_program_is_ended_when_idle() {
    let desk = Desk::new();
    let lip = desk.builder("").args("--stale-acp-agent-kill-idle-seconds 1").start().await;
    assert_eq!(said(&say(&lip, "default", "hi").await), "You said: hi");
    assert!(!alive(desk.pids.path()).is_empty());
    lip.logged("idle kill of an agent executed").await;
    assert_eq!(alive(desk.pids.path()), Vec::<u32>::new());
}

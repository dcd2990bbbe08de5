//! The door between hosts that share a state: who has not their secret gets nothing, and who has it can talk to agents of conversations
//! and do nothing else. The state of these hosts is away, so that each has its own agents.
use lip_wire::canon::{Part, Request, Role, Turn};
use serde_json::{Value, json};
use sessions::{Key, Scope};
use stage::{Answer, Call, Lip, agent, within};
use std::time::Duration;
use tempfile::TempDir;

const SECRET: &str = "canary-cluster-0123456789abcdef";
const BACKEND: &str = "custom-acp.stage";

struct Scene {
    lip: Lip,
    project: TempDir,
}

impl Scene {
    async fn new(top: &str) -> Self {
        let project = tempfile::tempdir().unwrap();
        let config = format!(
            "default_backend = {BACKEND:?}\n{top}\n[backends.{BACKEND:?}]\ntype = \"custom-acp\"\n\
             command = [{:?}]\nproject_dir = {:?}\n",
            agent(),
            project.path(),
        );
        Self { lip: Lip::builder().config_toml(&config).start().await, project }
    }

    async fn in_cluster() -> Self {
        let cluster = format!("address = \"http://127.0.0.1:1\"\nsecret = {SECRET:?}");
        Self::new(&format!("state = \"redis://127.0.0.1:1\"\n[cluster]\n{cluster}")).await
    }

    /// The pid of the agent of a conversation.
    async fn begins(&self) -> String {
        let body = json!({"model": "default", "messages": [{"role": "user", "content": "[[PID]]"}]});
        let answer = self.lip.send(Call::chat(body.to_string()).header("x-session-id", "mine")).await;
        answer.json()["choices"][0]["message"]["content"].as_str().expect("a pid").to_owned()
    }

    async fn agents(&self) -> Vec<Value> {
        let answer = self.lip.send(Call::get("/v1/diagnostics/agents")).await;
        answer.json()["agents"].as_array().expect("a list").clone()
    }

    /// What hosts call the only agent.
    async fn name(&self) -> String {
        let row = self.agents().await.pop().expect("an agent");
        let part = |name: &str| row[name].as_str().expect("a text").to_owned();
        let text = ["backend", "workspace", "model", "session"].map(part).join("\0");
        base::hex(Key::agent(Scope::new(""), &text).as_bytes())
    }

    async fn tells(&self, name: &str, secret: Option<(&str, &str)>, body: impl AsRef<[u8]>) -> Answer {
        let call = Call::post(&format!("/v1/cluster/agents/{name}"), body);
        self.lip.send(secret.into_iter().fold(call, |call, (name, value)| call.header(name, value))).await
    }
}

fn says(text: &str) -> Value {
    let turns = vec![Turn::new(Role::User, vec![Part::text(text)])];
    serde_json::to_value(Request { turns, ..Request::default() }).expect("JSON")
}

/// The text of an answer in dialect `lip`.
fn said(answer: &Answer) -> String {
    let texts = answer.events().into_iter().filter_map(|event| {
        let event: Value = serde_json::from_str(&event).ok()?;
        Some(event["text"]["text"].as_str()?.to_owned())
    });
    texts.collect()
}

const RIGHT: Option<(&str, &str)> = Some(("lip-cluster-secret", SECRET));

super::attempts! {
    async fn no_secret_or_another() {
        let scene = Scene::in_cluster().await;
        let pid = scene.begins().await;
        let (name, told) = (scene.name().await, says("[[PID]]").to_string());
        let bearer = format!("Bearer {SECRET}");
        for wrong in [
            None,
            Some(("lip-cluster-secret", "")),
            Some(("lip-cluster-secret", &SECRET[1..])),
            Some(("lip-cluster-secret", &SECRET[..SECRET.len() - 1])),
            Some(("authorization", &*bearer)),
            Some(("x-api-key", SECRET)),
        ] {
            let answer = scene.tells(&name, wrong, &told).await;
            assert_eq!((answer.status, answer.header("lip-owner")), (401, None), "{wrong:?}");
            assert!(!answer.text().contains(&pid) && !answer.text().contains(SECRET), "{}", answer.text());
        }
        let answer = scene.tells(&name, RIGHT, &told).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!((said(&answer), answer.header("lip-owner").is_some()), (pid, true));
        assert!(!scene.lip.printed().contains(SECRET));
    }

    async fn door_of_a_host_that_has_none() {
        let scene = Scene::new("").await;
        scene.begins().await;
        for secret in [None, RIGHT, Some(("lip-cluster-secret", ""))] {
            let answer = scene.tells(&scene.name().await, secret, says("hi").to_string()).await;
            assert_eq!((answer.status, answer.header("lip-owner")), (404, None), "{secret:?}");
        }
    }

    async fn agent_of_ones_own_making() {
        let scene = Scene::in_cluster().await;
        let pid = scene.begins().await;
        let name = scene.name().await;
        for unknown in ["0".repeat(32), name[1..].to_owned(), name.to_uppercase(), format!("{name}00"), "%2e%2e".to_owned()] {
            let answer = scene.tells(&unknown, RIGHT, says("[[PID]]").to_string()).await;
            assert_eq!((answer.status, answer.text()), (410, String::new()), "{unknown}");
        }
        // Another workspace, and a program: neither is for the other side to say.
        let other = tempfile::tempdir().unwrap();
        let mut told = says("[[CWD]]");
        told["extensions"] = json!({"openai-chat": {"project_dir": other.path()}});
        assert_eq!(scene.tells(&name, RIGHT, told.to_string()).await.status, 410);
        let mut told = says("[[CWD]]");
        told["command"] = json!(["sh", "-c", "exit"]);
        let answer = scene.tells(&name, RIGHT, told.to_string()).await;
        assert_eq!(said(&answer), scene.project.path().to_str().expect("a path"));
        let rubbish = scene.tells(&name, RIGHT, "{\"turns\": 1}").await;
        assert_eq!((rubbish.status, rubbish.header("lip-owner").is_some()), (400, true), "{}", rubbish.text());
        let pids: Vec<String> = scene.agents().await.iter().map(|row| row["pid"].to_string()).collect();
        assert_eq!(pids, std::slice::from_ref(&pid));
        // One that was stopped is nobody's soon after.
        let stop = format!("/v1/diagnostics/agents/{pid}/stop");
        assert_eq!(scene.lip.send(Call::post(&stop, "{}")).await.status, 200);
        within("the host to let go of it", async {
            while scene.lip.send(Call::get("/v1/diagnostics")).await.json()["state"]["agents"]["owned"] != 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        assert_eq!(scene.tells(&name, RIGHT, says("[[PID]]").to_string()).await.status, 410);
        assert!(scene.agents().await.is_empty());
    }
}

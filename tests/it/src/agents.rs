//! Agents as backends: the real host, the real library, and an agent that does as it is told.
use crate::talk::{TONGUES, Tongue, says, ways};
use crate::team::{Chat, backend};
use serde_json::{Value, json};
use stage::{Call, Lip, LipBuilder, agent, within};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

mod content;
mod cursor;
mod gemini;
mod operate;
mod rogues;
mod shared;

/// A host whose default backend is the agent, and the places of the story.
struct House {
    lip: Lip,
    project: TempDir,
    /// Every process of the story leaves its pid here.
    pids: TempDir,
}

/// Looks in a row that find nobody, and nobody new, before all are gone.
const QUIET_LOOKS: usize = 10;
/// A path for PATH that has a shell and its tools.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

impl House {
    /// With these flags of the agent and these lines in the backend's table.
    async fn new(flags: &str, lines: &str) -> Self {
        Self::with(flags, lines, "", |builder| builder).await
    }

    async fn with(
        flags: &str,
        lines: &str,
        top: &str,
        change: impl FnOnce(LipBuilder) -> LipBuilder,
    ) -> Self {
        let (project, pids) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let config = format!(
            "default_backend = \"custom-acp.stage\"\n{top}\n[backends.\"custom-acp.stage\"]\ntype = \"custom-acp\"\n\
             command = [{}]\nproject_dir = {:?}\n{lines}\n",
            words(&format!("{flags} --pidfile {}", pids.path().display())),
            project.path(),
        );
        let lip = change(Lip::builder().config_toml(&config).env("PATH", PATH)).start().await;
        Self { lip, project, pids }
    }

    fn chat(&self, tongue: Tongue, stream: bool) -> Chat<'_> {
        let mut chat = Chat::new(&self.lip, tongue, stream);
        "default".clone_into(&mut chat.model);
        chat
    }

    /// A conversation that no other one is taken for.
    fn talk(&self, name: &str) -> Chat<'_> {
        self.chat(Tongue::Chat, true).header("x-session-id", name)
    }

    /// Processes of the story that live.
    fn alive(&self) -> Vec<u32> {
        alive(self.pids.path())
    }

    /// One look is not enough: those that start others and go may all be on their way.
    async fn none_survives(&self) {
        let n_seen = || std::fs::read_dir(self.pids.path()).unwrap().count();
        within("the end of all processes", async {
            let (mut n_quiet, mut before) = (0, n_seen());
            while n_quiet < QUIET_LOOKS {
                tokio::time::sleep(Duration::from_millis(5)).await;
                let is_quiet = self.alive().is_empty() && n_seen() == before;
                (n_quiet, before) = (if is_quiet { n_quiet + 1 } else { 0 }, n_seen());
            }
        })
        .await;
    }

    async fn agents(&self) -> Vec<Value> {
        let answer = self.lip.send(Call::get("/v1/diagnostics/agents")).await;
        answer.json()["agents"].as_array().unwrap().clone()
    }
}

fn words(flags: &str) -> String {
    let program = agent();
    let words = std::iter::once(program.to_str().unwrap())
        .chain(flags.split_whitespace())
        .map(|word| format!("{word:?}"));
    words.collect::<Vec<_>>().join(", ")
}

/// The processes that left their pid in `dir`, live, and are still what they were.
fn alive(dir: &Path) -> Vec<u32> {
    let marked = std::fs::read_dir(dir).unwrap().flatten();
    let pids = marked.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_alive = |pid: &u32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.windows(dir.as_os_str().len()).any(|bytes| bytes == dir.as_os_str().as_encoded_bytes())
    };
    pids.filter(is_alive).collect()
}

#[tokio::test]
async fn text_and_thoughts_come_in_every_clients_own_shape() {
    let house = House::new("", "").await;
    for (tongue, stream) in ways() {
        let mut chat = house.chat(tongue, stream).header("x-session-id", &format!("{tongue:?}{stream}"));
        assert_eq!(chat.say("hello [[THINK]]").await, "You said: hello", "{tongue:?} {stream}");
        assert_eq!(chat.say("again").await, "You said: again", "{tongue:?} {stream}");
    }
    let raw = house.talk("raw").attempt_raw("hi [[THINK]] [[USAGE result]]").await;
    let events = raw.events();
    let thought = events.iter().position(|event| event.contains("Pondering")).expect("a thought");
    let text = events.iter().position(|event| event.contains("\"content\":\"You")).expect("a text");
    assert!(thought < text && events.last().is_some_and(|last| last == "[DONE]"), "{events:?}");
    assert_eq!(raw.header("x-lip-route"), Some("custom-acp.stage:default"));
}

#[tokio::test]
async fn usage_is_taken_from_wherever_the_agent_puts_it() {
    let house = House::new("", "").await;
    for place in ["result", "meta", "chunk"] {
        let body = json!({"model": "default", "messages": [{"role": "user", "content": format!("[[USAGE {place}]]")}]});
        let answer = house.lip.send(Call::chat(body.to_string()).header("x-session-id", place)).await.json();
        let usage = &answer["usage"];
        assert_eq!(
            (&usage["prompt_tokens"], &usage["completion_tokens"]),
            (&json!(11), &json!(7)),
            "{place}: {answer}"
        );
    }
}

#[tokio::test]
async fn tools_are_used_as_the_operator_allows() {
    for (lines, word) in [
        ("", "ran"),
        ("permissions = \"reject\"", "did not run"),
        ("permissions = \"cancel\"", "did not run"),
        ("auto_accept = false", "did not run"),
    ] {
        let house = House::new("", lines).await;
        // Every client where the policy is one of the two that matter; one is enough for the other spellings.
        let tongues = if lines.is_empty() || lines.contains("reject") { &TONGUES[..] } else { &TONGUES[..1] };
        for tongue in tongues {
            let mut chat = house.chat(*tongue, true).header("x-session-id", &format!("{tongue:?}"));
            for marker in ["[[TOOL]]", "[[TOOL2]]"] {
                let want = format!("You said:  The tool {word}.");
                assert_eq!(chat.say(marker).await, want, "{lines} {tongue:?} {marker}");
            }
        }
        house.lip.logged("an agent asked for permission").await;
        let shown = house.talk("shown").attempt_raw("[[TOOL2]]").await.text();
        let end = if word == "ran" { "completed" } else { "not allowed" };
        assert!(shown.contains(&format!("[execute] touch a.txt: {end}")), "{shown}");
    }
}

#[tokio::test]
async fn conversation_keeps_its_agent_and_others_have_their_own() {
    let house = House::new("", "").await;
    let mut one = house.talk("one");
    let pid = one.say("[[PID]]").await;
    assert_eq!(one.say("[[PID]]").await, pid);
    assert_eq!(one.say("[[HISTORY]]").await, "3");
    assert_eq!(
        one.say("[[ECHO]]").await,
        r#"[{"text":"[[ECHO]]","type":"text"}]"#,
        "only what is new is said"
    );
    let mut two = house.talk("two");
    assert_ne!(two.say("[[PID]]").await, pid);
    assert_eq!(one.say("[[CWD]]").await, house.project.path().canonicalize().unwrap().to_str().unwrap());
    // Another history under the same name is told anew, to the same process.
    let mut other = house.talk("one");
    other.history =
        vec![json!({"role": "user", "content": "x"}), json!({"role": "assistant", "content": "y"})];
    assert_eq!(other.say("[[HISTORY]]").await, "1");
}

#[tokio::test]
async fn client_that_goes_away_leaves_the_agent_usable() {
    let house = House::new("", "").await;
    let mut chat = house.talk("s");
    let pid = chat.say("[[PID]]").await;
    for marker in ["[[HANG]]", "[[SLOW 2000]] a text of some words"] {
        let body =
            json!({"model": "default", "stream": true, "messages": [{"role": "user", "content": marker}]});
        let call = Call::chat(body.to_string()).header("x-session-id", "s");
        let mut connection = house.lip.connect().await;
        connection.write(&call).await;
        within("a busy agent", async {
            while house.agents().await.iter().all(|row| row["state"] != "busy") {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        drop(connection);
        assert_eq!(chat.say("[[PID]]").await, pid, "{marker}");
    }
}

#[tokio::test]
async fn models_and_effort_are_chosen_through_the_protocol() {
    for flags in ["", "--config-options"] {
        let house = House::new(flags, "").await;
        let mut chat = house.talk("s");
        assert_eq!(chat.say("[[MODEL]]").await, "stage-1");
        "stage-2".clone_into(&mut chat.model);
        assert_eq!(chat.say("[[MODEL]]").await, "stage-2");
        "stage-9".clone_into(&mut chat.model);
        let refused = chat.attempt("hi").await;
        assert_eq!(refused.status, 404);
        assert!(refused.message().contains("stage-1, stage-2"), "{}", refused.message());
        let list = house.lip.send(Call::get("/v1/models")).await.text();
        assert!(list.contains("stage-2"), "{list}");
    }
    let house = House::new("--config-options", "").await;
    let body = json!({"model": "stage-2", "reasoning_effort": "high", "messages": [{"role": "user", "content": "[[EFFORT]]"}]});
    let answer = house.lip.chat(body.to_string()).await.json();
    assert_eq!(answer["choices"][0]["message"]["content"], "high", "{answer}");
}

#[tokio::test]
async fn what_the_agent_asks_for_is_not_offered() {
    let house = House::new("", "").await;
    assert_eq!(house.talk("fs").say("[[FS]]").await, "You said:  File: -32601.");
}

#[tokio::test]
async fn commands_of_the_agent_cannot_be_reached() {
    let house = House::new("", "").await;
    let said = house.talk("s").say("/extensions install x [[ECHO]]").await;
    let prompt: Value = serde_json::from_str(&said).unwrap();
    assert!(prompt[0]["text"].as_str().unwrap().starts_with("Message of the user:\n/extensions"), "{said}");
}

#[tokio::test]
async fn errors_of_the_agent_keep_their_meaning() {
    let house = House::new("", "").await;
    let pid = house.talk("s").say("[[PID]]").await;
    for (code, status) in
        [("429", 429), ("401", 401), ("403", 403), ("400", 400), ("-32000", 401), ("-32603", 502)]
    {
        let mut chat = house.talk("s");
        let answer = chat.attempt(&format!("[[ERROR {code}]]")).await;
        assert_eq!(answer.status, status, "{code}: {}", answer.text());
        assert!(answer.message().contains("the story says so"), "{}", answer.message());
    }
    assert_eq!(house.talk("s").say("[[PID]]").await, pid, "the process lives");
    let house = House::new("--no-auth", "login_hint = \"Run stage login\"").await;
    let answer = house.talk("s").attempt("hi").await;
    assert_eq!(
        (answer.status, answer.message().contains("Run stage login")),
        (401, true),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn workspaces_are_asked_for_and_judged() {
    let config = format!(
        "default_backend = \"custom-acp\"\n[backends.custom-acp]\ntype = \"custom-acp\"\ncommand = [{}]\n",
        words("")
    );
    let lip = Lip::builder().config_toml(&config).env("PATH", PATH).start().await;
    let mut chat = Chat::new(&lip, Tongue::Chat, false);
    "default".clone_into(&mut chat.model);
    let none = chat.attempt("hi").await;
    assert_eq!((none.status, none.error()["code"].as_str()), (400, Some("acp_missing_project_workspace")));
    for dir in ["/etc", "/nowhere-at-all"] {
        chat.say(&format!("!/project-dir({dir})")).await;
        assert_eq!(chat.attempt("hi").await.error()["code"], "acp_workspace_invalid", "{dir}");
    }
    let project = tempfile::tempdir().unwrap();
    let real = project.path().canonicalize().unwrap();
    chat.say(&format!("!/project-dir({})", real.display())).await;
    assert_eq!(chat.say("[[CWD]]").await, real.to_str().unwrap());
    let body = json!({"model": "default", "project_dir": real, "messages": [{"role": "user", "content": "[[CWD]]"}]});
    let answer = lip.chat(body.to_string()).await.json();
    assert_eq!(answer["choices"][0]["message"]["content"], real.to_str().unwrap());
}

#[tokio::test]
async fn agent_without_a_workspace_gives_way_to_the_next_leg() {
    let provider = stage::Upstream::by(|request| says(request, "openai speaks")).await;
    let config = format!(
        "default_backend = \"openai\"\n{}[backends.custom-acp]\ntype = \"custom-acp\"\ncommand = [{}]\n",
        backend("openai", &provider.url()),
        words("")
    );
    let lip = Lip::builder().config_toml(&config).env("PATH", PATH).start().await;
    let project = tempfile::tempdir().unwrap();
    let mut chat = Chat::new(&lip, Tongue::Anthropic, true).header("x-session-id", "s");
    "custom-acp:stage-1|openai:gpt-5".clone_into(&mut chat.model);
    assert_eq!(chat.say("hi").await, "openai speaks");
    chat.say(&format!("!/project-dir({})", project.path().display())).await;
    let said = chat.say("hi").await;
    assert!(said.contains("Assistant: openai speaks"), "who comes in is told what was said: {said}");
}

#[tokio::test]
async fn program_that_is_not_there_is_told_with_its_remedy() {
    let project = tempfile::tempdir().unwrap();
    for (kind, words) in
        [("gemini-cli-acp", "npm install -g @google/gemini-cli"), ("cursor-cli-acp", "CURSOR_AGENT_BIN")]
    {
        let config = format!(
            "default_backend = \"{kind}\"\n[backends.{kind}]\ntype = \"{kind}\"\nproject_dir = {:?}\n",
            project.path()
        );
        let lip = Lip::builder().config_toml(&config).env("PATH", "/nowhere").start().await;
        let answer = lip.chat(r#"{"model":"default","messages":[{"role":"user","content":"hi"}]}"#).await;
        assert!(
            answer.status >= 500 && answer.message().contains(words),
            "{kind}: {} {}",
            answer.status,
            answer.text()
        );
    }
}

#[tokio::test]
async fn agents_are_for_one_user() {
    let listed = Lip::builder().args("--multi-user-mode backends").env("API_KEYS", "k").run().await;
    for kind in ["gemini-cli-acp", "cursor-cli-acp", "custom-acp"] {
        let line = listed.stdout.lines().find(|line| line.contains(kind)).expect("a row");
        assert!(line.contains("the account of one person"), "{line}");
    }
    // Also one that was asked for is not started.
    let many =
        |lip: LipBuilder| lip.args("--multi-user-mode --host 127.0.0.1").env("API_KEYS", "client-key-1");
    let house = House::with("", "", "", many).await;
    let mut chat = house.talk("s").header("authorization", "Bearer client-key-1");
    let refused = chat.attempt("hi").await;
    assert!(refused.status >= 400 && refused.message().contains("one person"), "{}", refused.text());
    assert!(std::fs::read_dir(house.pids.path()).unwrap().next().is_none(), "nothing was started");
}

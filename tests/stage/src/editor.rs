//! A client of `lip acp`, such as an editor: the real program, and its pipes as messages.
use crate::deadline::within;
use crate::host::{LipBuilder, Output};
use serde_json::{Value, json};
use std::collections::VecDeque;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::task::JoinHandle;

/// The client and the program. The program is killed when this is dropped.
#[derive(Debug)]
pub struct Editor {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: JoinHandle<String>,
    /// Messages that came while another one was waited for.
    heard: VecDeque<Value>,
    last_id: u64,
    /// Its home, for as long as it lives.
    _builder: LipBuilder,
}

impl LipBuilder {
    /// Starts `lip acp`; more of its arguments may follow the ones that are here.
    pub fn edit(self, args: &str) -> Editor {
        let builder = self.arg("acp").args(args);
        let mut command = builder.command();
        command.stdin(std::process::Stdio::piped());
        let mut child = command.spawn().expect("lip starts");
        let stdin = child.stdin.take().expect("stdin");
        let stdout = BufReader::new(child.stdout.take().expect("stdout")).lines();
        let mut log = child.stderr.take().expect("stderr");
        let stderr = tokio::spawn(async move {
            let mut text = Vec::new();
            let _ = log.read_to_end(&mut text).await;
            String::from_utf8_lossy(&text).into_owned()
        });
        Editor { child, stdin, stdout, stderr, heard: VecDeque::new(), last_id: 0, _builder: builder }
    }
}

impl Editor {
    /// Writes these bytes and nothing else.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stdin.write_all(bytes.as_ref()).await.expect("lip reads");
        self.stdin.flush().await.expect("lip reads");
    }

    /// Sends a notification.
    pub async fn tell(&mut self, method: &str, params: Value) {
        self.write(format!("{}\n", json!({"jsonrpc": "2.0", "method": method, "params": params}))).await;
    }

    /// Sends a request and gives its id.
    pub async fn ask(&mut self, method: &str, params: Value) -> u64 {
        self.last_id += 1;
        let request = json!({"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params});
        self.write(format!("{request}\n")).await;
        self.last_id
    }

    /// The first message that `is_it`, of those that nobody has taken. Others wait.
    pub async fn heard(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.heard.iter().position(&is_it) {
            return self.heard.remove(at).expect("it is there");
        }
        loop {
            let line = within(what, self.stdout.next_line()).await.expect("lip speaks");
            let line = line.unwrap_or_else(|| panic!("lip ended before {what}"));
            let message: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{line}: {e}"));
            assert_eq!(message["jsonrpc"], "2.0", "{line}");
            if is_it(&message) {
                return message;
            }
            self.heard.push_back(message);
        }
    }

    /// The answer to a request: its result, or its error.
    pub async fn answer(&mut self, id: u64) -> Result<Value, Value> {
        let mut answer = self.heard("an answer", |message| message["id"] == id).await;
        match answer.get_mut("error") {
            Some(error) => Err(error.take()),
            None => Ok(answer["result"].take()),
        }
    }

    /// Sends a request and waits for its answer.
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.ask(method, params).await;
        self.answer(id).await
    }

    /// A new session in this directory.
    pub async fn session(&mut self, cwd: &str) -> String {
        let opened = self.call("session/new", json!({"cwd": cwd, "mcpServers": []})).await;
        opened.expect("a session")["sessionId"].as_str().expect("an id").to_owned()
    }

    /// Sends a prompt of one text and gives its id.
    pub async fn prompt(&mut self, session: &str, text: &str) -> u64 {
        let prompt = json!([{"type": "text", "text": text}]);
        self.ask("session/prompt", json!({"sessionId": session, "prompt": prompt})).await
    }

    /// Waits for the next update of a session, and gives its kind and text.
    pub async fn update(&mut self, session: &str) -> (String, String) {
        let is_it = |message: &Value| message["params"]["sessionId"] == *session;
        let message = self.heard("an update", is_it).await;
        assert_eq!(message["method"], "session/update", "{message}");
        let update = &message["params"]["update"];
        let text = update["content"]["text"].as_str().expect("a text");
        (update["sessionUpdate"].as_str().expect("a kind").to_owned(), text.to_owned())
    }

    /// All messages and thoughts of a session that came and nobody took.
    pub fn said(&mut self, session: &str) -> (String, String) {
        let (mut text, mut thoughts) = (String::new(), String::new());
        self.heard.retain(|message| {
            let update = &message["params"]["update"];
            let is_own = message["params"]["sessionId"] == *session;
            let to = if update["sessionUpdate"] == "agent_thought_chunk" { &mut thoughts } else { &mut text };
            to.push_str(update["content"]["text"].as_str().filter(|_| is_own).unwrap_or_default());
            !is_own
        });
        (text, thoughts)
    }

    /// One prompt to its good end: what was said.
    pub async fn say(&mut self, session: &str, text: &str) -> String {
        let id = self.prompt(session, text).await;
        let ended = self.answer(id).await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(ended["stopReason"], "end_turn", "{ended}");
        self.said(session).0
    }

    /// Closes its standard input and waits for its end. What it still said is in `stdout`.
    pub async fn close(mut self) -> Output {
        drop(self.stdin);
        let status = within("lip to end", self.child.wait()).await.expect("an exit status");
        let mut stdout = String::new();
        while let Some(line) = self.stdout.next_line().await.expect("its last words") {
            stdout += &line;
            stdout.push('\n');
        }
        let stderr = self.stderr.await.expect("its log");
        Output { success: status.success(), stdout, stderr }
    }
}

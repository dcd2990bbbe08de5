//! An agent in memory: speaks ACP over two pipes, does what the prompt's markers say, and remembers what was said to it.
use agents::launch::{Command, Exit, Killed, Launch, Running, Sameness, Soon, Started};
use serde_json::{Value, json};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::sync::watch;

/// What was seen of all agents of one launcher.
#[derive(Default)]
pub(crate) struct World {
    next_pid: AtomicU32,
    /// Pid, method and parameters of everything that agents were told.
    pub(crate) told: Mutex<Vec<(u32, String, Value)>>,
    /// Pids that were killed through their handle.
    pub(crate) killed: Mutex<Vec<u32>>,
    /// Agents that live.
    pub(crate) alive: Mutex<Vec<u32>>,
    /// How long a start takes.
    pub(crate) slow_start: Mutex<Duration>,
    /// `session/new` is refused.
    pub(crate) no_auth: Mutex<bool>,
}

impl World {
    /// The texts of all prompts, in order, with their agents.
    pub(crate) fn prompts(&self) -> Vec<(u32, String)> {
        let told = self.told.lock().unwrap();
        let text = |(pid, method, params): &(u32, String, Value)| {
            (method == "session/prompt")
                .then(|| (*pid, params["prompt"][0]["text"].as_str().unwrap().to_owned()))
        };
        told.iter().filter_map(text).collect()
    }

    /// How often agents were told `method`.
    pub(crate) fn n_told(&self, method: &str) -> usize {
        self.told.lock().unwrap().iter().filter(|(_, told, _)| told == method).count()
    }

    pub(crate) fn n_alive(&self) -> usize {
        self.alive.lock().unwrap().len()
    }
}

#[derive(Clone, Default)]
pub(crate) struct Launcher(pub(crate) Arc<World>);

struct Actor {
    pid: u32,
    world: Arc<World>,
    end: watch::Sender<bool>,
}

impl Running for Actor {
    fn pid(&self) -> u32 {
        self.pid
    }

    fn ended(&self) -> Soon<'_, Exit> {
        let mut end = self.end.subscribe();
        Box::pin(async move {
            let _ = end.wait_for(|is_over| *is_over).await;
            Exit { code: Some(7), signal: None }
        })
    }

    fn remember(&self) {}

    fn sameness(&self) -> Sameness {
        if *self.end.borrow() { Sameness::Gone } else { Sameness::Same }
    }

    fn memory_bytes(&self) -> Option<u64> {
        Some(1 << 20)
    }

    fn kill(&self) -> Soon<'_, Killed> {
        Box::pin(async move {
            self.world.killed.lock().unwrap().push(self.pid);
            self.end.send_replace(true);
            // Its task sees the end before anybody else looks.
            tokio::task::yield_now().await;
            self.world.alive.lock().unwrap().retain(|pid| *pid != self.pid);
            Killed::default()
        })
    }
}

impl Launch for Launcher {
    fn launch(&self, _: &Command) -> Soon<'_, io::Result<Started>> {
        let world = Arc::clone(&self.0);
        Box::pin(async move {
            let pid = 100 + world.next_pid.fetch_add(1, Ordering::SeqCst);
            let (stdin, their_stdin) = duplex(1 << 16);
            let (stdout, their_stdout) = duplex(1 << 16);
            let (_, stderr) = duplex(64);
            let (end, mut is_over) = watch::channel(false);
            world.alive.lock().unwrap().push(pid);
            let (own, ends) = (Arc::clone(&world), end.clone());
            tokio::spawn(async move {
                let slow = *own.slow_start.lock().unwrap();
                tokio::time::sleep(slow).await;
                let mut it = Play { pid, world: Arc::clone(&own), out: their_stdout, cancelled: false, n: 0 };
                tokio::select! {
                    _ = is_over.wait_for(|is_over| *is_over) => {}
                    () = it.live(BufReader::new(their_stdin)) => {}
                }
                own.alive.lock().unwrap().retain(|alive| *alive != pid);
                ends.send_replace(true);
            });
            let running = Box::new(Actor { pid, world, end });
            Ok(Started {
                stdin: Box::pin(stdin),
                stdout: Box::pin(stdout),
                stderr: Box::pin(stderr),
                running,
            })
        })
    }
}

struct Play {
    pid: u32,
    world: Arc<World>,
    out: DuplexStream,
    cancelled: bool,
    n: u32,
}

impl Play {
    async fn say(&mut self, message: Value) {
        let _ = self.out.write_all(format!("{message}\n").as_bytes()).await;
    }

    async fn live(&mut self, stdin: BufReader<DuplexStream>) {
        let mut lines = stdin.lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let message: Value = serde_json::from_str(&line).unwrap();
            let method = message["method"].as_str().unwrap_or("answer").to_owned();
            let (id, params) = (message["id"].clone(), message["params"].clone());
            self.world.told.lock().unwrap().push((self.pid, method.clone(), params.clone()));
            let result = match &*method {
                "initialize" => json!({"protocolVersion": 1, "agentInfo": {"name": "actor", "version": "1"}}),
                "session/new" if *self.world.no_auth.lock().unwrap() => {
                    self.say(json!({"id": id, "error": {"code": -32000, "message": "Log in first"}})).await;
                    continue;
                }
                "session/new" => {
                    self.n += 1;
                    json!({"sessionId": format!("s{}", self.n)})
                }
                "session/prompt" => {
                    let text = params["prompt"][0]["text"].as_str().unwrap().to_owned();
                    if !self.prompt(&id, params["sessionId"].as_str().unwrap(), &text, &mut lines).await {
                        return;
                    }
                    continue;
                }
                _ => continue,
            };
            self.say(json!({"jsonrpc": "2.0", "id": id, "result": result})).await;
        }
    }

    /// False: it dies.
    async fn prompt(
        &mut self,
        id: &Value,
        session: &str,
        text: &str,
        lines: &mut tokio::io::Lines<BufReader<DuplexStream>>,
    ) -> bool {
        self.cancelled = false;
        let newest = text.rsplit("message of the user:\n").next().unwrap_or_default();
        let chunk = |text: &str| {
            let content = json!({"type": "text", "text": text});
            let update = json!({"sessionUpdate": "agent_message_chunk", "content": content});
            json!({"method": "session/update", "params": {"sessionId": session, "update": update}})
        };
        let stop = |reason: &str| json!({"id": id, "result": {"stopReason": reason}});
        match newest.split_whitespace().next().unwrap_or_default() {
            "error" => {
                let code: i64 = newest.split_whitespace().nth(1).unwrap().parse().unwrap();
                self.say(json!({"id": id, "error": {"code": code, "message": "as asked"}})).await;
            }
            "die" => return false,
            "half" => {
                self.say(chunk("half")).await;
                return false;
            }
            "junk" => {
                for _ in 0..1000 {
                    let _ = self.out.write_all(b"Welcome!\n").await;
                }
            }
            // Says something first, then waits for a cancel.
            "wait" => {
                self.say(chunk("waiting")).await;
                while let Ok(Some(line)) = lines.next_line().await {
                    self.world.told.lock().unwrap().push((
                        self.pid,
                        "session/cancel".to_owned(),
                        Value::Null,
                    ));
                    if line.contains("session/cancel") {
                        break;
                    }
                }
                self.say(stop("cancelled")).await;
            }
            "deaf" => std::future::pending::<()>().await,
            "slow" => {
                let seconds = newest.split_whitespace().nth(1).unwrap().parse().unwrap();
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                self.say(chunk("at last")).await;
                self.say(stop("end_turn")).await;
            }
            "other" => {
                let mut other = chunk("not for you");
                other["params"]["sessionId"] = json!("another");
                self.say(other).await;
                self.say(chunk("mine")).await;
                self.say(stop("end_turn")).await;
                self.say(stop("end_turn")).await;
            }
            "ask" => {
                let options = json!([{"optionId": "y", "kind": "allow_once"}, {"optionId": "n", "kind": "reject_once"}]);
                let params = json!({"sessionId": session, "toolCall": {"toolCallId": "1", "title": "rm"}, "options": options});
                self.say(json!({"id": null, "method": "session/request_permission", "params": params})).await;
                let answer: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
                assert_eq!(answer["id"], Value::Null);
                self.say(chunk(&answer["result"]["outcome"].to_string())).await;
                self.say(stop("end_turn")).await;
            }
            _ => {
                self.say(chunk(&format!("{} heard: ", self.pid))).await;
                self.say(chunk(newest)).await;
                self.say(stop("end_turn")).await;
            }
        }
        true
    }
}

//! Both directions of the conversation: one JSON message per line. Source: the ACP documentation, "Transports".
use crate::flags::Flags;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// What comes from the client.
pub(crate) struct Talk {
    from_client: Receiver<Value>,
    /// Read while something else was waited for.
    later: VecDeque<Value>,
    requests: u64,
    copies: usize,
    string_ids: bool,
    null_ids: bool,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// The time is over.
    Time,
    /// The client has cancelled the turn.
    Cancelled,
}

impl Talk {
    pub(crate) fn new(flags: &Flags) -> Self {
        let (tell, from_client) = channel();
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().split(b'\n') {
                let Ok(line) = line else { return };
                // What is no message is ignored, as Gemini CLI does.
                if let Ok(message) = serde_json::from_slice::<Value>(&line)
                    && tell.send(message).is_err()
                {
                    return;
                }
            }
        });
        Self {
            from_client,
            later: VecDeque::new(),
            requests: 0,
            copies: if flags.is("twice") { 2 } else { 1 },
            string_ids: flags.is("string-ids"),
            null_ids: flags.is("null-ids"),
        }
    }

    /// The next message; none: the client has closed the input.
    pub(crate) fn next(&mut self) -> Option<Value> {
        self.later.pop_front().or_else(|| self.from_client.recv().ok())
    }

    /// Waits for `time`, unless the turn is cancelled or the input closed, which ends the process.
    pub(crate) fn wait(&mut self, time: Duration) -> Woken {
        let by = Instant::now() + time;
        loop {
            match self.from_client.recv_timeout(by.saturating_duration_since(Instant::now())) {
                Ok(message) if is_cancel(&message) => return Woken::Cancelled,
                Ok(message) => self.later.push_back(message),
                Err(RecvTimeoutError::Timeout) => return Woken::Time,
                Err(RecvTimeoutError::Disconnected) => std::process::exit(0),
            }
        }
    }

    /// Asks the client and waits for the answer: `result` or `error` of it; none: the turn is cancelled.
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> Option<Value> {
        // Real agents number their own requests from 0.
        let id = match (self.null_ids, self.string_ids) {
            (true, _) => Value::Null,
            (_, true) => json!(format!("ask-{}", self.requests)),
            _ => json!(self.requests),
        };
        self.requests += 1;
        say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let Ok(message) = self.from_client.recv() else { std::process::exit(0) };
            let is_answer = message.get("method").is_none();
            if is_answer && message.get("id") == Some(&id) {
                return Some(message);
            }
            match is_cancel(&message) {
                true => return None,
                false => self.later.push_back(message),
            }
        }
    }

    /// Answers a request.
    pub(crate) fn answer(&self, id: &Value, result: &Value) {
        (0..self.copies).for_each(|_| say(&json!({"jsonrpc": "2.0", "id": id, "result": result})));
    }

    /// Answers a request with an error.
    pub(crate) fn refuse(&self, id: &Value, code: i64, message: &str) {
        let error = json!({"code": code, "message": message});
        (0..self.copies).for_each(|_| say(&json!({"jsonrpc": "2.0", "id": id, "error": error})));
    }
}

fn is_cancel(message: &Value) -> bool {
    // A notification: with an id it is an unknown request, and the turn goes on.
    message["method"] == "session/cancel" && message.get("id").is_none()
}

/// Sends an update of a session.
pub(crate) fn update(session: &str, update: &Value) {
    say(
        &json!({"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": session, "update": update}}),
    );
}

/// Sends a message. The process ends when nobody hears it.
pub(crate) fn say(message: &Value) {
    write(format!("{message}\n").as_bytes());
}

/// Sends bytes.
pub(crate) fn write(bytes: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    if stdout.write_all(bytes).and_then(|()| stdout.flush()).is_err() {
        std::process::exit(0);
    }
}

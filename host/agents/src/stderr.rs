//! The last words of a program, without the secrets that it was given.
use parking_lot::Mutex;
use std::ffi::OsString;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;

/// Bytes that are kept.
const KEPT_BYTES: usize = 16 << 10;
/// Lines and characters of them that an error shows.
const SHOWN_LINES: usize = 4;
const SHOWN_CHARS: usize = 600;
/// A shorter value is no secret that could be told from other text.
const SECRET_BYTES_MIN: usize = 6;

/// The end of a program's standard error.
#[derive(Debug)]
pub(crate) struct Tail {
    bytes: Mutex<Vec<u8>>,
    is_over: watch::Sender<bool>,
    secrets: Vec<String>,
}

impl Tail {
    /// Reads `stderr` until its end, in the background. Values of variables in `env` that are named like secrets are never shown.
    pub(crate) fn of(mut stderr: Pin<Box<dyn AsyncRead + Send>>, env: &[(OsString, OsString)]) -> Arc<Self> {
        let tail = Arc::new(Self {
            bytes: Mutex::default(),
            is_over: watch::Sender::new(false),
            secrets: secrets(env),
        });
        let own = Arc::clone(&tail);
        tokio::spawn(async move {
            let mut chunk = vec![0; 4 << 10];
            while let Ok(n @ 1..) = stderr.read(&mut chunk).await {
                own.push(chunk.get(..n).unwrap_or_default());
            }
            own.is_over.send_replace(true);
        });
        tail
    }

    /// Waits until nothing more will be said.
    pub(crate) async fn over(&self) {
        let _ = self.is_over.subscribe().wait_for(|is_over| *is_over).await;
    }

    fn push(&self, chunk: &[u8]) {
        let mut bytes = self.bytes.lock();
        bytes.extend_from_slice(chunk);
        if let Some(excess) = bytes.len().checked_sub(KEPT_BYTES) {
            bytes.drain(..excess);
        }
    }

    /// The last lines, for an error. Empty: it said nothing.
    pub(crate) fn shown(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes.lock()).into_owned();
        let mut text = text;
        for secret in &self.secrets {
            text = text.replace(&**secret, "***");
        }
        let plain =
            |line: &str| line.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned();
        let lines: Vec<String> = text.lines().map(plain).filter(|line| !line.is_empty()).collect();
        let last = lines.get(lines.len().saturating_sub(SHOWN_LINES)..).unwrap_or_default().join(" / ");
        match last.char_indices().rev().nth(SHOWN_CHARS) {
            Some((start, _)) => format!("…{}", last.get(start..).unwrap_or_default()),
            None => last,
        }
    }
}

fn secrets(env: &[(OsString, OsString)]) -> Vec<String> {
    let is_secret = |name: &str| {
        let name = name.to_ascii_uppercase();
        ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "AUTH"].iter().any(|word| name.contains(word))
    };
    let named = env.iter().filter(|(name, _)| name.to_str().is_some_and(is_secret));
    let mut values: Vec<String> = named
        .filter_map(|(_, value)| value.to_str())
        .filter(|value| value.len() >= SECRET_BYTES_MIN)
        .map(str::to_owned)
        .collect();
    // One value may be part of another.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(env: &[(&str, &str)]) -> Tail {
        let env: Vec<_> =
            env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
        Tail { bytes: Mutex::default(), is_over: watch::Sender::new(false), secrets: secrets(&env) }
    }

    #[test]
    fn last_lines_are_shown_without_secrets() {
        let tail = tail(&[
            ("GEMINI_API_KEY", "sk-secret-1"),
            ("LONGER_TOKEN", "sk-secret-1-and-more"),
            ("HOME", "/h/me"),
        ]);
        tail.push(b"1\n2\n3\n\n\x1b[31mbad key sk-secret-1-and-more\x1b[0m\nsk-secret-1 at /h/me\nend");
        assert_eq!(tail.shown(), "3 / [31mbad key ***[0m / *** at /h/me / end");
    }

    #[test]
    fn what_is_kept_and_shown_is_bounded() {
        let tail = tail(&[]);
        for _ in 0..10_000 {
            tail.push("é".repeat(100).as_bytes());
        }
        assert!(tail.bytes.lock().len() <= KEPT_BYTES);
        assert!(tail.shown().chars().count() <= SHOWN_CHARS + 2);
    }
}

//! The changeling in any number of versions, in a folder of its own.
use serde_json::{Value, json};
use stage::{Call, Gate, Lip, LipBuilder, OpenAnswer, Reply, Upstream, library};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

const VERSION: &[u8] = b"changeling version ";
/// The file that is replaced.
pub(super) const FILE: &str = "libchangeling.so";

/// The bytes of a version: another number in the same place.
pub(super) fn version(n: usize) -> Vec<u8> {
    let mut bytes = fs::read(library("tests/it/changeling", "changeling")).expect("the library");
    let mut at = bytes.windows(VERSION.len()).position(|window| window == VERSION).expect("its version");
    at += VERSION.len();
    bytes[at..at + 5].copy_from_slice(format!("{n:05}").as_bytes());
    bytes
}

/// A folder with the changeling, an upstream that streams one delta and then waits, and the host between them.
pub(super) struct Scene {
    pub(super) folder: TempDir,
    pub(super) gate: Gate,
    pub(super) lip: Lip,
    _upstream: Upstream,
}

impl Scene {
    /// With the version 1.
    pub(super) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    /// With settings of its own; whatever lies in its folder is trusted.
    pub(super) async fn with(change: impl FnOnce(LipBuilder) -> LipBuilder) -> Self {
        Self::trusting("off", change).await
    }

    /// With `plugins.lock` as it says.
    pub(super) async fn trusting(lock: &str, change: impl FnOnce(LipBuilder) -> LipBuilder) -> Self {
        let (folder, gate) = (tempfile::tempdir().expect("a folder"), Gate::default());
        let delta = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"begun \"}}]}\n\n";
        let upstream = Upstream::always(Reply::events().send(delta).hold(&gate).end()).await;
        fs::write(folder.path().join(FILE), version(1)).expect("a library");
        let builder = Lip::builder().plugins_dir(folder.path()).env("CHANGELING_BASE_URL", &upstream.url());
        let lip = change(builder.args("--default-backend changeling --plugin-lock").arg(lock)).start().await;
        Self { folder, gate, lip, _upstream: upstream }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.path().join(FILE)
    }

    /// Puts a version in place of what is there.
    pub(super) fn put(&self, n: usize) {
        fs::write(self.file(), version(n)).expect("a library");
    }

    /// Lets the host look, as an operator does who has `curl`.
    pub(super) async fn reload(&self) -> Value {
        let answer = self.lip.send(Call::post("/v1/diagnostics/plugins/reload", "")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// What the host says of its libraries.
    pub(super) async fn status(&self) -> Value {
        self.lip.send(Call::get("/v1/diagnostics/plugins")).await.json()
    }

    /// The version that serves a new turn.
    pub(super) async fn serving(&self) -> usize {
        let answer = self.lip.chat(body("version", false)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let said = answer.json()["choices"][0]["message"]["content"].as_str().expect("a version").to_owned();
        said.parse().expect("a number")
    }

    /// A stream that has begun and goes on once the gate is open.
    pub(super) async fn stream(&self) -> OpenAnswer {
        let mut stream = self.lip.open_chat(body("relay", true)).await;
        stream.read_until("begun").await;
        stream
    }
}

pub(super) fn body(model: &str, stream: bool) -> String {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}).to_string()
}

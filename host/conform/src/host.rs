//! Our own host as the gateway: started with one backend per dialect, all of them in front of the scripted upstream.
use crate::client::Gateway;
use crate::dialect::Dialect;
use crate::run::ConformError;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const READY: &str = "lip listening on ";
const READY_MAX: Duration = Duration::from_secs(60);
const KEY: &str = "sk-conform";

/// The host; ends with its handle.
pub(crate) struct Host {
    pub(crate) gateway: Gateway,
    _child: Child,
    _home: TempDir,
}

impl Host {
    /// Starts `program` and waits until it listens.
    pub(crate) async fn start(program: &Path, upstream: SocketAddr) -> Result<Self, ConformError> {
        let fail = |what: &str, e: std::io::Error| ConformError(format!("{what}: {e}"));
        let home = TempDir::new().map_err(|e| fail("no temporary folder", e))?;
        let config = home.path().join("lip.toml");
        std::fs::write(&config, self::config(upstream)).map_err(|e| fail("no config file", e))?;
        let mut command = Command::new(program);
        command.arg("serve").arg("--config").arg(&config).args(["--host", "127.0.0.1", "--port", "0"]);
        for name in ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"] {
            command.env(name, KEY);
        }
        // Neither the user's settings nor their keys take part.
        for name in ["XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "HOME"] {
            command.env(name, home.path());
        }
        command.env("API_KEYS", KEY).env_remove("LLM_INTERACTIVE_PROXY_API_KEY").env("LOG_LEVEL", "error");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|e| fail(&program.display().to_string(), e))?;
        let stdout = child.stdout.take().ok_or_else(|| ConformError("the host has no output".to_owned()))?;
        let mut lines = BufReader::new(stdout).lines();
        let url = async {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(url) = line.strip_prefix(READY) {
                    return Some(url.trim().to_owned());
                }
            }
            None
        };
        let url = tokio::time::timeout(READY_MAX, url).await.ok().flatten();
        let url =
            url.ok_or_else(|| ConformError("the host did not start; its errors stand above".to_owned()))?;
        // Its summary must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let gateway = Gateway::parse(&url, KEY.to_owned()).map_err(ConformError)?;
        Ok(Self { gateway, _child: child, _home: home })
    }
}

fn config(upstream: SocketAddr) -> String {
    let mut text = String::from("default_backend = \"openai\"\ndisable_interactive_commands = true\n");
    for dialect in Dialect::ALL {
        let path = if dialect == Dialect::Gemini { "" } else { "/v1" };
        let name = dialect.backend();
        let _ = write!(text, "[backends.{name}]\ntype = \"{name}\"\napi_url = \"http://{upstream}{path}\"\n");
    }
    text
}

//! Which account Cursor CLI uses: that of `agent login`, else a key from the environment.
use lip_plugin::{Agent, CommandOutput, Deserialize, Error, Serialize, Value, serde_json};

/// How long the question may take whether it is logged in.
pub(crate) const PROBE_MS: u64 = 30_000;

/// The account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(crate = "lip_plugin::serde", rename_all = "snake_case")]
pub(crate) enum Login {
    /// The one of `agent login`.
    Own,
    /// The one of the key in `CURSOR_API_KEY`.
    Key,
    /// There is none.
    None,
}

impl Login {
    /// The agent with this account: a key in the environment would come before a login.
    pub(crate) fn apply(self, mut agent: Agent) -> Agent {
        if self == Self::Own {
            agent.env_remove.extend(["CURSOR_API_KEY", "CURSOR_AUTH_TOKEN"].map(str::to_owned));
        }
        agent
    }
}

/// Does `agent status --format json` say that it is logged in?
pub(crate) fn is_authenticated(output: &CommandOutput) -> bool {
    let start = output.stdout.find('{').unwrap_or_default();
    let status: Value =
        serde_json::from_str(output.stdout.get(start..).unwrap_or_default().trim()).unwrap_or_default();
    let is = |key: &str| status.get(key).and_then(Value::as_bool) == Some(true);
    let says = status.get("status").and_then(Value::as_str) == Some("authenticated");
    is("isAuthenticated") || says || is("hasAccessToken") || is("hasRefreshToken")
}

/// Nobody is logged in.
pub(crate) fn unavailable() -> Error {
    Error::upstream(401, "Cursor CLI is not logged in")
        .client_code("cursor_cli_auth_unavailable")
        .hint("Run agent login once, or set CURSOR_API_KEY")
}

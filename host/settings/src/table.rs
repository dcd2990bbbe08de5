//! The one table of every setting of the host. A row is field, parser, flag, variable, schema and docs at once.
mod programs;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{
    choices::{
        AccessMode, AgentPermissions, Durable, Isolation, LogFormat, LogLevel, Mode, PluginLock, WithoutState,
    },
    hosts::Hosts,
    numbers::{Bool, Bytes, Port, Seconds, Whole},
    routes::{Aliases, FailoverRoute, ModelAlias, Routes},
    row::{
        Applies, Flag, Status,
        Takes::{MaybeBool, Nothing, Value, Values as Many},
    },
    secrets::{ApiKey, Key, Keys},
    texts::{Address, Database, Host, OnePath, Opt, Paths, Prefix, State, Text, Texts, Url},
};
use programs::with_programs;

const GIB: f64 = 1_073_741_824.0;
const DAY_S: f64 = 86_400.0;

with_programs! {
    /// Every setting of the host but the backends, typed.
    Values, TABLE;

    /// The configuration file, TOML or YAML (`.yaml`, `.yml`).
    config: Opt<OnePath> as Option<&Path> = None,
        { key: "config", flags: &[Flag::new("config", Value)], in_file: false, example: "\"config/lip.toml\"" }

    /// The address to listen on. In single-user mode it must be a loopback address.
    host: Host as &str = "127.0.0.1".to_owned(),
        { key: "host", flags: &[Flag::new("host", Value)], env: &["APP_HOST"] }

    /// The port to listen on; 0 lets the system choose one.
    port: Port as u16 = 8000,
        { key: "port", flags: &[Flag::new("port", Value)], env: &["APP_PORT"], range: Some((0.0, 65_535.0)) }

    /// A second port that serves the Anthropic frontend alone.
    anthropic_port: Opt<Port> as Option<u16> = None,
        { key: "anthropic_port", flags: &[Flag::new("anthropic-port", Value)], env: &["ANTHROPIC_PORT"], range: Some((0.0, 65_535.0)), example: "8001" }

    /// Who may use the host: `single_user` listens on loopback only and needs no client key; `multi_user` listens anywhere and needs at least one.
    access_mode: Mode as AccessMode = AccessMode::SingleUser,
        { key: "access_mode", aliases: &["access_mode.mode", "single_user_mode", "multi_user_mode"],
          flags: &[Flag::new("single-user-mode", Nothing("single_user")), Flag::new("multi-user-mode", Nothing("multi_user"))] }

    /// The backend that answers when a model name does not name one. Unset: the first ready backend in the order of the file, else the built-in echo.
    default_backend: Opt<Text> as Option<&str> = None,
        { key: "default_backend", applies: Applies::OnReload, aliases: &["backends.default_backend"],
          flags: &[Flag::new("default-backend", Value)], env: &["LLM_BACKEND"], example: "\"openai\"" }

    /// Directories that hold connector libraries, searched in this order. A variable separates them as `PATH` does.
    plugins_dir: Paths as &[PathBuf] = Vec::new(),
        { key: "plugins_dir", flags: &[Flag::new("plugins-dir", Many)], example: "[\"plugins\"]",
          default_words: "`plugins` beside the program, then the user's data directory" }

    /// Directories that hold profiles of providers: `NAME.toml` makes the backend `NAME`. A variable separates them as `PATH` does.
    profiles_dir: Paths as &[PathBuf] = Vec::new(),
        { key: "profiles_dir", applies: Applies::OnReload, flags: &[Flag::new("profiles-dir", Many)], example: "[\"profiles\"]",
          default_words: "`lip/profiles` in the user's configuration directory" }

    /// How much is logged.
    log_level: LogLevel as LogLevel = LogLevel::Info,
        { key: "log_level", aliases: &["logging.level"], flags: &[Flag::new("log-level", Value)], env: &["LOG_LEVEL"] }

    /// The form of log lines: `text` for people, `json` for machines.
    log_format: LogFormat as LogFormat = LogFormat::Text,
        { key: "log_format", aliases: &["logging.format"], flags: &[Flag::new("log-format", Value)] }

    /// The keys that clients must present. Each is the key itself or `env:NAME`. On the command line other users of the machine can read it: prefer the environment.
    auth_api_keys: Keys as &[ApiKey] = Vec::new(),
        { key: "auth.api_keys", applies: Applies::OnReload, flags: &[Flag::new("api-keys", Many)],
          env: &["API_KEYS", "LLM_INTERACTIVE_PROXY_API_KEY"], env_joined: true, example: "[\"env:LIP_CLIENT_KEY\"]" }

    /// The file with the client keys that `lip keys` makes: their hashes, names and bounds.
    keys_file: Opt<OnePath> as Option<&Path> = None,
        { key: "auth.keys_file", example: "\"keys.toml\"", default_words: "`lip/keys.toml` in the user's configuration directory" }

    /// Whether client keys are also kept in the database of `usage.database`, where all hosts that share it find them: `lip keys` writes there, and a host takes up what has changed within five seconds. Clients must show a key from then on.
    keys_database: Bool as bool = false,
        { key: "auth.keys_database", applies: Applies::AtStart }

    /// How long the client keys of the database stay in use while it cannot be read. 0: for as long as the host runs.
    keys_kept_for: Seconds as Duration = Duration::from_secs(86_400),
        { key: "auth.keys_kept_for", applies: Applies::AtStart, unit: "seconds", range: Some((0.0, 366.0 * DAY_S)) }

    /// What a host does with client keys that have bounds while the server of `state` is away: `alone` counts by itself what it lets in, and tells the others later; `refuse` lets none of them in.
    bounds_without_state: WithoutState as WithoutState = WithoutState::Alone,
        { key: "auth.bounds_without_state", applies: Applies::AtStart }

    /// Wrong client keys from one address after which it is shut out for a while, with right keys as well. 0: never. This machine's own addresses are exempt.
    brute_force_failures: Whole as u64 = 5,
        { key: "auth.brute_force.failures", aliases: &["auth.brute_force_protection.max_failed_attempts"],
          flags: &[Flag::new("auth-max-failed-attempts", Value), Flag::new("disable-brute-force-protection", Nothing("0"))],
          env: &["BRUTE_FORCE_MAX_FAILED_ATTEMPTS"], unit: "wrong keys", range: Some((0.0, 1_000_000.0)) }

    /// The time within which wrong keys count together.
    brute_force_within: Seconds as Duration = Duration::from_secs(900),
        { key: "auth.brute_force.within", aliases: &["auth.brute_force_protection.ttl_seconds"],
          flags: &[Flag::new("auth-brute-force-ttl", Value)], env: &["BRUTE_FORCE_TTL_SECONDS"], unit: "seconds",
          range: Some((1.0, 30.0 * DAY_S)) }

    /// How long an address is shut out the first time; each further time twice as long.
    brute_force_block: Seconds as Duration = Duration::from_secs(30),
        { key: "auth.brute_force.block", aliases: &["auth.brute_force_protection.initial_block_seconds"],
          flags: &[Flag::new("auth-brute-force-initial-block", Value)], env: &["BRUTE_FORCE_INITIAL_BLOCK_SECONDS"],
          unit: "seconds", range: Some((1.0, DAY_S)) }

    /// How long an address is shut out at most.
    brute_force_block_max: Seconds as Duration = Duration::from_secs(3_600),
        { key: "auth.brute_force.block_max", aliases: &["auth.brute_force_protection.max_block_seconds"],
          flags: &[Flag::new("auth-brute-force-max-block", Value)], env: &["BRUTE_FORCE_MAX_BLOCK_SECONDS"],
          unit: "seconds", range: Some((1.0, 30.0 * DAY_S)) }

    /// Names beside addresses and `localhost` by which a host in single-user mode may be called, such as that of a proxy in front of
    /// it. `*.x` stands for all that end in `.x`, and `*` for any, which lets web pages in that rename themselves.
    allowed_hosts: Texts as &[String] = Vec::new(),
        { key: "allowed_hosts", flags: &[Flag::new("allowed-host", Many)], example: "[\"lip.internal\"]" }

    /// Whether configured keys that appear in prompts are replaced before they leave the host.
    redact_api_keys_in_prompts: Bool as bool = true,
        { key: "auth.redact_api_keys_in_prompts", applies: Applies::OnReload, aliases: &["redact_api_keys_in_prompts"],
          flags: &[Flag::new("disable-redact-api-keys-in-prompts", Nothing("false"))],
          env: &["REDACT_API_KEYS_IN_PROMPTS"] }

    /// The certificate chain of the listener, PEM, its own certificate first. Needs `tls.key`. Read again at SIGHUP.
    tls_cert: Opt<OnePath> as Option<&Path> = None,
        { key: "tls.cert", flags: &[Flag::new("tls-cert", Value)], example: "\"cert.pem\"" }

    /// The private key of the listener, PEM. Needs `tls.cert`.
    tls_key: Opt<OnePath> as Option<&Path> = None,
        { key: "tls.key", flags: &[Flag::new("tls-key", Value)], example: "\"key.pem\"" }

    /// Addresses that are not of the public internet and may be asked all the same in multi-user mode: `host`, `host:port`, or `*.domain`. In single-user mode all may.
    egress_allow_private: Hosts as &[String] = Vec::new(),
        { key: "egress.allow_private", flags: &[Flag::new("egress-allow-private", Many)], example: "[\"localhost:11434\"]" }

    /// The largest request body.
    request_body_bytes: Bytes as u64 = 100 << 20,
        { key: "limits.request_body_bytes", unit: "bytes", range: Some((1_024.0, 4.0 * GIB)) }

    /// The largest request head: request line and headers.
    request_header_bytes: Bytes as u64 = 64 << 10,
        { key: "limits.request_header_bytes", unit: "bytes", range: Some((8_192.0, 1_048_576.0)) }

    /// How many turns may run at the same time; further ones are answered with 503.
    concurrent_turns: Whole as u64 = 1_024,
        { key: "limits.concurrent_turns", unit: "turns", range: Some((1.0, 1_000_000.0)) }

    /// The time that the head of a request may take, and a connection may stay open on which nothing is asked.
    request_head_timeout: Seconds as Duration = Duration::from_secs(30),
        { key: "timeouts.request_head", unit: "seconds", range: Some((1.0, DAY_S)) }

    /// The time that the body of a request may take.
    request_body_timeout: Seconds as Duration = Duration::from_secs(120),
        { key: "timeouts.request_body", unit: "seconds", range: Some((0.001, DAY_S)) }

    /// The time to connect to a provider.
    connect_timeout: Seconds as Duration = Duration::from_secs(10),
        { key: "timeouts.connect", unit: "seconds", range: Some((0.001, DAY_S)) }

    /// The time from a sent request to the head of the provider's answer. Answers that are not streamed often come with their head, so this is long.
    head_timeout: Seconds as Duration = Duration::from_secs(600),
        { key: "timeouts.head", unit: "seconds", range: Some((0.001, DAY_S)) }

    /// The time from a sent request to the first meaningful output of a stream.
    first_output_timeout: Seconds as Duration = Duration::from_secs(600),
        { key: "timeouts.first_output", applies: Applies::OnReload, unit: "seconds", range: Some((0.001, DAY_S)) }

    /// The longest silence inside an answer.
    idle_timeout: Seconds as Duration = Duration::from_secs(300),
        { key: "timeouts.idle", unit: "seconds", range: Some((0.001, DAY_S)) }

    /// The longest turn, all attempts together.
    total_timeout: Seconds as Duration = Duration::from_secs(3_600),
        { key: "timeouts.total", applies: Applies::OnReload, unit: "seconds", range: Some((0.001, DAY_S)) }

    /// How long a host that is asked to end waits for open turns. Those that outlive it are ended with an error.
    drain_timeout: Seconds as Duration = Duration::from_secs(30),
        { key: "timeouts.drain", unit: "seconds", range: Some((0.0, DAY_S)) }

    /// How long a streaming client waits before the head goes out and keep-alives begin. Until then a failed attempt may still move to another backend with a proper status.
    stream_commit_after: Seconds as Duration = Duration::from_secs(10),
        { key: "stream.commit_after", applies: Applies::OnReload, unit: "seconds", range: Some((0.0, DAY_S)) }

    /// How often backends that are left alone after three failures in a row are asked for their models, to see whether they are well again. 0: never; then every half minute one turn tries.
    health_probe_every: Seconds as Duration = Duration::ZERO,
        { key: "health.probe_every", unit: "seconds", range: Some((0.0, DAY_S)) }

    /// A second address, such as `127.0.0.1:9090`, for those who watch the host: it serves health and `/metrics`, asks for no
    /// key, and answers until the host has ended. In single-user mode it must be a loopback address.
    operations_bind: Opt<Address> as Option<&str> = None,
        { key: "operations.bind", example: "\"127.0.0.1:9090\"" }

    /// Where counts and spans of turns are sent: a receiver of OTLP over HTTP, such as `http://localhost:4318`. Unset: nowhere.
    otlp_endpoint: Opt<Url> as Option<&str> = None,
        { key: "telemetry.otlp.endpoint", example: "\"http://localhost:4318\"" }

    /// The key that the receiver asks for, sent as `authorization: Bearer`.
    otlp_key: Opt<Key> as Option<&ApiKey> = None,
        { key: "telemetry.otlp.key", example: "\"env:OTLP_KEY\"" }

    /// How often they are sent.
    otlp_every: Seconds as Duration = Duration::from_secs(15),
        { key: "telemetry.otlp.every", unit: "seconds", range: Some((0.1, DAY_S)) }

    /// Whether providers get a `traceparent`, which names the trace and the span that asks them. A client's own is taken up in any case, and never sent on.
    traceparent_upstream: Bool as bool = false,
        { key: "telemetry.traceparent_upstream" }

    /// The memory of all streams that still hold back their first frames.
    gate_bytes: Bytes as u64 = 64 << 20,
        { key: "memory.gate_bytes", unit: "bytes", range: Some((65_536.0, 64.0 * GIB)) }

    /// Where many hosts keep what they share: Redis 7 or Valkey, as `redis://user:password@host:port/database`, or `rediss://` for TLS. Unset: each host's own memory.
    state: Opt<State> as Option<&str> = None, { key: "state", applies: Applies::AtStart, example: "\"redis://state.internal:6379\"", default_words: "memory of the process" }

    /// What the names of all that is kept in `state` begin with, so that fleets can share a server.
    state_prefix: Text as &str = "lip:".to_owned(), { key: "state_prefix", applies: Applies::AtStart }

    /// How other hosts with the same `state` reach this one. Turns of conversations with an agent are handed on to the host that runs it.
    cluster_address: Opt<Url> as Option<&str> = None, { key: "cluster.address", applies: Applies::AtStart, example: "\"http://10.0.0.11:8000\"" }

    /// What hosts that hand turns on to each other know each other by: the same on all, at least 16 characters that nobody guesses.
    cluster_secret: Opt<Key> as Option<&ApiKey> = None, { key: "cluster.secret", applies: Applies::AtStart, example: "\"env:FLEET_SECRET\"" }

    /// The name by which a balancer knows this host: what the header `lip-owner` says to a client that asked another one.
    cluster_name: Opt<Host> as Option<&str> = None, { key: "cluster.name", applies: Applies::AtStart, example: "\"a\"", default_words: "an id of the process" }

    /// Whether a row is kept of every turn: what it used and cost, who answered, how it ended.
    usage_enabled: Bool as bool = true,
        { key: "usage.enabled", applies: Applies::AtStart }

    /// Where the rows of turns are kept: a file of SQLite, or a PostgreSQL server as `postgres://user:password@host/database`.
    usage_database: Opt<Database> as Option<&str> = None,
        { key: "usage.database", applies: Applies::AtStart, example: "\"postgres://lip@db.internal/lip\"", default_words: "`lip/usage.db` in the user's data directory" }

    /// Rows that wait on this machine's disk while the PostgreSQL server of `usage.database` is away, the most. Further ones are lost. 0: they wait in memory, for half a minute.
    usage_spool_turns: Whole as u64 = 100_000,
        { key: "usage.spool_turns", applies: Applies::AtStart, unit: "turns", range: Some((0.0, 1e8)) }

    /// When a turn's row is written. `soon`: within a moment of its end, with others; a host that is killed loses those of that moment. `turn`: before its client knows that it has ended, in the database or, while that is away, on this machine's disk; a turn's last bytes wait for that.
    usage_durable: Durable as Durable = Durable::Soon,
        { key: "usage.durable", applies: Applies::AtStart }

    /// How many days a row is kept. 0: for ever.
    usage_keep_days: Whole as u64 = 365,
        { key: "usage.keep_days", applies: Applies::AtStart, unit: "days", range: Some((0.0, 36_500.0)) }

    /// A file of prices that come before those that LIP knows, for models and backends that it does not know or that cost you something else.
    usage_prices_file: Opt<OnePath> as Option<&Path> = None,
        { key: "usage.prices_file", applies: Applies::AtStart, example: "\"prices.toml\"" }

    /// Whether providers are asked for the token counts of chat streams whose client did not ask for them. The extra frame is taken out of the answer; all its other bytes go as they came.
    usage_ask_upstream: Bool as bool = false,
        { key: "usage.ask_upstream", applies: Applies::OnReload }

    /// Whether token counts that clients ask for come from the provider, where it has an endpoint for
    /// them. Else they are estimated here, without a call, and marked by the header `x-lip-token-count`.
    count_upstream: Bool as bool = false,
        { key: "usage.count_upstream", applies: Applies::OnReload }

    /// The folder in which turns are kept with all that goes over their wires, without secrets. Unset: nothing is kept.
    capture_dir: Opt<OnePath> as Option<&Path> = None,
        { key: "capture.dir", aliases: &["logging.cbor_capture_dir"], flags: &[Flag::new("capture-dir", Value), Flag::new("cbor-capture-dir", Value)], env: &["CAPTURE_DIR"], example: "\"captures\"" }

    /// The sessions that are kept, by their id or by the name that their client sends. Unset: all.
    capture_sessions: Texts as &[String] = Vec::new(),
        { key: "capture.sessions", aliases: &["logging.cbor_capture_session_id"], example: "[\"my-session\"]", flags: &[Flag::new("capture-session", Many), Flag::new("cbor-capture-session", Many)] }

    /// The largest capture file. A turn stays in one file, and is cut where it would need more.
    capture_file_bytes: Bytes as u64 = 100 << 20,
        { key: "capture.file_bytes", aliases: &["logging.capture_max_bytes"], flags: &[Flag::new("capture-max-bytes", Value)], env: &["CAPTURE_MAX_BYTES"], unit: "bytes", range: Some((65_536.0, 64.0 * GIB)) }

    /// The size of all capture files together; the oldest go first.
    capture_total_bytes: Bytes as u64 = 500 << 20,
        { key: "capture.total_bytes", aliases: &["logging.capture_total_max_bytes"], env: &["CAPTURE_TOTAL_MAX_BYTES"],
          flags: &[Flag::new("capture-total-max-bytes", Value)], unit: "bytes", range: Some((131_072.0, 1_024.0 * GIB)) }

    /// How many capture files are kept; the oldest go first.
    capture_files: Whole as u64 = 20,
        { key: "capture.files", aliases: &["logging.capture_max_files"], flags: &[Flag::new("capture-max-files", Value)], env: &["CAPTURE_MAX_FILES"], unit: "files", range: Some((1.0, 100_000.0)) }

    /// When a new capture file is begun, however small the last one is. 0: never.
    capture_rotate_every: Seconds as Duration = Duration::from_secs(86_400),
        { key: "capture.rotate_every", aliases: &["logging.capture_rotate_interval_seconds"], env: &["CAPTURE_ROTATE_INTERVAL_SECONDS"],
          flags: &[Flag::new("capture-rotate-interval-seconds", Value)], unit: "seconds", range: Some((0.0, 366.0 * DAY_S)) }

    /// How many days a capture file is kept. 0: until the other bounds say so.
    capture_keep_days: Whole as u64 = 30,
        { key: "capture.keep_days", unit: "days", range: Some((0.0, 36_500.0)) }

    /// The memory of what waits to be written. A turn never waits for the disk: where there is no room, it is cut in the capture.
    capture_queue_bytes: Bytes as u64 = 32 << 20,
        { key: "capture.queue_bytes", unit: "bytes", range: Some((65_536.0, 4.0 * GIB)) }

    /// Whether outgoing connections go through the proxies named by `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
    proxy_use_environment: Bool as bool = false,
        { key: "proxy.use_environment", status: Status::Later("W9") }

    /// The `User-Agent` that providers see. A backend may have its own.
    user_agent: Text as &str = concat!("lip/", env!("CARGO_PKG_VERSION")).to_owned(),
        { key: "identity.user_agent", aliases: &["identity.user_agent.override_value"],
          flags: &[Flag::new("identity-user-agent", Value)], env: &["APP_USER_AGENT"], default_words: "`lip/<version>`",
          example: "\"my-team/1.0\"" }

    /// What begins a command in a chat.
    command_prefix: Prefix as &str = "!/".to_owned(),
        { key: "command_prefix", applies: Applies::OnReload, flags: &[Flag::new("command-prefix", Value)], env: &["COMMAND_PREFIX"] }

    /// Whether a command counts only at the beginning of a message.
    strict_command_detection: Bool as bool = false,
        { key: "strict_command_detection", applies: Applies::OnReload, flags: &[Flag::new("strict-command-detection", MaybeBool)], env: &["STRICT_COMMAND_DETECTION"] }

    /// Whether commands in chats are passed on as plain text.
    disable_interactive_commands: Bool as bool = false,
        { key: "disable_interactive_commands", applies: Applies::OnReload, aliases: &["session.disable_interactive_commands"],
          flags: &[Flag::new("disable-interactive-commands", MaybeBool)], env: &["DISABLE_INTERACTIVE_COMMANDS"] }

    /// How many sessions are remembered; the least recently used goes first.
    session_count_max: Whole as u64 = 10_000,
        { key: "session.count_max", unit: "sessions", range: Some((1.0, 10_000_000.0)) }

    /// How long a session without a turn is remembered.
    session_ttl: Seconds as Duration = Duration::from_secs(86_400),
        { key: "session.ttl", aliases: &["session.max_age"], env: &["SESSION_MAX_AGE"], unit: "seconds", range: Some((1.0, 366.0 * DAY_S)) }

    /// The memory of all sessions together.
    session_bytes_max: Bytes as u64 = 256 << 20,
        { key: "session.bytes_max", unit: "bytes", range: Some((65_536.0, 64.0 * GIB)) }

    /// A selector that replaces the route of every turn.
    static_route: Opt<Text> as Option<&str> = None,
        { key: "static_route", applies: Applies::OnReload, aliases: &["backends.static_route"], flags: &[Flag::new("static-route", Value)],
          env: &["STATIC_ROUTE"], example: "\"openai:gpt-5\"" }

    /// Rewrites of model names; the first pattern that matches the beginning of the name wins and its
    /// replacement is the whole new selector. As a variable: JSON. As a flag: `PATTERN=REPLACEMENT`.
    model_aliases: Aliases as &[ModelAlias] = Vec::new(),
        { key: "model_aliases", applies: Applies::OnReload, aliases: &["model_rewrites"], flags: &[Flag::new("model-alias", Many)],
          env: &["MODEL_ALIASES"],
          example: "[{ pattern = '^gpt-(.*)', replacement = 'openrouter:openai/gpt-\\1' }]" }

    /// A text file with what a route's `[thinker]` is told. Unset: to write notes for the model that will answer.
    thinker_instructions_file: Opt<OnePath> as Option<&Path> = None,
        { key: "thinker.instructions_file", applies: Applies::OnReload, aliases: &["backends.interleaved_thinking_instructions_file"], example: "\"thinker.txt\"" }

    /// How many turns a `[thinker]` rests after it has written notes.
    thinker_rest_turns: Whole as u64 = 2,
        { key: "thinker.rest_turns", applies: Applies::OnReload, aliases: &["backends.interleaved_thinking_regular_turns_remaining"], unit: "turns",
          range: Some((0.0, 1_000_000.0)) }

    /// Named lists of legs that are tried in order; `default` and `*` are the fallback for every model.
    failover_routes: Routes as &[FailoverRoute] = Vec::new(),
        { key: "failover_routes", applies: Applies::OnReload, example: "{ best = [\"openai:gpt-5\", \"anthropic:claude-opus-4-1\"] }" }

    /// The Google Cloud project that pays for `gemini-cli-cloud-project`.
    google_cloud_project: Opt<Text> as Option<&str> = None,
        { key: "google_cloud_project", applies: Applies::OnReload, aliases: &["gcp_project_id"], flags: &[Flag::new("google-cloud-project", Value)],
          env: &["GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT_ID", "GCP_PROJECT_ID"], example: "\"my-project\"" }

    /// Where the accounts are kept that `lip login` makes. Hosts and commands that share it share their accounts.
    accounts_dir: Opt<OnePath> as Option<&Path> = None,
        { key: "accounts_dir", flags: &[Flag::new("accounts-dir", Value)], env: &["LIP_ACCOUNTS_DIR"],
          example: "\"lip-accounts\"", default_words: "`lip/accounts` in the user's data directory" }

    /// Where hosts that share `state` keep their accounts together: a PostgreSQL server, as `postgres://user:password@host/database`. It sees them sealed with `accounts.key`. Unset: in `accounts_dir`.
    accounts_database: Opt<Database> as Option<&str> = None,
        { key: "accounts.database", applies: Applies::AtStart, example: "\"postgres://lip@db.internal/lip\"", default_words: "none" }

    /// What accounts in `accounts.database` are sealed with: 32 random bytes in base64, the same for all hosts. Of several the first one seals and all open, so that keys can be changed. Prefer the environment to the file.
    accounts_key: Keys as &[ApiKey] = Vec::new(),
        { key: "accounts.key", applies: Applies::AtStart, env: &["LIP_ACCOUNTS_KEY"], example: "[\"env:ACCOUNTS_KEY\"]" }
}

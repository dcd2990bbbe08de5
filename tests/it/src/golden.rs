//! What people read, word for word: transcripts in `tests/golden/cli`. `UPDATE=1` writes them anew.
use stage::{Lip, LipBuilder, plugins_of};
use std::path::{Path, PathBuf};

/// The same two connectors whatever else is bundled.
fn with_two_connectors() -> (tempfile::TempDir, LipBuilder) {
    let plugins = plugins_of(&["echo", "openai"]);
    let builder = Lip::builder().plugins_dir(plugins.path()).env("LIP_PLUGIN_LOCK", "off");
    (plugins, builder)
}

fn check(name: &str, told: &str, hide: &[(&str, &str)]) {
    let told = hide.iter().fold(told.to_owned(), |text, (from, to)| text.replace(from, to));
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .with_file_name("golden")
        .join("cli")
        .join(format!("{name}.txt"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &told).unwrap();
    }
    let known = std::fs::read_to_string(&path)
        .unwrap_or_else(|e| panic!("{}: {e}; UPDATE=1 writes it", path.display()));
    assert!(told == known, "{name} is no longer\n{known}\nbut\n{told}\nUPDATE=1 accepts that");
}

/// Starts, and compares the summary.
async fn summary(name: &str, change: impl FnOnce(LipBuilder) -> LipBuilder) {
    let (plugins, builder) = with_two_connectors();
    let lip = change(builder).start().await;
    let address = lip.address.to_string();
    let home = lip.home().to_str().unwrap().to_owned();
    check(
        name,
        &lip.stdout(),
        &[(&address, "ADDRESS"), (&home, "HOME"), (plugins.path().to_str().unwrap(), "PLUGINS")],
    );
}

/// Runs to the end, and compares everything that is told.
async fn transcript(name: &str, args: &str, change: impl FnOnce(LipBuilder) -> LipBuilder) {
    let (plugins, builder) = with_two_connectors();
    let builder = change(args.split(' ').fold(builder, |builder, word| builder.arg(word)));
    let home = builder.home().to_str().unwrap().to_owned();
    let output = builder.run().await;
    let told = format!(
        "$ lip {args}\n{}{}exit {}\n",
        output.stdout,
        output.stderr,
        if output.success { "0" } else { "not 0" }
    );
    check(name, &told, &[(&home, "HOME"), (plugins.path().to_str().unwrap(), "PLUGINS")]);
}

#[tokio::test]
async fn start_up_without_anything() {
    summary("start-bare", |lip| lip).await;
}

#[tokio::test]
async fn start_up_with_the_example_config() {
    let example =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join("config/config.yaml");
    let example = std::fs::read_to_string(example).unwrap();
    summary("start-example", |lip| lip.config_yaml(&example)).await;
}

#[tokio::test]
async fn start_up_with_keys() {
    summary("start-keys", |lip| {
        lip.env("OPENAI_API_KEY", "sk").env("API_KEYS", "k").args("--default-backend openai")
    })
    .await;
}

#[tokio::test]
async fn backends_for_people() {
    transcript("backends", "backends", |lip| lip).await;
}

#[tokio::test]
async fn config_with_every_kind_of_error() {
    let config =
        "prot = 1\nport = \"http\"\nlog_level = \"loud\"\n[timeouts]\nidle = -1\n[backends]\nopenai = 5\n";
    transcript("config-errors", "config check", |lip| lip.config_toml(config)).await;
}

#[tokio::test]
async fn config_of_the_python_proxy() {
    let config = "backends:\n  default_backend: openai\n  openai:\n    type: openai\n    timeout: 120\ncompaction:\n  enabled: true\n\
                  session:\n  cleanup_interval: 5\n";
    transcript("config-python", "config check", |lip| lip.config_yaml(config)).await;
}

#[tokio::test]
async fn address_beyond_loopback() {
    transcript("host-refused", "--host 0.0.0.0", |lip| lip).await;
}

/// What the machine that tests allows is not the same everywhere.
fn open_files() -> String {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap_or_default();
    let most = line.split_whitespace().next().and_then(|most| most.parse::<u64>().ok()).unwrap_or(u64::MAX);
    format!("{most} may be open")
}

async fn doctor(name: &str, change: impl FnOnce(LipBuilder) -> LipBuilder) {
    let (plugins, builder) = with_two_connectors();
    let builder = change(builder.args("doctor --offline --port 0").env("LIP_LIMITS_CONCURRENT_TURNS", "10"));
    let home = builder.home().to_str().unwrap().to_owned();
    let output = builder.run().await;
    let told = format!("$ lip doctor --offline\n{}{}", output.stdout, output.stderr);
    let told = format!("{told}exit {}\n", if output.success { "0" } else { "1" });
    let hide = [
        (&*home, "HOME"),
        (plugins.path().to_str().unwrap(), "PLUGINS"),
        (&*open_files(), "FILES may be open"),
    ];
    check(name, &told, &hide);
}

#[tokio::test]
async fn doctor_of_a_host_that_is_well() {
    doctor("doctor-well", |lip| lip.env("OPENAI_API_KEY", "sk").args("--default-backend openai")).await;
}

#[tokio::test]
async fn doctor_of_a_host_that_is_not() {
    let config = "default_backend = \"openai\"\ncommand_prefix = \"!/\"\n[backends.openai]\napi_ulr = \"http://127.0.0.1:1\"\n\
                  [backends.ollama]\n";
    doctor("doctor-ill", |lip| lip.config_toml(config)).await;
}

#[tokio::test]
async fn doctor_of_a_wrong_configuration() {
    doctor("doctor-config", |lip| lip.config_toml("prot = 1\nlog_level = \"loud\"\n")).await;
}

//! The command line is the table: every flag of the table parses, nothing else does.
#![allow(clippy::unwrap_used, reason = "a test may fail by panic, also in its helpers")]

use clap::Command;
use settings::{CliOverrides, Env, Resolved, Takes, all, clap_args, config_path, overrides, resolve};

fn command() -> Command {
    clap_args(Command::new("lip")).subcommand(clap_args(Command::new("serve")))
}

fn parse(args: &[&str]) -> Result<CliOverrides, clap::Error> {
    let matches = command().try_get_matches_from(std::iter::once(&"lip").chain(args))?;
    Ok(overrides(matches.subcommand_matches("serve").unwrap_or(&matches)))
}

fn resolved(args: &[&str]) -> Resolved {
    resolve(None, &Env::from_iter([("API_KEYS", "k")]), &parse(args).unwrap()).unwrap()
}

#[test]
fn flags_and_table_are_the_same_set() {
    command().debug_assert();
    let mut table: Vec<&str> = all().flat_map(|setting| setting.flags).map(|flag| flag.long).collect();
    let built = clap_args(Command::new("lip"));
    let mut flags: Vec<&str> = built.get_arguments().filter_map(clap::Arg::get_long).collect();
    table.sort_unstable();
    flags.sort_unstable();
    assert_eq!(flags, table);
    table.dedup();
    assert_eq!(flags, table, "a flag stands twice in the table");
}

#[test]
fn every_flag_of_the_table_reaches_the_resolver() {
    for (setting, flag) in all().flat_map(|setting| setting.flags.iter().map(move |flag| (setting, flag))) {
        let arg = match flag.takes {
            Takes::Value | Takes::Values => format!("--{}=a=b", flag.long),
            Takes::Nothing(_) | Takes::MaybeBool => format!("--{}", flag.long),
        };
        let outcome = resolve(None, &Env::from_iter([("API_KEYS", "k")]), &parse(&[&arg]).unwrap());
        let told = match outcome {
            Ok(resolved) => resolved.source(setting.key).unwrap().to_string(),
            Err(refused) => refused.to_string(),
        };
        assert!(told.contains(&format!("--{}", flag.long)), "{arg}: {told}");
    }
}

#[test]
fn flags_parse_as_promised() {
    assert_eq!(resolved(&["--port", "1"]).port(), 1);
    assert_eq!(resolved(&["serve", "--port", "1", "--port=2"]).port(), 2);
    let dirs = resolved(&["--plugins-dir", "a", "--plugins-dir", "b"]);
    assert_eq!(dirs.plugins_dir().len(), 2);
    assert!(resolved(&["--disable-stale-acp-agent-kills"]).disable_stale_acp_agent_kills());
    assert!(resolved(&["--disable-stale-acp-agent-kills=true"]).disable_stale_acp_agent_kills());
    assert!(!resolved(&["--disable-stale-acp-agent-kills=false"]).disable_stale_acp_agent_kills());
    assert!(!resolved(&["--disable-redact-api-keys-in-prompts"]).redact_api_keys_in_prompts());
    assert_eq!(
        resolved(&["--stale-acp-agent-kill-idle-seconds", "1.5"])
            .stale_acp_agent_kill_idle_seconds()
            .as_millis(),
        1_500
    );
    assert_eq!(resolved(&["--default-backend", "openai"]).default_backend(), Some("openai"));
    assert_eq!(resolved(&["--multi-user-mode"]).access_mode().as_str(), "multi_user");
    assert!(parse(&["--multi-user-mode", "--single-user-mode"]).is_err());
    assert!(parse(&["--prot", "1"]).is_err());
    assert!(parse(&["--port"]).is_err());
    // A bare flag takes nothing of what follows it.
    assert!(resolved(&["--disable-stale-acp-agent-kills", "serve"]).default_backend().is_none());
}

#[test]
fn config_path_is_known_before_the_rest() {
    let env = Env::from_iter([("LIP_CONFIG", "env.toml")]);
    let (path, source) = config_path(&env, &CliOverrides::default()).unwrap();
    assert_eq!((path.to_str(), source.to_string().as_str()), (Some("env.toml"), "environment LIP_CONFIG"));
    let (path, source) = config_path(&env, &parse(&["--config", "config/config.yaml"]).unwrap()).unwrap();
    assert_eq!((path.to_str(), source.to_string().as_str()), (Some("config/config.yaml"), "--config"));
    assert_eq!(config_path(&Env::default(), &CliOverrides::default()), None);
}

#[test]
fn overrides_print_no_value() {
    let given = parse(&["--api-keys", "sk-canary"]).unwrap();
    assert_eq!(format!("{given:?}"), r#"{"api-keys"}"#);
}

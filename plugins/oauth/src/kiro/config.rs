//! What the config says. The older names are those of LIP's Python predecessor.
use super::Kiro;
use super::file;
use super::judge::Monthly;
use super::login;
use super::place::{Endpoint, Hosts};
use super::profile::Profiles;
use lip_plugin::{AccountFile, Accounts, Create, Error, Result};

const SECONDS_MAX: f64 = 366.0 * 86_400.0;
const PAYLOAD_BYTES: f64 = 615_000.0;
const PAYLOAD_BYTES_MAX: f64 = 33_554_432.0;
const CREDENTIALS: &str = "~/.aws/sso/cache/kiro-auth-token.json";
const STRATEGIES: [&str; 4] = ["first-available", "round-robin", "random", "session-affinity"];
const WEEK_S: f64 = 604_800.0;
/// A day.
const MONTHLY_LEAST_S: f64 = 86_400.0;

impl Kiro {
    pub(super) fn read(with: &Create<'_>) -> Result<Self> {
        let text = |key: &str| Ok::<_, Error>(with.string(key)?.filter(|text| !text.trim().is_empty()));
        let path = with.string("credentials_path")?.unwrap_or_else(|| CREDENTIALS.to_owned());
        let writable = with.flag("writable", false)?;
        let mut accounts = accounts(with)?;
        accounts.imports.push(AccountFile::new(if path.is_empty() { CREDENTIALS } else { &path }, file::IDE));
        if !path.is_empty() {
            accounts.files.push(AccountFile::new(path, file::IDE).writable(writable));
        }
        Ok(Self {
            instance: with.instance.to_owned(),
            endpoints: Endpoint::read(with)?,
            hosts: Hosts::read(with)?,
            profiles: Profiles::read(with)?,
            monthly: monthly(with)?,
            origin: text("origin")?.unwrap_or_else(|| "AI_EDITOR".to_owned()),
            start_url: text("start_url")?,
            user_agent: with.header_value("user_agent")?,
            headers: with.headers()?,
            payload_bytes_max: with.number("payload_bytes_max", PAYLOAD_BYTES_MAX)?.unwrap_or(PAYLOAD_BYTES)
                as usize,
            poll_ms: with.number("poll_interval_ms", SECONDS_MAX)?.map(|ms| ms as u64),
            client_id: text("client_id")?,
            client_secret: text("client_secret")?,
            accounts,
        })
    }
}

fn ms(with: &Create<'_>, key: &str) -> Result<Option<u64>> {
    with.seconds_ms(key, SECONDS_MAX)
}

fn monthly(with: &Create<'_>) -> Result<Monthly> {
    let fixed = ms(with, "monthly_quota_backoff_fixed_seconds")?.unwrap_or((WEEK_S * 1000.0) as u64);
    let fixed_ms = match with.string("monthly_quota_backoff_mode")?.as_deref() {
        None | Some("" | "next_month" | "calendar_month") => None,
        Some("fixed_seconds") => Some(fixed),
        Some(_) => {
            return Err(Error::bad_config("monthly_quota_backoff_mode", "write next_month or fixed_seconds"));
        }
    };
    let least = (MONTHLY_LEAST_S * 1000.0) as u64;
    Ok(Monthly {
        fixed_ms,
        min_ms: ms(with, "monthly_quota_backoff_min_seconds")?.unwrap_or(least),
        max_ms: ms(with, "monthly_quota_backoff_max_seconds")?,
    })
}

fn accounts(with: &Create<'_>) -> Result<Accounts> {
    let mut accounts = Accounts::default();
    accounts.logins = [login::DEVICE, login::SOCIAL, login::API_KEY].map(str::to_owned).to_vec();
    accounts.only = with.account_names()?;
    let strategy = with.string("selection_strategy")?.filter(|word| !word.is_empty());
    let strategy = strategy.unwrap_or_else(|| "first-available".to_owned());
    if !STRATEGIES.contains(&&*strategy) {
        return Err(Error::bad_config(
            "selection_strategy",
            format!("write one of {}", STRATEGIES.join(", ")),
        ));
    }
    accounts.strategy = Some(strategy);
    accounts.early_ms = ms(with, "refresh_buffer_seconds")?;
    accounts.cooldown_ms = ms(with, "transient_rate_limit_default_seconds")?;
    accounts.cooldown_max_ms = ms(with, "transient_rate_limit_max_seconds")?;
    Ok(accounts)
}

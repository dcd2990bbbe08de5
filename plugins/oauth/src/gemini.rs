//! Gemini by personal accounts, over Google's Code Assist: the account of Gemini CLI, by the free tier or a plan, and a pool of accounts
//! of their own.
use lip_code_assist::discover::Tiers;
use lip_code_assist::{Client, Service, Wish, files};
use lip_plugin::{Account, AccountFile, Accounts, Connector, Create, Ctx, Error, Login, Model, Result, Turn};

/// The most that a token is renewed before its end: an hour.
const EARLY_S_MAX: f64 = 3_600.0;
/// Seconds before its end at which a token of Gemini CLI's account is renewed, and of an account of ours.
const EARLY_S: f64 = 30.0;
const EARLY_OWN_S: f64 = 300.0;
const FILE: &str = "~/.gemini/oauth_creds.json";
const LOGIN_HINT: &str = "Run gemini and choose \"Login with Google\"; LIP uses its account";

/// What the three have in common.
struct Parts {
    service: Service,
    wish: Wish,
    early_ms: u64,
}

impl Parts {
    fn read(with: &Create<'_>, project_keys: &[&'static str], early_s: f64) -> Result<Self> {
        let early_s = with.number("refresh_buffer_seconds", EARLY_S_MAX)?.unwrap_or(early_s);
        Ok(Self {
            service: Service::read(with, Client::GeminiCli)?,
            wish: Wish::read(with, project_keys, Tiers::Proposed)?,
            early_ms: (early_s * 1000.0) as u64,
        })
    }
}

/// Gemini CLI's file; the config may name its directory.
fn official(with: &Create<'_>) -> Result<AccountFile> {
    let is_named = with.string("gemini_cli_oauth_path")?.is_some();
    files::at(with, if is_named { "gemini_cli_oauth_path" } else { "credentials_path" }, FILE, files::CREDS)
}

/// The rest of a connector whose `parts` are [`Parts`].
macro_rules! code_assist {
    () => {
        fn read_account(&self, format: &str, file: &[u8]) -> Result<Account> {
            files::read(format, file)
        }

        fn write_account(&self, format: &str, file: &[u8], account: &Account) -> Result<Vec<u8>> {
            files::write(format, file, account)
        }

        async fn refresh(&self, cx: Ctx, account: Account) -> Result<Account> {
            self.parts.service.renew(&cx, account).await
        }

        async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
            self.parts.service.answer(&cx, &turn, &self.parts.wish).await
        }

        async fn count_tokens(&self, cx: Ctx, turn: Turn) -> Result<()> {
            self.parts.service.count(&cx, &turn, &self.parts.wish).await
        }

        async fn models(&self, _: Ctx) -> Result<Vec<Model>> {
            Ok(lip_code_assist::gemini())
        }
    };
}

/// Gemini CLI's account by the free tier.
pub(crate) struct Free {
    parts: Parts,
    file: AccountFile,
}

impl Connector for Free {
    const MANIFEST: &'static str = include_str!("gemini/free.json");

    fn create(with: Create<'_>) -> Result<Self> {
        Ok(Self { parts: Parts::read(&with, &[], EARLY_S)?, file: official(&with)? })
    }

    fn accounts(&self) -> Accounts {
        let mut accounts = of_file(&self.file, self.parts.early_ms);
        accounts.ended = Some(
            "Google stopped to serve personal accounts of the free tier with this client on 18 June 2026; use the backend gemini \
             with an API key, or antigravity-oauth"
                .to_owned(),
        );
        accounts
    }

    code_assist!();
}

/// Gemini CLI's account by a plan.
pub(crate) struct Plan {
    parts: Parts,
    file: AccountFile,
}

impl Connector for Plan {
    const MANIFEST: &'static str = include_str!("gemini/plan.json");

    fn create(with: Create<'_>) -> Result<Self> {
        // The last one may come from the host's settings.
        let keys = ["gcp_project_id", "project_id", "google_cloud_project"];
        Ok(Self { parts: Parts::read(&with, &keys, EARLY_S)?, file: official(&with)? })
    }

    fn accounts(&self) -> Accounts {
        of_file(&self.file, self.parts.early_ms)
    }

    code_assist!();
}

fn of_file(file: &AccountFile, early_ms: u64) -> Accounts {
    let mut accounts = Accounts::default();
    accounts.files = vec![file.clone()];
    accounts.login_hint = LOGIN_HINT.to_owned();
    accounts.early_ms = Some(early_ms);
    accounts
}

/// A pool of accounts that are logged in here.
pub(crate) struct Auto {
    parts: Parts,
    accounts: Accounts,
}

impl Connector for Auto {
    const MANIFEST: &'static str = include_str!("gemini/auto.json");

    fn create(with: Create<'_>) -> Result<Self> {
        let parts = Parts::read(&with, &[], EARLY_OWN_S)?;
        let mut accounts = pool(&with)?;
        accounts.imports = vec![official(&with)?];
        accounts.logins = vec!["browser".to_owned()];
        accounts.early_ms = Some(parts.early_ms);
        Ok(Self { parts, accounts })
    }

    fn accounts(&self) -> Accounts {
        self.accounts.clone()
    }

    async fn login(&self, cx: Ctx, login: Login) -> Result<Account> {
        self.parts.service.log_in(&cx, &login).await
    }

    code_assist!();
}

/// Who is next, as the config says: `accounts`, `selection_strategy`, `session_affinity_ttl_seconds`, `session_affinity_max_entries`,
/// `max_wait_seconds`, `cooldown_seconds`, `cooldown_max_seconds`.
pub(crate) fn pool(with: &Create<'_>) -> Result<Accounts> {
    /// A year is as good as for ever.
    const SECONDS_MAX: f64 = 31_536_000.0;
    const ENTRIES_MAX: f64 = 1_000_000.0;
    const STRATEGIES: [&str; 4] = ["session-affinity", "round-robin", "random", "first-available"];
    let ms = |key: &str| with.seconds_ms(key, SECONDS_MAX);
    let strategy = with.string("selection_strategy")?;
    if strategy.as_deref().is_some_and(|name| !STRATEGIES.contains(&name)) {
        return Err(Error::bad_config(
            "selection_strategy",
            format!("write one of {}", STRATEGIES.join(", ")),
        ));
    }
    let mut accounts = Accounts::default();
    accounts.only = with.account_names()?;
    accounts.strategy = strategy;
    accounts.affinity_ms = ms("session_affinity_ttl_seconds")?;
    accounts.affinity_entries =
        with.number("session_affinity_max_entries", ENTRIES_MAX)?.map(|entries| entries as u64);
    accounts.wait_ms = ms("max_wait_seconds")?;
    accounts.cooldown_ms = ms("cooldown_seconds")?;
    accounts.cooldown_max_ms = ms("cooldown_max_seconds")?;
    Ok(accounts)
}

#[cfg(test)]
mod tests;

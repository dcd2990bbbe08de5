//! Qwen with the login of Qwen Code: Chat Completions at the address that comes with the token.
//!
//! Source: github.com/QwenLM/qwen-code, packages/core/src/qwen.
use crate::credential::{Credential, Provider, hinted, used_up};
use crate::options;
use lip_plugin::{
    Account, AccountFile, Accounts, Connector, Create, Ctx, Error, HttpRequest, Login, Refusal, Result, Turn,
    Verdict,
};

mod file;
mod identity;

const FORMAT: &str = "qwen";
/// Where requests go when the login does not say. Source: qwen-code, DEFAULT_QWEN_BASE_URL.
const BASE: &str = "https://dashscope.aliyuncs.com/compatible-mode/v1";
const ENDED: &str = "Alibaba ended the free tier of Qwen's login on 2026-04-15; use an API key instead";
const BUFFER_MS: u64 = 30_000;
const WAIT_MS: u64 = 10_000;
const COOLDOWN_MS: u64 = 3_000;

/// `qwen-oauth`.
pub(crate) struct Qwen {
    instance: String,
    /// Instead of the login's own.
    base: Option<String>,
    accounts: Accounts,
    identity: identity::Identity,
    /// Of every request.
    headers: Vec<(String, String)>,
}

impl Connector for Qwen {
    const MANIFEST: &'static str = include_str!("qwen/manifest.json");

    fn create(with: Create<'_>) -> Result<Self> {
        let mut headers = with.headers()?;
        let agent = with.header_value("dashscope_user_agent")?.unwrap_or_else(|| "lip".to_owned());
        for (name, value) in [
            ("x-dashscope-useragent", &*agent),
            ("x-dashscope-cachecontrol", "enable"),
            ("x-dashscope-authtype", "qwen-oauth"),
        ] {
            if !headers.iter().any(|(own, _)| own == name) {
                headers.push((name.to_owned(), value.to_owned()));
            }
        }
        let keys = ["resource_url_override", "base_url"];
        let base = keys.into_iter().find(|key| with.config.get(key).is_some_and(|url| !url.is_null()));
        Ok(Self {
            instance: with.instance.to_owned(),
            base: base.map(|key| options::url(&with, key, BASE)).transpose()?,
            accounts: accounts(&with)?,
            identity: identity::Identity::new(&with)?,
            headers,
        })
    }

    fn accounts(&self) -> Accounts {
        self.accounts.clone()
    }

    fn read_account(&self, _format: &str, file: &[u8]) -> Result<Account> {
        file::read(file)
    }

    fn write_account(&self, _format: &str, file: &[u8], account: &Account) -> Result<Vec<u8>> {
        file::write(file, account)
    }

    async fn refresh(&self, cx: Ctx, account: Account) -> Result<Account> {
        self.identity.refresh(&cx, account).await
    }

    async fn login(&self, cx: Ctx, login: Login) -> Result<Account> {
        self.identity.login(&cx, &login).await
    }

    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        let mut credential = Credential::account(&cx, &turn.model).await?;
        let request = |credential: &Credential| {
            let base = self.base.clone().unwrap_or_else(|| base(credential.field("resource_url")));
            let request = HttpRequest::post(format!("{base}/chat/completions"));
            let request = request.headers(self.headers.iter().cloned()).headers(turn.headers.iter().cloned());
            credential.sign(request.json(turn.body.clone()), "authorization", "Bearer ", "Bearer ")
        };
        credential.answered(&cx, self, &turn.model, request).await?.splice();
        Ok(())
    }
}

impl Provider for Qwen {
    fn may_be_of_account(&self, status: u16) -> bool {
        matches!(status, 401 | 403 | 429)
    }

    fn judge(&self, refusal: &Refusal, _model: &str, now_ms: u64) -> Verdict {
        let until_ms = hinted(refusal, now_ms);
        if is_quota(refusal) {
            Verdict::Cooling { of_model: false, until_ms }
        } else if refusal.status == 429 {
            Verdict::Cooling { of_model: true, until_ms }
        } else {
            Verdict::TokenRefused
        }
    }

    fn told(&self, refusal: &Refusal, now_ms: u64) -> Error {
        let until_ms = hinted(refusal, now_ms);
        if is_quota(refusal) {
            return used_up(refusal, "quota_exceeded", until_ms, now_ms);
        }
        match refusal.status {
            429 => used_up(refusal, "rate_limit_exceeded", until_ms, now_ms),
            _ => refusal.error().hint(ENDED),
        }
    }

    fn instance(&self) -> &str {
        &self.instance
    }
}

/// A quota comes as 403 or 429.
fn is_quota(refusal: &Refusal) -> bool {
    let names = |code: &str| refusal.at("/error/code") == code || refusal.at("/error/type") == code;
    let is_named = names("insufficient_quota") || names("quota_exceeded");
    refusal.status != 401 && (is_named || refusal.says("free allocated quota exceeded"))
}

/// The base URL that a login names: often a bare host.
fn base(resource_url: &str) -> String {
    let url = resource_url.trim().trim_end_matches('/');
    if url.is_empty() {
        return BASE.to_owned();
    }
    let url = if url.contains("://") { url.to_owned() } else { format!("https://{url}") };
    if url.ends_with("/v1") { url } else { format!("{url}/v1") }
}

fn accounts(with: &Create<'_>) -> Result<Accounts> {
    let path = match with.string("credentials_path")? {
        Some(path) => path,
        None => with.string("qwen_oauth_path")?.unwrap_or_else(|| "~/.qwen".to_owned()),
    };
    let path = options::file_in(&path, "oauth_creds.json");
    let lock = format!("{}.lock", path.trim_end_matches(".json"));
    let mut accounts = options::accounts(with)?;
    accounts.files =
        vec![AccountFile::new(path, FORMAT).writable(with.flag("writable", true)?).locked_by(lock)];
    accounts.logins = vec!["device".to_owned()];
    accounts.login_hint = "Run qwen and choose the login, or: lip login qwen-oauth".to_owned();
    // Whoever names another identity server is not served by Alibaba's.
    accounts.ended = with.string("token_url")?.is_none().then(|| ENDED.to_owned());
    accounts.early_ms.get_or_insert(BUFFER_MS);
    let wait = options::seconds_ms(with, "qwen_oauth_initial_rate_limit_retry_max_wait_seconds")?;
    let waits = with.flag("enable_qwen_oauth_initial_rate_limit_retry", true)?;
    accounts.wait_ms = Some(if waits { wait.unwrap_or(WAIT_MS) } else { 0 });
    let cooldown = options::seconds_ms(with, "qwen_oauth_initial_rate_limit_retry_random_min_seconds")?;
    accounts.cooldown_ms = Some(cooldown.unwrap_or(COOLDOWN_MS));
    Ok(accounts)
}

#[cfg(test)]
mod tests;

//! OpenCode Zen: one gateway, four dialects; which one answers depends on the model.
//!
//! Source: opencode.ai/docs/zen; github.com/anomalyco/opencode (packages/console/app/src/routes/zen, packages/opencode/src/auth).
use crate::credential::{Credential, Provider, hinted, used_up};
use crate::options;
use lip_plugin::{
    Account, AccountFile, Accounts, Connector, Create, Ctx, Error, HttpRequest, Model, Refusal, Result, Turn,
    Verdict, login, time,
};

mod file;

const FORMAT: &str = "opencode";
const LOG_IN: &str = "Run opencode auth login, or set OPENCODE_API_KEY";
/// Source: docs.anthropic.com/en/api/versioning.
const ANTHROPIC_VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");
/// A login that ends within this time counts as over.
const BUFFER_MS: u64 = 60_000;
/// How long a key rests that asked too often and is not told for how long. Source: the server's rate limiter.
const RATE_MS: u64 = 60_000;

/// `opencode-zen`.
pub(crate) struct Zen {
    instance: String,
    key: options::Key,
    base: String,
    accounts: Accounts,
    client: String,
    /// Of every request, from the config.
    headers: Vec<(String, String)>,
}

impl Connector for Zen {
    const MANIFEST: &'static str = include_str!("zen/manifest.json");

    fn create(with: Create<'_>) -> Result<Self> {
        let own = with.string("api_base_url")?.is_some();
        Ok(Self {
            instance: with.instance.to_owned(),
            key: options::Key::of(&with),
            base: match own {
                true => options::url(&with, "api_base_url", "")?,
                false => with.base_url("https://opencode.ai/zen/v1")?,
            },
            accounts: accounts(&with)?,
            client: with.header_value("client_name")?.unwrap_or_else(|| "lip".to_owned()),
            headers: with.headers()?,
        })
    }

    fn accounts(&self) -> Accounts {
        self.accounts.clone()
    }

    fn read_account(&self, _format: &str, file: &[u8]) -> Result<Account> {
        file::read(file)
    }

    async fn refresh(&self, _cx: Ctx, account: Account) -> Result<Account> {
        // There is nothing to ask: what was new in the file the host has read already.
        let sentence = format!("the login \"{}\" is over, and OpenCode Zen renews none", account.name);
        Err(Error::auth(sentence).hint(LOG_IN))
    }

    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        let mut credential = Credential::new(&cx, &turn.model, self.key).await?;
        let url = format!("{}{}", self.base, path(&turn)?);
        let trace = self.trace(&cx, &turn.session);
        let request = |credential: &Credential| {
            let request = HttpRequest::post(&*url).headers(self.headers.iter().cloned());
            let request = request.headers(trace.iter().cloned()).headers(turn.headers.iter().cloned());
            let is_versioned = turn.headers.iter().any(|(name, _)| name == ANTHROPIC_VERSION.0);
            let version =
                (turn.dialect == "anthropic-messages" && !is_versioned).then_some(ANTHROPIC_VERSION);
            sign(credential, request.headers(version).json(turn.body.clone()), &turn.dialect)
        };
        let response = credential.answered(&cx, self, &turn.model, request).await?;
        // Its own errors are in no form that a client of Gemini knows.
        if turn.dialect == "gemini" && response.status() >= 400 {
            return Err(Refusal::read(response).await?.error());
        }
        response.splice();
        Ok(())
    }

    async fn models(&self, cx: Ctx) -> Result<Vec<Model>> {
        let request = HttpRequest::get(format!("{}/models", self.base)).headers(self.headers.iter().cloned());
        let request = request.headers(self.trace(&cx, ""));
        // Nobody needs to be logged in; whoever is sees what is enabled for them.
        let request = match Credential::new(&cx, "", self.key).await {
            Ok(credential) => sign(&credential, request, "openai-chat"),
            Err(_) => request,
        };
        Model::from_openai_list(&cx.http(request).await?.success().await?.bytes().await?)
    }
}

impl Zen {
    /// Without a session it answers 400 MissingSessionID.
    fn trace(&self, cx: &Ctx, session: &str) -> Vec<(String, String)> {
        let is_plain = !session.is_empty() && session.bytes().all(|byte| byte.is_ascii_graphic());
        let session = match (is_plain, session.is_empty()) {
            (true, _) => session.to_owned(),
            (false, true) => "lip".to_owned(),
            (false, false) => login::hex(session.as_bytes()),
        };
        let request = format!("{session}-{}", cx.now_unix_ms());
        let all = [("session", session), ("request", request), ("client", self.client.clone())];
        all.into_iter().map(|(name, value)| (format!("x-opencode-{name}"), value)).collect()
    }
}

impl Provider for Zen {
    fn may_be_of_account(&self, status: u16) -> bool {
        matches!(status, 401 | 429)
    }

    fn judge(&self, refusal: &Refusal, _model: &str, now_ms: u64) -> Verdict {
        let hint = hinted(refusal, now_ms);
        let cooling = |of_model, until_ms| Verdict::Cooling { of_model, until_ms };
        match (refusal.status, refusal.at("/error/type")) {
            // Not the token's fault: credits are bought, a model is named otherwise.
            (401, "CreditsError" | "ModelError") => Verdict::Keep,
            (401, "MonthlyLimitError") => cooling(false, hint.or_else(|| Some(time::next_month(now_ms)))),
            (401, "UserLimitError") => cooling(false, hint),
            (401, _) => Verdict::TokenRefused,
            (429, "FreeUsageLimitError") => cooling(true, hint.or_else(|| Some(time::next_day(now_ms)))),
            (429, "GoUsageLimitError" | "BlackUsageLimitError") => cooling(false, hint),
            (429, _) => cooling(true, hint.or_else(|| Some(now_ms.saturating_add(RATE_MS)))),
            (_, _) => Verdict::Keep,
        }
    }

    fn told(&self, refusal: &Refusal, now_ms: u64) -> Error {
        let told = |status, code| Error::upstream(status, refusal.message()).client_code(code);
        match (self.judge(refusal, "", now_ms), refusal.at("/error/type")) {
            (_, "CreditsError") => told(402, "insufficient_credits"),
            (_, "ModelError") => told(404, "model_not_found"),
            (Verdict::Cooling { until_ms, .. }, "RateLimitError" | "") => {
                used_up(refusal, "rate_limit_exceeded", until_ms, now_ms)
            }
            (Verdict::Cooling { until_ms, .. }, _) => used_up(refusal, "quota_exceeded", until_ms, now_ms),
            (Verdict::TokenRefused | Verdict::Blocked { .. } | Verdict::Keep, _) => {
                refusal.error().hint(LOG_IN)
            }
        }
    }

    fn instance(&self) -> &str {
        &self.instance
    }

    fn log_in(&self) -> Option<&'static str> {
        Some(LOG_IN)
    }
}

/// The credential where the dialect's own clients put it.
fn sign(credential: &Credential, request: HttpRequest, dialect: &str) -> HttpRequest {
    match dialect {
        "anthropic-messages" => credential.sign(request, "x-api-key", "", ""),
        "gemini" => credential.sign(request, "x-goog-api-key", "", ""),
        _ => credential.sign(request, "authorization", "Bearer ", "Bearer "),
    }
}

fn path(turn: &Turn) -> Result<String> {
    Ok(match &*turn.dialect {
        "openai-responses" => "/responses".to_owned(),
        "anthropic-messages" => "/messages".to_owned(),
        "gemini" => {
            let model = turn.model.as_str();
            if model.is_empty() || !model.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
                return Err(Error::bad_request("the model's name does not fit into a URL").param("model"));
            }
            let verb = if turn.stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
            format!("/models/{model}:{verb}")
        }
        _ => "/chat/completions".to_owned(),
    })
}

fn accounts(with: &Create<'_>) -> Result<Accounts> {
    let mut accounts = options::accounts(with)?;
    let places = match with.string("credentials_path")? {
        Some(path) => vec![options::file_in(&path, "auth.json")],
        None => {
            let said = [with.string("data_home")?, with.string("local_app_data")?].into_iter().flatten();
            let usual = ["~/.local/share", "~/Library/Application Support"].map(str::to_owned);
            said.chain(usual).map(|data| options::file_in(&data, "opencode/auth.json")).collect()
        }
    };
    accounts.files = places.into_iter().map(|path| AccountFile::new(path, FORMAT)).collect();
    accounts.login_hint = LOG_IN.to_owned();
    accounts.early_ms.get_or_insert(BUFFER_MS);
    Ok(accounts)
}

#[cfg(test)]
mod tests;

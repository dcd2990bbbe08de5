//! OpenAI's models with a ChatGPT login, as Codex CLI uses them: its account where it stands, or one of LIP's own.
//!
//! The upstream streams always and stores nothing. A client that wants a whole answer gets it from the host, which collects the stream.
//!
//! Source: github.com/openai/codex (codex-rs/login, codex-rs/codex-api, codex-rs/core).
use lip_plugin::{
    Account, AccountFile, Accounts, Connector, Create, Ctx, Error, HttpRequest, HttpResponse, Lease, Login,
    Model, Refusal, Result, Rotation, Turn, Verdict, export_connector,
};
use request::{Fit, Fitted};

mod file;
mod identity;
mod models;
mod opening;
mod refusal;
mod request;

const FORMAT: &str = "codex";
/// The newest Codex CLI whose catalogue this connector was read against.
const CLIENT_VERSION: &str = "0.169.0";
const BUFFER_S_MAX: f64 = 864_000.0;

struct Codex {
    instance: String,
    base: String,
    accounts: Accounts,
    identity: identity::Identity,
    fit: Fit,
    client_version: String,
    /// Of every request, from the config.
    headers: Vec<(String, String)>,
}

impl Connector for Codex {
    const MANIFEST: &'static str = include_str!("manifest.json");

    fn create(with: Create<'_>) -> Result<Self> {
        let mut headers = with.headers()?;
        let originator = with.header_value("originator")?.unwrap_or_else(|| "lip".to_owned());
        if !headers.iter().any(|(name, _)| name == "originator") {
            headers.push(("originator".to_owned(), originator.clone()));
        }
        Ok(Self {
            instance: with.instance.to_owned(),
            base: with.base_url("https://chatgpt.com/backend-api/codex")?,
            accounts: accounts(&with)?,
            identity: identity::Identity::new(&with, &originator)?,
            fit: Fit::new(&with)?,
            client_version: with.string("client_version")?.unwrap_or_else(|| CLIENT_VERSION.to_owned()),
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
        let fitted = self.fit.fitted(&turn)?;
        let mut rotation = Rotation::new(&cx, &turn.model).await?;
        loop {
            let request = self.request(rotation.lease(), &turn, &fitted);
            let response = cx.http(request.json(fitted.body.clone())).await?;
            let refusal = match response.status() {
                200..300 => match self.begun(&cx, &rotation, response).await? {
                    Some(refusal) => refusal,
                    None => return Ok(()),
                },
                status if refusal::may_be_of_account(status) => Refusal::read(response).await?,
                _ => {
                    response.splice();
                    return Ok(());
                }
            };
            self.next(&cx, &mut rotation, &refusal).await?;
        }
    }

    async fn models(&self, cx: Ctx) -> Result<Vec<Model>> {
        let url = format!("{}/models?client_version={}", self.base, self.client_version);
        let mut rotation = Rotation::new(&cx, "").await?;
        loop {
            let request = self.signed(HttpRequest::get(&*url), rotation.lease());
            let response = cx.http(request.header("accept", "application/json")).await?;
            if !refusal::may_be_of_account(response.status()) {
                return models::read(&response.success().await?.bytes().await?);
            }
            let refusal = Refusal::read(response).await?;
            self.next(&cx, &mut rotation, &refusal).await?;
        }
    }
}

impl Codex {
    fn signed(&self, request: HttpRequest, lease: &Lease) -> HttpRequest {
        let id = Some(lease.field("account_id")).filter(|id| !id.is_empty());
        let id = id.map(|id| ("chatgpt-account-id".to_owned(), id.to_owned()));
        request.headers(self.headers.iter().cloned()).headers(id).leased(lease)
    }

    fn request(&self, lease: &Lease, turn: &Turn, fitted: &Fitted) -> HttpRequest {
        let request = self.signed(HttpRequest::post(format!("{}/responses", self.base)), lease);
        let request = request.header("accept", "text/event-stream").headers(turn.headers.iter().cloned());
        let key = &fitted.cache_key;
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return request;
        }
        request.header("session-id", key).header("thread-id", key)
    }

    /// Hands on an answer that begins well; else what it says of the account.
    async fn begun(&self, cx: &Ctx, rotation: &Rotation, response: HttpResponse) -> Result<Option<Refusal>> {
        let opening = opening::read(response).await?;
        if opening.refusal.is_some() {
            return Ok(opening.refusal);
        }
        match opening.rest {
            Some(rest) => {
                rotation.served().await;
                rest.splice_after(opening.read);
            }
            // Against what was asked for, it is no stream.
            None if opening.read.first() == Some(&b'{') => cx.answer(opening.read),
            None if opening.read.is_empty() => {
                return Err(Error::upstream(502, "the upstream ended the answer before it began"));
            }
            None => cx.send(opening.read).await,
        }
        Ok(None)
    }

    /// The next try, or the error that the client gets.
    async fn next(&self, cx: &Ctx, rotation: &mut Rotation, refusal: &Refusal) -> Result<()> {
        let now = cx.now_unix_ms();
        let verdict = refusal::judge(refusal, now);
        if verdict != Verdict::Keep && rotation.goes_on(refusal, &verdict).await? {
            return Ok(());
        }
        Err(refusal::told(rotation, refusal, now, &self.instance))
    }
}

fn accounts(with: &Create<'_>) -> Result<Accounts> {
    let home = with.string("codex_home")?.unwrap_or_else(|| "~/.codex".to_owned());
    let path = with.string("credentials_path")?.unwrap_or(home);
    let file = match path.ends_with(".json") {
        true => path,
        false => format!("{}/auth.json", path.trim_end_matches('/')),
    };
    let mut accounts = Accounts::default();
    accounts.files = vec![AccountFile::new(file, FORMAT).writable(with.flag("writable", true)?)];
    accounts.logins = vec!["browser".to_owned()];
    accounts.login_hint = "Run codex login with cli_auth_credentials_store = \"file\" in its config.toml: \
        a login in the system's keyring has no auth.json"
        .to_owned();
    accounts.only = with.account_names()?;
    accounts.strategy = with.string("selection_strategy")?;
    accounts.early_ms = with.seconds_ms("refresh_buffer_seconds", BUFFER_S_MAX)?;
    Ok(accounts)
}

export_connector!(Codex);

#[cfg(test)]
mod tests;

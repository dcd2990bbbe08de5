//! Cline's own provider, with a Cline account or an API key: Chat Completions.
//!
//! Source: github.com/cline/cline (packages of the SDK: llms, core/auth).
use crate::credential::{Credential, Provider};
use crate::options;
use lip_plugin::{
    Account, AccountFile, Accounts, Connector, Create, Ctx, Error, HttpRequest, HttpResponse, Login, Model,
    Refusal, Result, Turn, Value, Verdict, serde_json,
};

mod file;
mod identity;
mod refusal;

/// Tokens are renewed five minutes before they end, as Cline does.
const BUFFER_MS: u64 = 300_000;
const MODELS_MS: u64 = 5_000;
/// Bytes of an answer that show whether it is wrapped.
const START_BYTES: usize = 32;

/// `cline`.
pub(crate) struct Cline {
    instance: String,
    key: options::Key,
    base: String,
    accounts: Accounts,
    identity: identity::Identity,
    /// Of every request.
    headers: Vec<(String, String)>,
}

impl Connector for Cline {
    const MANIFEST: &'static str = include_str!("cline/manifest.json");

    fn create(with: Create<'_>) -> Result<Self> {
        let place = identity::Place::named(with.string("environment")?.as_deref())?;
        let is_told = |key: &str| with.config.get(key).is_some_and(|url| !url.is_null());
        let key = if is_told("base_url") { "base_url" } else { "api_base_url" };
        let base = options::url(&with, key, place.base)?;
        let mut headers = with.headers()?;
        let client = with.header_value("client_type")?.unwrap_or_else(|| "lip".to_owned());
        if !headers.iter().any(|(name, _)| name == "x-client-type") {
            headers.push(("x-client-type".to_owned(), client));
        }
        Ok(Self {
            instance: with.instance.to_owned(),
            key: options::Key::of(&with),
            accounts: accounts(&with)?,
            identity: identity::Identity::new(&with, &base, place.client_id)?,
            base,
            headers,
        })
    }

    fn accounts(&self) -> Accounts {
        self.accounts.clone()
    }

    fn read_account(&self, format: &str, file: &[u8]) -> Result<Account> {
        file::read(format, file)
    }

    fn write_account(&self, format: &str, file: &[u8], account: &Account) -> Result<Vec<u8>> {
        file::write(format, file, account)
    }

    async fn refresh(&self, cx: Ctx, account: Account) -> Result<Account> {
        self.identity.refresh(&cx, account).await
    }

    async fn login(&self, cx: Ctx, login: Login) -> Result<Account> {
        self.identity.login(&cx, &login).await
    }

    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        let mut credential = Credential::new(&cx, &turn.model, self.key).await?;
        let is_plain = !turn.session.is_empty() && turn.session.bytes().all(|byte| byte.is_ascii_graphic());
        let task = is_plain.then(|| ("x-task-id".to_owned(), turn.session.clone()));
        let request = |credential: &Credential| {
            let request = HttpRequest::post(format!("{}/api/v1/chat/completions", self.base));
            let request = request.headers(self.headers.iter().cloned()).headers(task.clone());
            let request = request.headers(turn.headers.iter().cloned()).json(turn.body.clone());
            credential.sign(request, "authorization", "Bearer ", "Bearer workos:")
        };
        let response = credential.answered(&cx, self, &turn.model, request).await?;
        if !(200..300).contains(&response.status()) {
            response.splice();
            return Ok(());
        }
        if turn.stream { streamed(&cx, response).await } else { whole(&cx, response).await }
    }

    async fn models(&self, cx: Ctx) -> Result<Vec<Model>> {
        let url = format!("{}/api/v1/ai/cline/recommended-models", self.base);
        let request = HttpRequest::get(url).headers(self.headers.iter().cloned()).timeout_ms(MODELS_MS);
        models(&cx.http(request).await?.success().await?.bytes().await?)
    }
}

impl Provider for Cline {
    fn may_be_of_account(&self, status: u16) -> bool {
        matches!(status, 400..=404 | 429)
    }

    fn judge(&self, refusal: &Refusal, model: &str, now_ms: u64) -> Verdict {
        refusal::judge(refusal, model, now_ms)
    }

    fn told(&self, refusal: &Refusal, now_ms: u64) -> Error {
        refusal::told(refusal, now_ms)
    }

    fn instance(&self) -> &str {
        &self.instance
    }
}

/// A stream is one whatever its type says: some of Cline's servers call it plain text.
async fn streamed(cx: &Ctx, mut response: HttpResponse) -> Result<()> {
    let headers = response.headers().await?;
    let is_named =
        |(name, value): &(String, String)| name == "content-type" && value.starts_with("text/plain");
    if !headers.iter().any(is_named) {
        response.splice();
        return Ok(());
    }
    while let Some(chunk) = response.chunk().await? {
        cx.send(chunk).await;
    }
    Ok(())
}

/// An answer may be wrapped into `{"success": true, "data": …}`.
async fn whole(cx: &Ctx, mut response: HttpResponse) -> Result<()> {
    let mut first = Vec::new();
    while first.trim_ascii_start().len() < START_BYTES {
        match response.chunk().await? {
            Some(chunk) => first.extend_from_slice(&chunk),
            None if first.is_empty() => return Err(Error::upstream(502, "the upstream's answer is empty")),
            None => {
                cx.answer(file::unwrapped(&first).map_or(first, String::into_bytes));
                return Ok(());
            }
        }
    }
    let start = first.trim_ascii_start().get(..START_BYTES).unwrap_or_default();
    if !["\"success\"", "\"data\""]
        .iter()
        .any(|key| start.windows(key.len()).any(|word| word == key.as_bytes()))
    {
        response.splice_after(first);
        return Ok(());
    }
    first.extend_from_slice(&response.bytes().await?);
    cx.answer(file::unwrapped(&first).map_or(first, String::into_bytes));
    Ok(())
}

/// Models by their purpose: recommended ones, free ones, those of a pass.
fn models(body: &[u8]) -> Result<Vec<Model>> {
    let lists: Value = serde_json::from_slice(body)?;
    let lists = lists.get("data").unwrap_or(&lists);
    let all = ["recommended", "free", "clinePass"].into_iter().filter_map(|list| lists.get(list)?.as_array());
    let mut models: Vec<Model> = Vec::new();
    for entry in all.flatten() {
        let Some(id) = entry.get("id").and_then(Value::as_str).filter(|id| !id.is_empty()) else { continue };
        if models.iter().any(|model| model.id == id) {
            continue;
        }
        let mut model = Model::named(id);
        model.title = entry.get("name").and_then(Value::as_str).map(str::to_owned);
        model.owned_by = id.split_once('/').map(|(vendor, _)| vendor.to_owned());
        models.push(model);
    }
    if models.is_empty() {
        return Err(Error::new("bad_json", "the list names no model"));
    }
    Ok(models)
}

fn accounts(with: &Create<'_>) -> Result<Accounts> {
    let mut accounts = options::accounts(with)?;
    let dir = with.string("cline_dir")?.unwrap_or_else(|| "~/.cline".to_owned());
    let data = with.string("data_dir")?.unwrap_or_else(|| format!("{}/data", dir.trim_end_matches('/')));
    let data = data.trim_end_matches('/');
    let path =
        |key: &str, name: &str| Ok::<_, Error>(with.string(key)?.unwrap_or_else(|| format!("{data}/{name}")));
    let writable = with.flag("writable", false)?;
    accounts.files = vec![
        AccountFile::new(path("providers_path", "settings/providers.json")?, file::PROVIDERS),
        AccountFile::new(path("secrets_path", "secrets.json")?, file::SECRETS),
    ];
    accounts.files.iter_mut().for_each(|file| file.writable = writable);
    accounts.logins = vec!["device".to_owned()];
    accounts.login_hint = "Run lip login cline, or log in with Cline, or set CLINE_API_KEY".to_owned();
    accounts.early_ms.get_or_insert(BUFFER_MS);
    Ok(accounts)
}

#[cfg(test)]
mod tests;

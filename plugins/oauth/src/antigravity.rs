//! Antigravity: Gemini, Claude and GPT-OSS by Google's Code Assist, with another client, two hosts and an envelope of its own.
use crate::gemini;
use lip_code_assist::discover::Tiers;
use lip_code_assist::{Client, Service, Wish, files};
use lip_plugin::{
    Account, Accounts, Connector, Create, Ctx, Error, HttpRequest, Login, Model, Result, Turn, Value, Want,
    serde_json,
};

/// The most that a token is renewed before its end: an hour.
const EARLY_S_MAX: f64 = 3_600.0;
const EARLY_S: f64 = 60.0;
const FILE: &str = "~/.gemini/antigravity-cli/antigravity-oauth-token";

pub(crate) struct Antigravity {
    service: Service,
    wish: Wish,
    accounts: Accounts,
}

impl Connector for Antigravity {
    const MANIFEST: &'static str = include_str!("antigravity.json");

    fn create(with: Create<'_>) -> Result<Self> {
        let mut service = Service::read(&with, Client::Antigravity)?;
        if let Some(version) = with.header_value("client_version")? {
            service.default_header("user-agent", &format!("antigravity/hub/{version} linux/x64"));
        }
        let mut accounts = gemini::pool(&with)?;
        let early_s = with.number("refresh_buffer_seconds", EARLY_S_MAX)?.unwrap_or(EARLY_S);
        accounts.early_ms = Some((early_s * 1000.0) as u64);
        accounts.files = vec![files::at(&with, "credentials_path", FILE, files::AGY)?];
        accounts.logins = vec!["browser".to_owned()];
        Ok(Self { service, wish: Wish { project: None, tiers: Tiers::Proposed, needed: None }, accounts })
    }

    fn accounts(&self) -> Accounts {
        self.accounts.clone()
    }

    fn read_account(&self, format: &str, file: &[u8]) -> Result<Account> {
        files::read(format, file)
    }

    fn write_account(&self, format: &str, file: &[u8], account: &Account) -> Result<Vec<u8>> {
        files::write(format, file, account)
    }

    async fn refresh(&self, cx: Ctx, account: Account) -> Result<Account> {
        self.service.renew(&cx, account).await
    }

    async fn login(&self, cx: Ctx, login: Login) -> Result<Account> {
        self.service.log_in(&cx, &login).await
    }

    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        self.service.answer(&cx, &turn, &self.wish).await
    }

    async fn count_tokens(&self, cx: Ctx, turn: Turn) -> Result<()> {
        self.service.count(&cx, &turn, &self.wish).await
    }

    async fn models(&self, cx: Ctx) -> Result<Vec<Model>> {
        let lease = cx.lease(&Want::default()).await?;
        let request: HttpRequest = self.service.post(0, "fetchAvailableModels").leased(&lease).json("{}");
        let bytes = cx.http(request).await?.success().await?.bytes().await?;
        let list: Value = serde_json::from_slice(&bytes)?;
        let models = list.get("models").and_then(Value::as_object);
        let models = models.ok_or_else(|| Error::new("bad_json", "the model list has no models"))?;
        Ok(models.iter().filter_map(|(id, told)| model(id, told)).collect())
    }
}

/// A model of the list, unless it is for the editor's own use.
fn model(id: &str, told: &Value) -> Option<Model> {
    let title = told.get("displayName").and_then(Value::as_str).filter(|title| !title.is_empty())?;
    let is_internal = told.get("isInternal") == Some(&Value::Bool(true))
        || id.starts_with("chat_")
        || id.starts_with("tab_");
    if is_internal {
        return None;
    }
    Some(Model {
        title: Some(title.to_owned()),
        context_tokens: told.get("maxTokens").and_then(Value::as_u64),
        output_tokens: told.get("maxOutputTokens").and_then(Value::as_u64),
        ..Model::named(id)
    })
}

#[cfg(test)]
mod tests;

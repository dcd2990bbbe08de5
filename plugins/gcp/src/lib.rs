//! Gemini by Google's Code Assist, paid for by a Google Cloud project: the account of Gemini CLI, for enterprises and teams.
use lip_code_assist::discover::Tiers;
use lip_code_assist::{Client, Service, Wish, files};
use lip_plugin::{
    Account, AccountFile, Accounts, Connector, Create, Ctx, Model, Result, Turn, export_connector,
};

/// Keys of the config that may name the project. The last one may come from the host's settings, so those that can stand in the backend's
/// own table only go first.
const PROJECT_KEYS: [&str; 3] = ["gcp_project_id", "project_id", "google_cloud_project"];
/// The most that a token is renewed before its end: an hour.
const EARLY_S_MAX: f64 = 3_600.0;
const EARLY_S: f64 = 30.0;

struct CloudProject {
    service: Service,
    wish: Wish,
    file: AccountFile,
    early_ms: u64,
}

impl Connector for CloudProject {
    const MANIFEST: &'static str = include_str!("manifest.json");

    fn create(with: Create<'_>) -> Result<Self> {
        let wish =
            Wish { needed: Some("google_cloud_project"), ..Wish::read(&with, &PROJECT_KEYS, Tiers::Paid)? };
        let key = match with.string("gemini_credentials_path")? {
            Some(_) => "gemini_credentials_path",
            None => "credentials_path",
        };
        Ok(Self {
            service: Service::read(&with, Client::GeminiCli)?,
            wish,
            file: files::at(&with, key, "~/.gemini/oauth_creds.json", files::CREDS)?,
            early_ms: (with.number("refresh_buffer_seconds", EARLY_S_MAX)?.unwrap_or(EARLY_S) * 1000.0)
                as u64,
        })
    }

    fn accounts(&self) -> Accounts {
        let mut accounts = Accounts::default();
        accounts.files = vec![self.file.clone()];
        accounts.login_hint = "Run gemini and choose \"Login with Google\"; LIP uses its account".to_owned();
        accounts.early_ms = Some(self.early_ms);
        accounts
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

    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        self.service.answer(&cx, &turn, &self.wish).await
    }

    async fn count_tokens(&self, cx: Ctx, turn: Turn) -> Result<()> {
        self.service.count(&cx, &turn, &self.wish).await
    }

    async fn models(&self, _: Ctx) -> Result<Vec<Model>> {
        Ok(lip_code_assist::gemini())
    }
}

export_connector!(CloudProject);

#[cfg(test)]
mod tests;

//! Kiro (Amazon), over accounts of AWS Builder ID, IAM Identity Center, Google, GitHub, an organisation's identity provider, and API keys.
//! It takes and gives the canonical dialect: the service speaks a protocol of its own, in AWS event streams.
//!
//! Kiro publishes no reference of this protocol. Shapes are those of the Smithy models in aws/amazon-q-developer-cli (Apache-2.0), and of what
//! Kiro's own programs are seen to send; the pages of a source are named where there are any.
use judge::Monthly;
use lip_plugin::{Account, Accounts, Connector, Create, Ctx, HttpRequest, Login, Model, Result, Turn};
use place::{Endpoint, Hosts};
use profile::Profiles;

mod answer;
mod catalogue;
mod config;
mod effort;
mod file;
mod identity;
mod judge;
mod login;
mod place;
mod profile;
mod renew;
mod request;
mod turn;

/// The connector.
pub(crate) struct Kiro {
    instance: String,
    endpoints: Vec<Endpoint>,
    hosts: Hosts,
    profiles: Profiles,
    monthly: Monthly,
    origin: String,
    start_url: Option<String>,
    user_agent: Option<String>,
    headers: Vec<(String, String)>,
    payload_bytes_max: usize,
    poll_ms: Option<u64>,
    /// Of the registration of Kiro's IDE.
    client_id: Option<String>,
    client_secret: Option<String>,
    accounts: Accounts,
}

impl Connector for Kiro {
    const MANIFEST: &'static str = include_str!("kiro/manifest.json");

    fn create(with: Create<'_>) -> Result<Self> {
        Self::read(&with)
    }

    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        Box::pin(self.carry_out(&cx, turn)).await
    }

    async fn models(&self, cx: Ctx) -> Result<Vec<Model>> {
        Box::pin(self.list_models(&cx)).await
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
        Box::pin(self.renew(&cx, account)).await
    }

    async fn login(&self, cx: Ctx, login: Login) -> Result<Account> {
        Box::pin(self.log_in(&cx, &login)).await
    }
}

impl Kiro {
    /// With the User-Agent of the config.
    fn named(&self, request: HttpRequest) -> HttpRequest {
        match &self.user_agent {
            Some(agent) => request.header("user-agent", agent.clone()),
            None => request,
        }
    }
}

#[cfg(test)]
mod tests;

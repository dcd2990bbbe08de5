//! A host in front of Code Assist: for each row of the table, and for each way in which its accounts are kept.
use super::identity::{SECRET, browse};
use super::projects::TEAM;
use super::service::Service;
use crate::asked::{Told, USAGE};
use crate::clients::{Ask, Tongue};
use crate::judge::Judge;
use serde_json::{Value, json};
use stage::{CANARY, Lip, LipBuilder, bundle, plugins_of};
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::task::LocalSet;

pub(crate) const CLI: &str = "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com";
pub(crate) const ANTIGRAVITY: &str =
    "1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com";
/// The model that the stories ask for.
pub(crate) const MODEL: &str = "gemini-3-pro-preview";

/// Where accounts are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// In Gemini CLI's file.
    Cli,
    /// In the file of Antigravity's CLI.
    Agy,
    /// In records of LIP's own, so that there may be several.
    Own,
}

/// A row of the table, with one way to keep its accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) keeps: Keeps,
}

pub(crate) const ROWS: [Row; 6] = [
    Row { id: "gemini-cli-cloud-project", keeps: Keeps::Cli },
    Row { id: "gemini-oauth-plan", keeps: Keeps::Cli },
    Row { id: "gemini-oauth-free", keeps: Keeps::Cli },
    Row { id: "gemini-oauth-auto", keeps: Keeps::Own },
    Row { id: "antigravity-oauth", keeps: Keeps::Own },
    Row { id: "antigravity-oauth", keeps: Keeps::Agy },
];

/// A row for each way to keep accounts: enough where nothing else tells the rows apart.
pub(crate) fn one_of_each_kind() -> [Row; 3] {
    let [_, plan, _, auto, _, antigravity] = ROWS;
    [plan, auto, antigravity]
}

/// Is the first token still good?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    Good,
    Ended,
}

impl Row {
    pub(crate) fn client(self) -> &'static str {
        if self.is_antigravity() { ANTIGRAVITY } else { CLI }
    }

    pub(crate) fn is_antigravity(self) -> bool {
        self.id == "antigravity-oauth"
    }

    /// The project that its first account ends up with.
    pub(crate) fn project(self) -> &'static str {
        if self.id == "gemini-cli-cloud-project" { TEAM } else { "auto-1" }
    }

    /// The official client's file, below the user's home.
    fn file(self) -> Option<&'static str> {
        match self.keeps {
            Keeps::Cli => Some(".gemini/oauth_creds.json"),
            Keeps::Agy => Some(".gemini/antigravity-cli/antigravity-oauth-token"),
            Keeps::Own => None,
        }
    }

    /// What that client writes after a login that gave the tokens number `n`, with keys that LIP does not know.
    fn written(self, n: usize, first: First) -> Value {
        let (access, refresh) = (format!("{CANARY}access-{n}"), format!("{CANARY}refresh-{n}"));
        let mut tokens = json!({"access_token": access, "refresh_token": refresh, "token_type": "Bearer", "mine": {"z": 1}});
        match (self.keeps, first) {
            (Keeps::Agy, First::Good) => tokens["expiry"] = json!("2100-01-01T00:00:00.5Z"),
            (Keeps::Agy, First::Ended) => tokens["expiry"] = json!("2020-01-01T00:00:00.5Z"),
            (_, First::Good) => tokens["expiry_date"] = json!(4_000_000_000_000_u64),
            (_, First::Ended) => tokens["expiry_date"] = json!(1_000),
        }
        match self.keeps {
            Keeps::Agy => json!({"token": tokens, "auth_method": "consumer", "theirs": [1]}),
            Keeps::Cli | Keeps::Own => tokens,
        }
    }
}

/// The story of each row. All rows at once, for a host that starts waits more than it works.
pub(crate) async fn each<F>(rows: &[Row], story: impl Fn(Row) -> F)
where
    F: Future<Output = ()> + 'static,
{
    let set = LocalSet::new();
    let told: Vec<_> = rows.iter().map(|row| (row, set.spawn_local(story(*row)))).collect();
    let all = async {
        for (row, told) in told {
            told.await.unwrap_or_else(|error| panic!("{row:?}: {error}"));
        }
    };
    set.run_until(all).await;
}

/// A host with the bundle, in front of the service.
pub(crate) struct Scene {
    pub(crate) row: Row,
    pub(crate) service: Service,
    pub(crate) lip: Lip,
    _plugins: TempDir,
}

/// A host whose user has logged in once.
pub(crate) async fn scene(row: Row, first: First) -> Scene {
    let service = Service::start(row.client()).await;
    let Some(file) = row.file() else {
        if first == First::Ended {
            service.state().identity.life_s = Some(0);
        }
        let scene = start(row, Lip::builder(), service).await;
        scene.log_in("a").await;
        scene.service.state().identity.life_s = None;
        return scene;
    };
    service.state().identity.logged_in(0);
    let builder = match row.id {
        "gemini-cli-cloud-project" => Lip::builder().args(&format!("--google-cloud-project {TEAM}")),
        _ => Lip::builder(),
    };
    start(row, builder.file(file, &row.written(0, first).to_string()), service).await
}

async fn start(row: Row, builder: LipBuilder, service: Service) -> Scene {
    // These two libraries and no others: each start of a host looks at all that are there.
    let (plugins, oauth) = (plugins_of(&["gcp"]), bundle("oauth"));
    std::fs::copy(&oauth, plugins.path().join(oauth.file_name().expect("a name"))).expect("a copy");
    let (id, url) = (row.id, service.url());
    let mut text =
        format!("[backends.{id}]\ntype = \"{id}\"\nbase_url = \"{url}\"\ntoken_url = \"{url}/token\"\n");
    text += "operation_poll_ms = 1\n";
    if ["gemini-oauth-auto", "antigravity-oauth"].contains(&id) {
        text += &format!("auth_url = \"{url}/auth\"\nuserinfo_url = \"{url}/userinfo\"\n");
    }
    let builder = builder.env("GEMINI_CLI_CLIENT_SECRET", SECRET).env("ANTIGRAVITY_CLIENT_SECRET", SECRET);
    let lip = builder.plugins_dir(plugins.path()).config_toml(&text).start().await;
    Scene { row, service, lip, _plugins: plugins }
}

impl Scene {
    /// Another host in the same home.
    pub(crate) async fn again(self) -> Self {
        let Self { row, service, lip, .. } = self;
        start(row, lip.stopped().await, service).await
    }

    /// `lip login` with a browser, whose person consents.
    pub(crate) async fn log_in(&self, account: &str) {
        let command = format!("login {} --no-browser --account {account}", self.row.id);
        let act = async |printed: String| {
            let start = format!("{}/auth?", self.service.url());
            let url = printed.split_whitespace().find(|word| word.starts_with(&start)).expect("an address");
            let mut judge = Judge::default();
            let (redirect, query) = self.service.state().identity.consent(&mut judge, url);
            assert_eq!(judge.complaints, Vec::<String>::new(), "{url}");
            browse(&redirect, &query).await;
        };
        let output = self.lip.cli_while(&command, "Waiting for you", act).await;
        assert!(output.success, "{}", output.printed());
        assert!(output.printed().contains("@example.test"), "{}", output.printed());
    }

    /// The user logs in once more to the account that is there: with the official client, or here.
    pub(crate) async fn log_in_again(&self) {
        let Some(file) = self.row.file() else { return self.log_in("a").await };
        self.service.state().identity.logged_in(100);
        let text = self.row.written(100, First::Good).to_string();
        std::fs::write(self.lip.home().join(file), text).expect("the client's file");
    }

    /// Where the account is kept, and what stands there of its tokens.
    pub(crate) fn kept(&self) -> (PathBuf, Value) {
        let path = match self.row.file() {
            Some(file) => file.to_owned(),
            None => format!("lip/accounts/{}/a.json", self.row.id),
        };
        let path = self.lip.home().join(path);
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let kept = serde_json::from_slice(&bytes).expect("JSON");
        (path, kept)
    }

    pub(crate) fn ask(&self, prompt: &'static str, stream: bool) -> Ask {
        Ask { model: format!("{}:{MODEL}", self.row.id), stream, prompt, ..Ask::default() }
    }

    pub(crate) async fn tell(&self, tongue: Tongue, ask: &Ask) -> Result<Told, String> {
        tongue.read(ask, &self.lip.send(tongue.call(ask)).await)
    }

    pub(crate) async fn hello(&self, tongue: Tongue) {
        for stream in [false, true] {
            let told = self.tell(tongue, &self.ask("hello", stream)).await;
            assert_eq!(told, Ok(text("Hello, dear client.")), "{tongue:?}, streamed: {stream}");
        }
    }

    /// Every client is refused, with this status and in one sentence that holds `words`. Gives the last answer's `Retry-After`.
    pub(crate) async fn refused(&self, tongue: Tongue, status: u16, words: &str) -> Option<u64> {
        let answer = self.lip.send(tongue.call(&self.ask("hello", true))).await;
        assert_eq!(answer.status, status, "{tongue:?} {}", answer.text());
        let (_, message) = tongue.error(&answer).expect("an error of this dialect");
        assert!(message.contains(words) && !message.contains(CANARY), "{tongue:?} \"{message}\"");
        assert!(message.lines().count() == 1, "{tongue:?} \"{message}\"");
        answer.header("retry-after").and_then(|value| value.parse().ok())
    }

    /// The accounts that served, since this was asked last.
    pub(crate) fn served(&self) -> Vec<usize> {
        std::mem::take(&mut self.service.state().turns).into_iter().map(|(account, _)| account).collect()
    }

    pub(crate) fn assert_understood(&self) {
        assert_eq!(self.service.state().complaints, Vec::<String>::new());
    }
}

pub(crate) fn text(text: &str) -> Told {
    Told { text: text.to_owned(), usage: Some(USAGE), ..Told::default() }
}

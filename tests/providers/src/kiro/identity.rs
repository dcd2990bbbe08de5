//! The identity services: AWS's device flow with registered clients, and Kiro's own for social accounts.
//! Source: AWS, "IAM Identity Center OIDC API reference".
use crate::judge::Judge;
use serde_json::{Value, json};
use stage::CANARY;

/// What the services know, and what they are told to do.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    n_clients: usize,
    n_codes: usize,
    n_tokens: usize,
    /// Codes, and how often each is still pending.
    codes: Vec<(String, usize)>,
    /// Access tokens that are good, each with its account's number.
    pub(crate) good: Vec<(String, usize)>,
    pub(crate) refresh: Vec<(String, usize)>,
    /// Refresh tokens that were taken.
    pub(crate) n_renewed: usize,
    /// Seconds that the next tokens live.
    pub(crate) life_s: Vec<u64>,
    /// No refresh token is taken any more.
    pub(crate) is_revoked: bool,
}

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const SCOPES: [&str; 3] =
    ["codewhisperer:completions", "codewhisperer:analysis", "codewhisperer:conversations"];
const START: &str = "https://view.awsapps.com/start";
pub(crate) const PROFILE: &str = "arn:aws:codewhisperer:us-east-1:111122223333:profile/SOCIAL";

impl Identity {
    /// The account that a bearer token is of.
    pub(crate) fn account(&self, token: &str) -> Option<usize> {
        self.good.iter().find(|(own, _)| own == token).map(|(_, account)| *account)
    }

    /// Status and body for a path of theirs.
    pub(crate) fn answer(&mut self, judge: &mut Judge, path: &str, body: &Value) -> Option<(u16, Value)> {
        match path {
            "/client/register" => Some((200, self.register(judge, body))),
            "/device_authorization" => {
                let asked = judge.object("device", body, &["clientId", "clientSecret", "startUrl"]);
                self.known_client(judge, asked.get("clientId"), asked.get("clientSecret"));
                judge.must(*asked.get("startUrl") == json!(START), "another start page");
                let told = json!({
                    "deviceCode": self.code(2), "userCode": "ABCD-EFGH", "verificationUri": "https://device.test/",
                    "verificationUriComplete": "https://device.test/?user_code=ABCD-EFGH", "interval": 1, "expiresIn": 600,
                });
                Some((200, told))
            }
            "/token" => Some(self.token(judge, body)),
            "/oauth/device/authorization" => {
                let asked = judge.object("device", body, &["clientId", "loginProvider"]);
                judge.word("clientId", asked.get("clientId"), &["kiro-cli"]);
                judge.word("loginProvider", asked.get("loginProvider"), &["Google", "Github"]);
                let told = json!({
                    "deviceCode": self.code(1), "userCode": "SOCIAL", "verificationUri": "https://kiro.test/device",
                    "intervalInMilliseconds": 1000, "expiresInMilliseconds": 600_000,
                });
                Some((200, told))
            }
            "/oauth/device/poll" => {
                let asked = judge.object("poll", body, &["clientId", "deviceCode"]);
                judge.word("clientId", asked.get("clientId"), &["kiro-cli"]);
                if !self.poll(judge, asked.get("deviceCode")) {
                    return Some((200, json!({"status": "authorization_pending"})));
                }
                let mut tokens = self.issue(None);
                tokens["status"] = json!("complete");
                tokens["profileArn"] = json!(PROFILE);
                tokens["identityProvider"] = json!("Github");
                Some((200, tokens))
            }
            "/refreshToken" => {
                let asked = judge.object("refresh", body, &["refreshToken"]);
                Some(self.renew(judge, asked.get("refreshToken")))
            }
            _ => None,
        }
    }

    fn register(&mut self, judge: &mut Judge, body: &Value) -> Value {
        let known = ["clientName", "clientType", "scopes", "grantTypes", "issuerUrl"];
        let asked = judge.object("register", body, &known);
        judge.word("clientType", asked.get("clientType"), &["public"]);
        judge.word("clientName", asked.get("clientName"), &["llm-interactive-proxy"]);
        judge.word("issuerUrl", asked.get("issuerUrl"), &[START]);
        judge.must(*asked.get("scopes") == json!(SCOPES), "other scopes");
        judge.must(*asked.get("grantTypes") == json!([DEVICE, "refresh_token"]), "other grants");
        self.n_clients += 1;
        json!({
            "clientId": format!("client-{}", self.n_clients), "clientSecret": secret_of(self.n_clients),
            "clientIdIssuedAt": 1, "clientSecretExpiresAt": 4_000_000_000_u64,
        })
    }

    fn known_client(&self, judge: &mut Judge, id: &Value, secret: &Value) {
        let id = judge.text("clientId", id);
        let number = id.strip_prefix("client-").and_then(|n| n.parse::<usize>().ok()).unwrap_or_default();
        judge.must((1..=self.n_clients).contains(&number), format!("the client {id} is not registered"));
        judge.must(*secret == json!(secret_of(number)), "the client's secret is wrong");
    }

    fn code(&mut self, pending: usize) -> String {
        self.n_codes += 1;
        let code = format!("{CANARY}code-{}", self.n_codes);
        self.codes.push((code.clone(), pending));
        code
    }

    /// Has the person done it?
    fn poll(&mut self, judge: &mut Judge, code: &Value) -> bool {
        let Some((_, pending)) = self.codes.iter_mut().find(|(own, _)| *code == json!(own)) else {
            judge.complain("an unknown device code");
            return false;
        };
        let is_done = *pending == 0;
        *pending = pending.saturating_sub(1);
        is_done
    }

    fn token(&mut self, judge: &mut Judge, body: &Value) -> (u16, Value) {
        let known = ["clientId", "clientSecret", "grantType", "deviceCode", "refreshToken"];
        let asked = judge.object("token", body, &known);
        self.known_client(judge, asked.get("clientId"), asked.get("clientSecret"));
        if judge.word("grantType", asked.get("grantType"), &[DEVICE, "refresh_token"]) != DEVICE {
            return self.renew(judge, asked.get("refreshToken"));
        }
        match self.poll(judge, asked.get("deviceCode")) {
            true => (200, self.issue(None)),
            false => (400, json!({"error": "authorization_pending", "error_description": ""})),
        }
    }

    /// A refresh token serves once.
    fn renew(&mut self, judge: &mut Judge, token: &Value) -> (u16, Value) {
        let at = self.refresh.iter().position(|(own, _)| *token == json!(own));
        judge.must(at.is_some(), "a refresh token that is not known or was used before");
        match at.filter(|_| !self.is_revoked) {
            Some(at) => {
                let (_, account) = self.refresh.remove(at);
                self.n_renewed += 1;
                (200, self.issue(Some(account)))
            }
            None => {
                let told = "Invalid refresh token provided";
                (400, json!({"error": "invalid_grant", "error_description": told}))
            }
        }
    }

    fn issue(&mut self, account: Option<usize>) -> Value {
        self.n_tokens += 1;
        let n = self.n_tokens;
        let account = account.unwrap_or(n);
        let (access, refresh) = (format!("{CANARY}access-{n}"), format!("{CANARY}refresh-{n}"));
        self.good.push((access.clone(), account));
        self.refresh.push((refresh.clone(), account));
        let life = if self.life_s.is_empty() { 28_800 } else { self.life_s.remove(0) };
        json!({"accessToken": access, "refreshToken": refresh, "tokenType": "Bearer", "expiresIn": life})
    }
}

fn secret_of(client: usize) -> String {
    format!("{CANARY}client-secret-{client}")
}

//! Google's identity server: a code for a browser that has consented, tokens for codes and for refresh tokens.
//! Source: Google Identity, "Using OAuth 2.0 for Mobile and Desktop Apps"; RFC 7636.
use crate::judge::Judge;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stage::{CANARY, Call, connect_to};

/// The secret that only the official program and its users know.
pub(crate) const SECRET: &str = "canary-client-secret";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// What the server knows, and what it is told to do.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    n_tokens: usize,
    /// Codes with the challenge and the address that they belong to.
    codes: Vec<(String, String, String)>,
    /// Access tokens that are good, each with its account's number.
    pub(crate) good: Vec<(String, usize)>,
    pub(crate) refresh: Vec<(String, usize)>,
    /// Questions for tokens.
    pub(crate) n_asked: usize,
    /// Refresh tokens that were taken.
    pub(crate) n_renewed: usize,
    /// How long new tokens live; about an hour where nothing else is said.
    pub(crate) life_s: Option<u64>,
    pub(crate) is_revoked: bool,
    /// The client that may ask.
    pub(crate) client: &'static str,
}

/// The pairs of a form or a query.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (decoded(name), decoded(value)));
    text.split('&').filter_map(pair).collect()
}

fn decoded(text: &str) -> String {
    let (mut out, mut bytes) = (Vec::new(), text.bytes());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digits: Vec<u8> = bytes.by_ref().take(2).collect();
        let digits = String::from_utf8(digits).expect("digits");
        out.push(u8::from_str_radix(&digits, 16).expect("two digits"));
    }
    String::from_utf8(out).expect("text")
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
}

impl Identity {
    /// Somebody has logged in to the first account elsewhere, and got the tokens number `n`.
    pub(crate) fn logged_in(&mut self, n: usize) {
        self.good.push((format!("{CANARY}access-{n}"), 1));
        self.refresh.push((format!("{CANARY}refresh-{n}"), 1));
    }

    /// The account that a bearer token is of.
    pub(crate) fn account(&self, token: &str) -> Option<usize> {
        self.good.iter().find(|(own, _)| own == token).map(|(_, account)| *account)
    }

    /// The page that a browser is sent to: the person consents. Gives where the browser goes next.
    pub(crate) fn consent(&mut self, judge: &mut Judge, url: &str) -> (String, String) {
        let query = pairs(url.split_once('?').expect("a query").1);
        let of = |name: &str| value(&query, name).to_owned();
        judge.must(of("client_id") == self.client, format!("the client is {}", of("client_id")));
        judge.must(of("scope").split(' ').any(|scope| scope == SCOPE), "the scope of Code Assist is missing");
        for (name, want) in [
            ("response_type", "code"),
            ("access_type", "offline"),
            ("prompt", "consent"),
            ("code_challenge_method", "S256"),
        ] {
            judge.must(of(name) == want, format!("{name} is {}", of(name)));
        }
        judge.must(of("state").len() >= 32, "a state that can be guessed");
        let code = format!("4/{CANARY}code-{}", self.codes.len());
        self.codes.push((code.clone(), of("code_challenge"), of("redirect_uri")));
        (of("redirect_uri"), format!("code={}&state={}", code.replace('/', "%2F"), of("state")))
    }

    /// Status and body of the token endpoint.
    pub(crate) fn token(&mut self, judge: &mut Judge, form: &str) -> (u16, Value) {
        self.n_asked += 1;
        let form = pairs(form);
        let of = |name: &str| value(&form, name).to_owned();
        if of("client_id") != self.client || of("client_secret") != SECRET {
            return (401, json!({"error": "invalid_client", "error_description": "Unauthorized"}));
        }
        let refused = (
            400,
            json!({"error": "invalid_grant", "error_description": "Token has been expired or revoked."}),
        );
        match of("grant_type").as_str() {
            "authorization_code" => {
                let found = self.codes.iter().position(|(code, ..)| *code == of("code"));
                judge.must(found.is_some(), "an unknown code");
                let Some((_, challenge, redirect)) = found.map(|at| self.codes.remove(at)) else {
                    return refused;
                };
                let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(of("code_verifier").as_bytes()));
                judge.must(digest == challenge, "the verifier is of another challenge");
                judge.must(redirect == of("redirect_uri"), "another address than the browser came to");
                let account = self.n_tokens + 1;
                let mut told = self.issue(account);
                let refresh = format!("{CANARY}refresh-{account}");
                self.refresh.push((refresh.clone(), account));
                told["refresh_token"] = json!(refresh);
                (200, told)
            }
            "refresh_token" => {
                let known = ["client_id", "client_secret", "refresh_token", "grant_type"];
                for (name, _) in form.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
                    judge.complain(format!("{name} beside a refresh token"));
                }
                let found =
                    self.refresh.iter().find(|(token, _)| *token == of("refresh_token")).map(|(_, a)| *a);
                match found.filter(|_| !self.is_revoked) {
                    Some(account) => {
                        self.n_renewed += 1;
                        (200, self.issue(account))
                    }
                    None => refused,
                }
            }
            other => {
                judge.complain(format!("the grant {other}"));
                (400, json!({"error": "unsupported_grant_type"}))
            }
        }
    }

    /// Google gives no new refresh token with a new access token.
    fn issue(&mut self, account: usize) -> Value {
        self.n_tokens += 1;
        let token = format!("{CANARY}access-{}", self.n_tokens);
        self.good.push((token.clone(), account));
        json!({"access_token": token, "expires_in": self.life_s.unwrap_or(3_599), "scope": SCOPE, "token_type": "Bearer"})
    }
}

/// A browser that comes back: first with a state of somebody else, which must be turned away.
pub(crate) async fn browse(redirect: &str, query: &str) {
    let (origin, path) = redirect.split_at(redirect.rfind('/').expect("a path"));
    let origin = origin.replace("localhost", "127.0.0.1");
    let stranger = format!("{path}?code=theirs&state=guessed");
    let answer = connect_to(&origin).await.send(&Call::get(&stranger)).await;
    assert!(answer.status >= 400, "a strange state is taken: {}", answer.status);
    let answer = connect_to(&origin).await.send(&Call::get(&format!("{path}?{query}"))).await;
    assert!(answer.status < 400, "the browser is turned away: {} {}", answer.status, answer.text());
}

//! Accounts from a script: no vault, no file, no browser.
use lip_abi::{Buf, status};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// An account as a test describes it.
#[derive(Debug, Clone)]
struct Scripted {
    name: String,
    /// The one in use is the first; each further one is what a renewal brings.
    tokens: VecDeque<String>,
    fields: Value,
    /// Has the connector said that a person has to do something first?
    is_blocked: bool,
}

/// The accounts around one instance.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    all: Vec<Scripted>,
    /// Account by the number of a lease.
    leases: Vec<usize>,
    pub(crate) reports: Vec<Value>,
    pub(crate) shown: Vec<Value>,
    pub(crate) awaited: Vec<Value>,
    /// What the browser brings.
    pub(crate) query: Option<Value>,
}

/// What a lease came to: its number, its token, and what the connector is told; or what the client is told.
type Leased = Result<(u64, String, Value), Value>;

impl Accounts {
    pub(crate) fn add(&mut self, name: &str, tokens: &[&str], fields: &Value) {
        let tokens = tokens.iter().map(|token| (*token).to_owned()).collect();
        self.all.push(Scripted { name: name.to_owned(), tokens, fields: fields.clone(), is_blocked: false });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn lease(&mut self, meta: &[u8]) -> Leased {
        let meta: Value = serde_json::from_slice(meta).unwrap_or_default();
        let refused = meta.get("refused").and_then(Value::as_u64);
        let without = meta.get("without").and_then(Value::as_array);
        let is_unwanted =
            |name: &str| without.is_some_and(|names| names.iter().any(|unwanted| unwanted == name));
        let at = match refused {
            Some(number) => {
                usize::try_from(number).ok().and_then(|n| self.leases.get(n.wrapping_sub(1)).copied())
            }
            None => self.all.iter().position(|account| !is_unwanted(&account.name)),
        };
        let Some((at, account)) = at.and_then(|at| Some((at, self.all.get_mut(at)?))) else {
            if !self.all.is_empty() && self.all.iter().all(|account| account.is_blocked) {
                let message = "every account of the testkit is shut out";
                return Err(json!({"code": "denied", "message": message, "status": 403}));
            }
            let message = "every account of the testkit is used up";
            return Err(
                json!({"code": "rate_limited", "message": message, "status": 429, "retry_after_ms": 60_000}),
            );
        };
        if refused.is_some() {
            account.tokens.pop_front();
        }
        let Some(token) = account.tokens.front().cloned() else {
            let message = format!("the account \"{}\" needs a new login", account.name);
            return Err(json!({"code": "auth", "message": message, "status": 401}));
        };
        let told = json!({"account": account.name, "label": account.name, "fields": account.fields});
        self.leases.push(at);
        Ok((self.leases.len() as u64, token, told))
    }

    /// What a connector says of a lease, with the account's name.
    pub(crate) fn report(&mut self, number: u64, meta: &[u8]) -> (u32, Buf) {
        let mut meta: Value = serde_json::from_slice(meta).unwrap_or_default();
        let at = usize::try_from(number).ok().and_then(|n| self.leases.get(n.wrapping_sub(1)).copied());
        let Some(account) = at.and_then(|at| self.all.get_mut(at)) else {
            return (status::DENIED, "there is no such lease".into());
        };
        account.is_blocked |= meta.get("outcome").and_then(Value::as_str) == Some("blocked");
        if let (Some(fields), Some(own)) =
            (meta.get("fields").and_then(Value::as_object), account.fields.as_object_mut())
        {
            own.extend(fields.clone());
        }
        if let Value::Object(meta) = &mut meta {
            meta.insert("account".to_owned(), account.name.clone().into());
        }
        self.reports.push(meta);
        (status::OK, Buf::empty())
    }
}

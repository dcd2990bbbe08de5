//! Which host has the agent of a conversation: a record with an end, which its host puts off for as long as the agent lives.
mod seal;
#[cfg(test)]
mod tests;

use crate::link::{Link, Lost};
use base::Secret;
use redis::{Script, Value};
use seal::Seal;
use serde::{Deserialize, Serialize};
use sessions::{Key, Scope};
use std::sync::Arc;
use std::time::Duration;

/// How long a record lasts that nobody puts off: the agents of a host that was killed may be started elsewhere after that.
pub const RECORD_TIME: Duration = Duration::from_secs(10);
/// The largest record that is read, in bytes.
const RECORD_BYTES_MAX: usize = 4096;
/// The longest name of a host, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// A host, as others know it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Unique to its process.
    pub host: String,
    /// The name by which a balancer knows it.
    pub name: String,
    /// The URL by which other hosts reach it, without a slash at its end; none where they cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// Names stand in headers and in the log.
fn is_word(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

#[derive(Serialize, Deserialize)]
struct Record {
    #[serde(flatten)]
    owner: Owner,
    /// Shows that who wrote it knows the secret of the hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seal: Option<String>,
}

/// Who has the agent.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// This host, from now on or as before.
    Own,
    /// Another one.
    Other(Other),
}

/// A record of another host.
#[derive(Debug, PartialEq, Eq)]
pub struct Other {
    /// The host.
    pub owner: Owner,
    /// Was it written by one who knows the secret of this host? Nothing is sent to the address of one that was not.
    pub is_sealed: bool,
    record: Vec<u8>,
}

/// The records, as one host sees them.
#[derive(Debug)]
pub struct Owners {
    link: Arc<Link>,
    own: Owner,
    seal: Option<Seal>,
    claim: Script,
    release: Script,
}

impl Owners {
    /// Those behind `link`; `own` is this host. Records are sealed with `secret`.
    pub fn new(link: Arc<Link>, own: Owner, secret: Option<&Secret<String>>) -> Self {
        Self {
            link,
            own,
            seal: secret.map(Seal::new),
            claim: Script::new(include_str!("owner/claim.lua")),
            release: Script::new(include_str!("owner/release.lua")),
        }
    }

    fn place(&self, scope: Scope, agent: Key) -> String {
        let mut place = self.link.keys().of("agent", &base::hex(scope.as_bytes()));
        place.push(':');
        place.push_str(&base::hex(agent.as_bytes()));
        place
    }

    fn record(&self, agent: Key) -> Vec<u8> {
        let seal = self.seal.as_ref().map(|seal| seal.of(agent, &self.own));
        serde_json::to_vec(&Record { owner: self.own.clone(), seal }).unwrap_or_default()
    }

    /// Makes this host the owner of `agent` where nobody is, or puts off the end of its record. The first of two hosts wins.
    ///
    /// # Errors
    /// The server does not say.
    pub async fn claim(&self, scope: Scope, agent: Key) -> Result<Claim, Lost> {
        let (place, own) = ([self.place(scope, agent)], self.record(agent));
        let time = RECORD_TIME.as_millis().to_string();
        let max = RECORD_BYTES_MAX.to_string();
        let mut nonsense = Vec::new();
        // What nobody can read is nobody's: it makes room once.
        for _ in 0..2 {
            let args: [&[u8]; 4] = [&own, time.as_bytes(), max.as_bytes(), &nonsense];
            match self.link.script(&self.claim, &place, &args).await? {
                Value::BulkString(record) => match self.read(agent, record) {
                    Ok(other) => return Ok(Claim::Other(other)),
                    Err(record) => nonsense = record,
                },
                _ => return Ok(Claim::Own),
            }
        }
        Ok(Claim::Own)
    }

    fn read(&self, agent: Key, record: Vec<u8>) -> Result<Other, Vec<u8>> {
        let Ok(Record { owner, seal }) = serde_json::from_slice(&record) else { return Err(record) };
        if !is_word(&owner.host) || !is_word(&owner.name) {
            return Err(record);
        }
        let is_sealed = match (&self.seal, &seal) {
            (Some(own), Some(seal)) => own.is_of(agent, &owner, seal),
            _ => false,
        };
        Ok(Other { owner, is_sealed, record })
    }

    /// This host has `agent` no more.
    ///
    /// # Errors
    /// The server does not say.
    pub async fn release(&self, scope: Scope, agent: Key) -> Result<(), Lost> {
        self.remove(scope, agent, &self.record(agent)).await
    }

    /// Another host was found not to have `agent`: its record goes, unless it was written anew since.
    ///
    /// # Errors
    /// The server does not say.
    pub async fn forget(&self, scope: Scope, agent: Key, other: &Other) -> Result<(), Lost> {
        self.remove(scope, agent, &other.record).await
    }

    async fn remove(&self, scope: Scope, agent: Key, record: &[u8]) -> Result<(), Lost> {
        self.link.script(&self.release, &[self.place(scope, agent)], &[record]).await.map(drop)
    }
}

//! A lock that one host at a time has, for as long as it is heard of. It keeps the others from asking elsewhere all the time; it does not
//! promise that nobody else believes to have it. Whoever writes has a number of his own that his write is judged by.
use crate::link::{Link, Lost, millis};
use redis::{Script, Value};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

/// Keeps the lock, or takes it again where the server has lost it; 0 if another has it.
const EXTEND: &str = include_str!("lock/extend.lua");
/// Gives it back, if it is the owner's.
const RELEASE: &str = include_str!("lock/release.lua");
const AREA: &str = "lock";

/// A lock that was taken.
#[derive(Debug)]
pub struct Lock {
    link: Arc<Link>,
    key: String,
    owner: String,
}

impl Lock {
    /// Takes the lock of `what` for `time`; none if another has it.
    ///
    /// # Errors
    /// There is no answer. It may have been taken; then it ends by itself.
    pub async fn take(link: &Arc<Link>, what: &str, time: Duration) -> Result<Option<Self>, Lost> {
        let key = link.keys().of(AREA, what);
        let random = || RandomState::new().build_hasher().finish();
        let owner = format!("{:016x}{:016x}", random(), random());
        let mut command = redis::cmd("SET");
        command.arg(&key).arg(&owner).arg("NX").arg("PX").arg(millis(time));
        let is_taken = link.run(&command).await? == Value::Okay;
        Ok(is_taken.then(|| Self { link: Arc::clone(link), key, owner }))
    }

    /// It lasts for `time` from now on.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn extend(&self, time: Duration) -> Result<(), Lost> {
        let args = [self.owner.clone(), millis(time).to_string()];
        self.link.script(&Script::new(EXTEND), std::slice::from_ref(&self.key), &args).await.map(drop)
    }

    /// Lets go.
    ///
    /// # Errors
    /// There is no answer. It ends by itself.
    pub async fn release(&self) -> Result<(), Lost> {
        let (keys, args) = (std::slice::from_ref(&self.key), std::slice::from_ref(&self.owner));
        self.link.script(&Script::new(RELEASE), keys, args).await.map(drop)
    }
}

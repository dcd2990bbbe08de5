//! Names of new sessions.
use base::{Fault, Kind};
use parking_lot::Mutex;
use sessions::SessionId;

/// Ids that one question to the system yields: it costs more than all else that a new session does.
const IDS: usize = 64;

/// Random ids that are not given out yet.
#[derive(Debug, Default)]
pub(crate) struct Ids(Mutex<Vec<[u8; 16]>>);

impl Ids {
    /// An id that nobody can guess.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub(crate) fn fresh(&self) -> Result<SessionId, Fault> {
        let mut left = self.0.lock();
        if let Some(bits) = left.pop() {
            return Ok(SessionId::from_random(bits));
        }
        let mut fresh = [[0; 16]; IDS];
        getrandom::fill(fresh.as_flattened_mut()).map_err(|e| {
            Fault::host(Kind::Internal, "the system gave no random numbers")
                .source(std::io::Error::other(e.to_string()))
        })?;
        let [first, rest @ ..] = fresh;
        left.extend(rest);
        Ok(SessionId::from_random(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_comes_twice() {
        let ids = Ids::default();
        let all: std::collections::HashSet<_> = (0..3 * IDS).map(|_| ids.fresh().expect("bits")).collect();
        assert_eq!(all.len(), 3 * IDS);
    }
}

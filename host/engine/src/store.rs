//! Small values that connectors keep between turns, per backend and session. Bounded in size, number and time.
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

const VALUE_BYTES_MAX: usize = 64 << 10;
const VALUES_MAX: usize = 10_000;
const TTL_DEFAULT: Duration = Duration::from_secs(3600);

type Key = (String, String, String);

/// The values of all backends.
#[derive(Debug, Default)]
pub(crate) struct Values {
    map: Mutex<HashMap<Key, (Bytes, Instant)>>,
}

impl Values {
    pub(crate) fn get(&self, backend: &str, session: &str, key: &str) -> Option<Bytes> {
        let key = (backend.to_owned(), session.to_owned(), key.to_owned());
        let map = self.map.lock();
        let (value, until) = map.get(&key)?;
        (*until > Instant::now()).then(|| value.clone())
    }

    pub(crate) fn put(
        &self,
        backend: &str,
        session: &str,
        key: &str,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<(), String> {
        let size = key.len() + session.len() + value.len();
        if size > VALUE_BYTES_MAX {
            return Err(format!("a stored value may have {VALUE_BYTES_MAX} bytes, not {size}"));
        }
        let key = (backend.to_owned(), session.to_owned(), key.to_owned());
        let now = Instant::now();
        let mut map = self.map.lock();
        if value.is_empty() {
            map.remove(&key);
            return Ok(());
        }
        if map.len() >= VALUES_MAX && !map.contains_key(&key) {
            map.retain(|_, (_, until)| *until > now);
            if map.len() >= VALUES_MAX
                && let Some(oldest) =
                    map.iter().min_by_key(|(_, (_, until))| *until).map(|(key, _)| key.clone())
            {
                map.remove(&oldest);
            }
        }
        // The library's buffer may be a part of something large: keep only the value itself.
        map.insert(key, (Bytes::copy_from_slice(&value), now + ttl.unwrap_or(TTL_DEFAULT)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn values_are_scoped_and_expire() {
        let values = Values::default();
        let put = |session: &str, value: &'static str| {
            values.put("b", session, "k", Bytes::from_static(value.as_bytes()), Some(Duration::from_secs(5)))
        };
        put("s1", "one").expect("small");
        put("s2", "two").expect("small");
        assert_eq!(values.get("b", "s1", "k").as_deref(), Some(&b"one"[..]));
        assert_eq!(values.get("c", "s1", "k"), None);
        put("s1", "").expect("removed");
        assert_eq!(values.get("b", "s1", "k"), None);
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(values.get("b", "s2", "k"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn number_and_size_are_bounded() {
        let values = Values::default();
        assert!(values.put("b", "", "k", Bytes::from(vec![0; VALUE_BYTES_MAX + 1]), None).is_err());
        for n in 0..VALUES_MAX + 10 {
            values.put("b", "", &n.to_string(), Bytes::from_static(b"x"), None).expect("small");
        }
        assert!(values.map.lock().len() <= VALUES_MAX);
    }
}

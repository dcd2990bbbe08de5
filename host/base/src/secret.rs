//! A value that must never reach a log, an error, a capture or a URL.
use std::fmt;

/// Wraps a secret. `Debug` and `Display` print `***`; reading needs a visible [`Secret::expose`].
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Every call is a place where a secret can leak: keep them few.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

/// The scheme of a server's URL and the place behind its login, without its query; whatever characters a password holds, none of it is
/// among them. The place is empty where it cannot be told from a password; none for what is no URL.
pub fn without_login(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let place = match rest.rsplit_once('@') {
        // The last `@` may stand in a query, and a password there.
        Some((login, _)) if login.contains('?') => "",
        Some((_, place)) => place,
        None => rest,
    };
    Some((scheme, place.split('?').next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_left_of_a_url() {
        for (url, shown) in [
            ("postgres://me:pw@h:1/db?x=pw", Some(("postgres", "h:1/db"))),
            ("postgres://me:p/w@h/db", Some(("postgres", "h/db"))),
            ("postgres://me:p@w@h/db", Some(("postgres", "h/db"))),
            ("postgres://me:p?w@h/db", Some(("postgres", ""))),
            ("postgres://h/db?password=p@w", Some(("postgres", ""))),
            ("redis://h:1", Some(("redis", "h:1"))),
            ("a/b.db", None),
        ] {
            assert_eq!(without_login(url), shown, "{url}");
        }
    }

    #[test]
    fn secret_never_prints_its_value() {
        let key = Secret::new("sk-very-secret".to_owned());
        assert_eq!(format!("{key} {key:?} {:?}", Some(&key)), "*** *** Some(***)");
        assert_eq!(key.expose(), "sk-very-secret");
    }
}

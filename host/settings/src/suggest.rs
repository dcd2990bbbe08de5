//! "Did you mean". Knows words, not settings.

/// The known word that `wrong` most likely meant, compared in full and by its last part.
pub(crate) fn suggestion<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Longer "keys" are pasted values; comparing them costs quadratic time.
    const COMPARED_BYTES_MAX: usize = 80;
    if wrong.len() > COMPARED_BYTES_MAX {
        return None;
    }
    let wrong = wrong.to_lowercase().replace('-', "_");
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let distance = |word: &str| {
        let full = strsim::damerau_levenshtein(&wrong, word);
        // A right name in the wrong section is as good as one typo.
        let by_last = 1 + strsim::damerau_levenshtein(&last(&wrong), &last(word));
        full.min(by_last)
    };
    let close = |(word, distance): &(&str, usize)| *distance <= (last(word).len() / 3).clamp(1, 3);
    known
        .map(|word| (word, distance(word)))
        .filter(close)
        .min_by_key(|(_, distance)| *distance)
        .map(|(word, _)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_find_their_setting() {
        let known =
            ["port", "host", "log_level", "auth.api_keys", "limits.request_body_bytes", "default_backend"];
        for (wrong, meant) in [
            ("prot", Some("port")),
            ("Host", Some("host")),
            ("log-level", Some("log_level")),
            ("loglevel", Some("log_level")),
            ("api_keys", Some("auth.api_keys")),
            ("limits.request_body_byte", Some("limits.request_body_bytes")),
            ("default_backends", Some("default_backend")),
            ("zzz", None),
            ("x", None),
        ] {
            assert_eq!(suggestion(wrong, known.into_iter()), meant, "{wrong}");
        }
    }
}

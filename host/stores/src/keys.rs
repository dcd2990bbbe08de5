//! Names of keys. Pure.

/// Makes the keys of one fleet of hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    prefix: String,
}

impl Keys {
    /// Keys that begin with `prefix`, so that fleets can share a server. Braces in it would decide the slot and are dropped.
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.chars().filter(|char| !matches!(char, '{' | '}')).collect() }
    }

    /// What all keys begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The key of `tag` in `area`: `lip:session:{tag}`. Keys of the same tag share a slot, whatever their area (Redis
    /// documentation, "Redis cluster specification", hash tags). Braces of a tag are doubled as parentheses, for a tag ends
    /// with its first closing brace.
    pub fn of(&self, area: &str, tag: &str) -> String {
        let mut key = String::with_capacity(self.prefix.len() + area.len() + tag.len() + 4);
        key.push_str(&self.prefix);
        key.push_str(area);
        key.push_str(":{");
        for char in tag.chars() {
            match char {
                '{' => key.push_str("(("),
                '}' => key.push_str("))"),
                _ => key.push(char),
            }
        }
        key.push('}');
        key
    }

    /// The channel of news.
    pub fn channel(&self) -> String {
        format!("{}news", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_one_tag_share_a_slot() {
        let keys = Keys::new("li{p:");
        let slot = |key: &str| {
            key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag.to_owned())
        };
        assert_eq!(keys.of("session", "ab"), "lip:session:{ab}");
        assert_eq!(slot(&keys.of("session", "a}b")), slot(&keys.of("budget", "a}b")));
        assert_ne!(slot(&keys.of("session", "a}b")), slot(&keys.of("session", "a}c")));
        assert_eq!(keys.channel(), "lip:news");
    }
}

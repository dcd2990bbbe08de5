//! Patterns of names, as manifests write them for models.

/// Does `pattern`, in which one `*` may stand for anything, fit `name`?
pub fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => name.strip_prefix(head).is_some_and(|rest| rest.ends_with(tail)),
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn star_stands_for_anything_once() {
        for (pattern, name, is) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("glm-5.3*", "glm-5.3-flash", true),
            ("*-pro", "m-pro", true),
            ("x*x", "x", false),
            ("x*x", "xx", true),
            ("a*b*", "a-b*", true),
        ] {
            assert_eq!(fits(pattern, name), is, "{pattern} {name}");
        }
    }
}

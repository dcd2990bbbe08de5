//! The page about testing: words from `testing.md` beside this file, and the table of the conformance checks.
use super::Page;
use lip_testkit::conformance::{CHECKS, GUIDE, Group};

/// The page.
pub(super) fn page() -> Page {
    let mut text = include_str!("testing.md.in").replace("{n}", &CHECKS.len().to_string());
    for group in Group::ALL {
        text.push_str(&format!("\n## Checks: {}\n", group.title()));
        for check in CHECKS.iter().filter(|check| check.group == group) {
            text.push_str(&format!(
                "\n### {}\n\n{}\n\n*If it fails:* {}\n",
                check.id, check.purpose, check.remedy
            ));
        }
    }
    Page::new(GUIDE, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_its_anchor_on_the_page() {
        let page = page();
        assert_eq!(page.path, GUIDE);
        for check in CHECKS {
            let anchor = check.docs().rsplit('#').next().unwrap_or_default().to_owned();
            let headings =
                page.text.lines().filter(|line| line.strip_prefix("### ") == Some(&anchor)).count();
            assert_eq!(headings, 1, "{}", check.docs());
        }
    }
}

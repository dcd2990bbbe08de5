//! Reads a Markdown table by its header. Knows no rule.

/// Rows below the header `columns` in `page`, each cell trimmed and without backticks.
pub(crate) fn rows(page: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let mut lines = page.lines().skip_while(|line| cells(line) != columns);
    assert!(lines.next().is_some(), "no table with the columns {columns:?} in the page");
    lines.skip(1).take_while(|line| line.trim_start().starts_with('|')).map(cells).collect()
}

/// Names in a cell such as `a, b`; `–` and an empty cell hold none.
pub(crate) fn names(cell: &str) -> Vec<String> {
    cell.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty() && *name != "–")
        .map(str::to_owned)
        .collect()
}

fn cells(line: &str) -> Vec<String> {
    let line = line.trim();
    let inner = line.strip_prefix('|').and_then(|l| l.strip_suffix('|')).unwrap_or("");
    inner.split('|').map(|cell| cell.trim().replace('`', "")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_end_with_the_table() {
        let page = "text\n| a | b |\n|---|---|\n| `x` | y, z |\n| w | – |\n\n| not | this |\n";
        assert_eq!(rows(page, &["a", "b"]), [["x", "y, z"], ["w", "–"]]);
        assert_eq!(names("y, z"), ["y", "z"]);
        assert!(names("–").is_empty());
    }
}

//! What people and scripts read: stdout for answers, stderr for errors. A closed pipe is no error.
use std::fmt::Display;
use std::io::{Write, stderr, stdout};

/// Prints an answer, with a line break.
pub(crate) fn line(text: impl Display) {
    let mut out = stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints an error, one line per cause. Several errors of one text bring their own `error:` each.
pub(crate) fn error(text: impl Display) {
    let text = text.to_string();
    let mark = if text.starts_with("error: ") { "" } else { "error: " };
    let _ = writeln!(stderr().lock(), "{mark}{text}");
}

/// Prints something to know that is no error.
pub(crate) fn warning(text: impl Display) {
    let _ = writeln!(stderr().lock(), "warning: {text}");
}

/// Prints how a longer work goes on.
pub(crate) fn progress(text: impl Display) {
    let _ = writeln!(stderr().lock(), "{text}");
}

/// A table with aligned columns; the last one is not padded.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

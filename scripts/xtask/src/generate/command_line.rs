//! The reference of the command line: what the program itself says under `--help`.

use std::path::Path;
use std::process::Command;

use super::Page;

const HEAD: &str = "\
<!-- Generated from the help of the program by `cargo xtask gen`; do not edit. -->
# Command line

Settings may stand before or after the subcommand, and every subcommand takes them; they are listed once, under `lip`.
What they mean is told in [Settings](settings.md), which also has those that no option sets.
";

/// Asks the program of an installation, subcommand by subcommand.
pub(super) fn page(staged: &Path) -> Result<Page, String> {
    let program = staged.join("lip");
    let ask = |path: &[String]| help(&program, path);
    let mut text = HEAD.to_owned();
    let top = ask(&[])?;
    describe(&mut text, &[], &top, &top, &ask)?;
    Ok(Page::new("docs/reference/cli.md", text))
}

fn help(program: &Path, path: &[String]) -> Result<String, String> {
    let output = Command::new(program)
        .args(path)
        .arg("--help")
        .output()
        .map_err(|e| format!("{}: {e}", program.display()))?;
    if !output.status.success() {
        return Err(format!("lip {} --help failed", path.join(" ")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

type Ask<'a> = dyn Fn(&[String]) -> Result<String, String> + 'a;

/// Adds one command and all below it.
fn describe(out: &mut String, path: &[String], own: &str, top: &str, ask: &Ask<'_>) -> Result<(), String> {
    let name = ["lip".to_owned()].iter().chain(path).cloned().collect::<Vec<_>>().join(" ");
    let shown = if path.is_empty() { own.to_owned() } else { without_shared(own, top) };
    let shown: String = shown.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    out.push_str(&format!("\n## `{name}`\n\n```text\n{}\n```\n", shown.trim_end()));
    for child in subcommands(own) {
        let path: Vec<String> = path.iter().cloned().chain([child]).collect();
        describe(out, &path, &ask(&path)?, top, ask)?;
    }
    Ok(())
}

/// Names under `Commands:`, but for `help`.
fn subcommands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names =
        lines.take_while(|line| line.starts_with("  ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// The help without the options that stand in `top`, too.
fn without_shared(help: &str, top: &str) -> String {
    let shared = blocks(top);
    let kept: Vec<&str> = blocks(help)
        .into_iter()
        .filter(|block| !is_option(block) || !shared.iter().any(|other| other.trim() == block.trim()))
        .collect();
    kept.concat().replace("Options:\n\n", "").trim_end().trim_end_matches("Options:").to_owned()
}

/// An option, a heading with what is below it, or a paragraph: in order, nothing left out.
fn blocks(help: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = vec![0];
    let mut at = 0;
    for line in help.split_inclusive('\n') {
        if at > 0 && (is_option(line) || line.starts_with(|c: char| !c.is_whitespace())) {
            starts.push(at);
        }
        at += line.len();
    }
    starts.push(help.len());
    starts.windows(2).filter_map(|pair| help.get(pair[0]..pair[1])).collect()
}

fn is_option(block: &str) -> bool {
    let indent = block.len() - block.trim_start_matches(' ').len();
    (2..=6).contains(&indent) && block.trim_start().starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOP: &str = "About\n\nUsage: lip [OPTIONS]\n\nCommands:\n  serve  Serve\n  help   Print\n\nOptions:\n      --host <H>\n          The host.\n          \n          Environment: H\n\n  -h, --help\n          Print help\n\nAfter\n";

    #[test]
    fn shared_options_are_told_once() {
        assert_eq!(subcommands(TOP), ["serve"]);
        let own = "Serve\n\nUsage: lip serve\n\nOptions:\n      --json\n          Print JSON\n\n      --host <H>\n          The host.\n          \n          Environment: H\n\n  -h, --help\n          Print help\n";
        assert_eq!(
            without_shared(own, TOP).trim_end(),
            "Serve\n\nUsage: lip serve\n\nOptions:\n      --json\n          Print JSON"
        );
        let plain = "Serve\n\nUsage: lip serve\n\nOptions:\n      --host <H>\n          The host.\n          \n          Environment: H\n\n  -h, --help\n          Print help\n";
        assert_eq!(without_shared(plain, TOP).trim_end(), "Serve\n\nUsage: lip serve");
    }

    #[test]
    fn a_tree_of_commands_becomes_headings() {
        let ask = |path: &[String]| Ok(format!("{} does\n", path.join("-")));
        let mut out = String::new();
        describe(&mut out, &[], TOP, TOP, &ask).unwrap();
        assert!(out.contains("## `lip`\n\n```text\nAbout\n"), "{out}");
        assert!(out.contains("## `lip serve`\n\n```text\nserve does\n```\n"), "{out}");
    }
}

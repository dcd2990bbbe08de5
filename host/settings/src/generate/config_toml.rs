//! The configuration file with every key commented.
use super::{Line, backend_lines, client_lines, doc, library_lines, lines, sections, split_key};
use crate::row::Status;

const WIDTH: usize = 100;
const HEAD: &str = "\
# The configuration of LIP: every setting with its default or an example.
# Remove the # in front of a key to change it. `lip config check` tells what is wrong,
# `lip config show` tells every value and where it came from.
# Command line > environment > this file > default, for each setting.
# Generated from the table of settings; do not edit this copy.
";
const CLIENTS: &str = "
# Client keys with names; `lip keys new` makes them and keeps them in a file of their own.
#[auth.keys.alice]
";
const LIBRARIES: &str = "
# Single libraries, by the name of their file, with or without `lib` and suffix:
#   [plugins.library.\"liblip_acme.so\"]
#[plugins.library.lip_acme]
";
const BACKENDS: &str = "
# Backends, in the order of preference. The name is the backend id, or the id, a dot and a name of yours:
#   [backends.openai]
#   [backends.\"openai.work\"]
# Fields that LIP does not know go to the connector as they are.
#[backends.openai]
";

/// The text of `config/lip.toml`.
pub fn config_toml() -> String {
    let mut out = HEAD.to_owned();
    for (section, members) in sections(lines()) {
        if !section.is_empty() {
            out.push_str(&format!("\n[{section}]\n"));
        }
        for line in members.iter().filter(|line| line.setting.in_file) {
            out.push('\n');
            comment(&mut out, &doc(line.setting));
            comment(&mut out, &facts(line, true));
            out.push_str(&format!("#{} = {}\n", split_key(line.setting.key).1, line.toml()));
        }
    }
    for (head, members) in
        [(CLIENTS, client_lines()), (LIBRARIES, library_lines()), (BACKENDS, backend_lines())]
    {
        out.push_str(head);
        for line in members {
            out.push('\n');
            comment(&mut out, &doc(line.setting));
            comment(&mut out, &facts(&line, false));
            out.push_str(&format!("#{} = {}\n", line.setting.key, line.toml()));
        }
    }
    out
}

fn facts(line: &Line, is_global: bool) -> String {
    let mut facts = Vec::new();
    if line.default.is_none() || !line.setting.default_words.is_empty() {
        facts.push(format!("Default: {}.", line.default_words()));
    }
    if let Status::Later(_) = line.setting.status {
        facts.push("Not available in this version.".to_owned());
    }
    if is_global {
        let flags = line.setting.flags.iter().map(|flag| format!("--{}", flag.long));
        let ways: Vec<_> = flags.chain(line.setting.env_names()).collect();
        facts.push(format!("Also: {}.", ways.join(", ")));
    }
    facts.join(" ")
}

/// Adds `text` as comment lines, wrapped.
fn comment(out: &mut String, text: &str) {
    let mut width = 0;
    for word in text.split_whitespace() {
        if width == 0 || width + 1 + word.len() > WIDTH {
            out.push_str(if width == 0 { "#" } else { "\n#" });
            width = 1;
        }
        out.push(' ');
        out.push_str(word);
        width += 1 + word.len();
    }
    if width > 0 {
        out.push('\n');
    }
}

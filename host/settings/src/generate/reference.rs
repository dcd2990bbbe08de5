//! The reference page of all settings.
use super::{Line, backend_lines, client_lines, doc, library_lines, lines, sections};
use crate::row::{Applies, Status, Takes};

const HEAD: &str = "\
<!-- Generated from the table of settings; do not edit. -->
# Settings

A setting may come from the command line, the environment, the configuration file or its default, **in this order of
precedence, for each setting**. `lip config show` prints every value and where it came from; `lip config check`
tells everything that is wrong, with its place and a remedy.

- Files are TOML; `.yaml`, `.yml` and `.json` are read as YAML. An unknown key is an error. A setting of the Python
  proxy that LIP does not have is one warning.
- Every setting has a variable `LIP_…` made from its key; more names are listed. An empty variable counts as not set.
- A secret is written literally or as `env:NAME`, which reads the variable `NAME`. No command prints secrets.
- A host that runs takes up another value when it is started again, or, where it says so below, by `lip config reload`;
  backends are always taken up.
- Seconds may have decimals. Bytes are a whole number, or a text such as `\"100MiB\"`.
";
const CLIENTS: &str = "
## `auth.keys.<name>`

A table for a client key with a name. `lip keys new` writes them, without `auth.keys.`, into the file `auth.keys_file`; they may as
well stand here.
";
const LIBRARIES: &str = "
## `plugins.library.<name>`

A table for a single library. The name is that of its file, as it stands (`[plugins.library.\"liblip_acme.so\"]`) or
without `lib` and suffix (`[plugins.library.lip_acme]`).
";
const BACKENDS: &str = "
## `backends.<name>`

A table for each backend, in the order of preference. The name is a backend id (`openai`), or a backend id, a dot and
a name of yours (`openai.work`): in TOML `[backends.\"openai.work\"]`, or `[backends.openai.work]` if the table has one
of `type`, `connector`, `api_key`, `api_keys`, `api_url`, `base_url`. Any other name needs a `type`. Fields that are not
listed here, and everything in `extra`, go to the connector as they are.
";

/// The text of `docs/reference/settings.md`.
pub fn reference() -> String {
    let mut out = HEAD.to_owned();
    for (section, members) in sections(lines()) {
        let title = if section.is_empty() { "General".to_owned() } else { format!("`{section}`") };
        out.push_str(&format!("\n## {title}\n"));
        members.iter().for_each(|line| block(&mut out, line, true));
    }
    out.push_str(CLIENTS);
    client_lines().iter().for_each(|line| block(&mut out, line, false));
    out.push_str(LIBRARIES);
    library_lines().iter().for_each(|line| block(&mut out, line, false));
    out.push_str(BACKENDS);
    backend_lines().iter().for_each(|line| block(&mut out, line, false));
    out
}

fn block(out: &mut String, line: &Line, is_global: bool) {
    let setting = line.setting;
    let codes =
        |names: Vec<String>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    out.push_str(&format!("\n### `{}`\n\n{}\n\n", setting.key, doc(setting)));
    if let Status::Later(_) = setting.status {
        out.push_str("*Accepted with a warning: not available in this version.*\n\n");
    }
    out.push_str(&format!("- Value: {}\n- Default: {}\n", line.value_words(), line.default_words()));
    if !setting.flags.is_empty() {
        let flag = |flag: &crate::row::Flag| match flag.takes {
            Takes::Value => format!("--{} <value>", flag.long),
            Takes::Values => format!("--{} <value> …", flag.long),
            Takes::Nothing(_) => format!("--{}", flag.long),
            Takes::MaybeBool => format!("--{}[=true|false]", flag.long),
        };
        out.push_str(&format!("- Command line: {}\n", codes(setting.flags.iter().map(flag).collect())));
    }
    if is_global {
        let together = if setting.env_joined { " (all of them count)" } else { "" };
        out.push_str(&format!("- Environment: {}{together}\n", codes(setting.env_names())));
    }
    if !setting.in_file {
        out.push_str("- Not in files\n");
    }
    if is_global && setting.applies == Applies::OnReload {
        out.push_str("- A host that runs takes it up by `lip config reload`\n");
    }
    if !setting.aliases.is_empty() {
        let aliases = setting.aliases.iter().map(|alias| (*alias).to_owned()).collect();
        out.push_str(&format!("- Also in files as: {}\n", codes(aliases)));
    }
    if !setting.example.is_empty() {
        let name = setting.key;
        out.push_str(&format!("- Example: `{name} = {}`\n", setting.example));
    }
    out.push_str(&format!("- Since: {}\n", setting.since));
}

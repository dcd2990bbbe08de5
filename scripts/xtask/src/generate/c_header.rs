//! `lip_plugin.h`: the boundary for C, from the records, tables and numbers of `lip-abi`.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::Page;

const PATH: &str = "plugin-api/lip-abi/include/lip_plugin.h";
const SOURCES: &str = "plugin-api/lip-abi/src";
/// The modules of numbers, and how their names begin in C.
const NUMBERS: [(&str, &str); 3] = [("op", "LIP_OP_"), ("status", "LIP_STATUS_"), ("event", "LIP_EVENT_")];
const ITEMS: [&str; 10] =
    ["Text", "BufVt", "Buf", "Op", "Completion", "Event", "Error", "Host", "Plugin", "Stamp"];

const BEGIN: &str = include_str!("c_header/begin.h");
const END: &str = include_str!("c_header/end.h");

/// The header.
///
/// # Errors
/// A source that cannot be read.
pub(super) fn page(root: &Path) -> Result<Page, String> {
    let source = |name: &str| {
        let path = root.join(SOURCES).join(name);
        fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
    };
    let version = version(&root.join("plugin-api/lip-abi/Cargo.toml"))?;
    let [major, minor, patch] = version;
    let mut begin = BEGIN.replace("@ABI_TEXT@", &format!("{major}.{minor}.{patch}"));
    begin = begin.replace("@ABI@", &format!("{{{major}, {minor}, {patch}, 0}}"));
    let numbers = source("numbers.rs")?;
    for (module, prefix) in NUMBERS {
        begin.push_str(&constants(&numbers, &format!("pub mod {module} {{"), prefix));
    }
    begin.push_str(&constants(&source("c.rs")?, "", "LIP_"));
    begin.push_str("\n/** Where a step puts what it produces: lent to one call of `resume`, of no use after it or in another thread. */\n");
    begin.push_str("typedef struct LipOut LipOut;");
    Ok(Page::new(PATH, plain(&bound(root, begin)?)))
}

fn bound(root: &Path, begin: String) -> Result<String, String> {
    let config = cbindgen::Config {
        language: cbindgen::Language::C,
        cpp_compat: true,
        pragma_once: true,
        style: cbindgen::Style::Type,
        usize_is_size_t: true,
        no_includes: true,
        sys_includes: vec!["stddef.h".into(), "stdint.h".into(), "string.h".into()],
        documentation_style: cbindgen::DocumentationStyle::C,
        line_length: 130,
        after_includes: Some(begin),
        trailer: Some(END.to_owned()),
        export: cbindgen::ExportConfig {
            include: ITEMS.map(str::to_owned).to_vec(),
            exclude: vec!["Out".into()],
            prefix: Some("Lip".into()),
            item_types: vec![cbindgen::ItemType::Structs],
            ..cbindgen::ExportConfig::default()
        },
        ..cbindgen::Config::default()
    };
    let sources = root.join(SOURCES);
    let builder = cbindgen::Builder::new().with_config(config);
    let builder = builder.with_src(sources.join("c.rs")).with_src(sources.join("stamp.rs"));
    let mut out = Vec::new();
    builder.generate().map_err(|e| e.to_string())?.write(&mut out);
    String::from_utf8(out).map_err(|e| e.to_string())
}

/// The `pub const NAME: u32` of `source` behind the line `begin`, up to the end of its block, as numbers of C.
fn constants(source: &str, begin: &str, prefix: &str) -> String {
    let mut out = String::from("\n");
    let mut doc = Vec::new();
    let mut lines = source.lines().map(str::trim).skip_while(|line| !begin.is_empty() && *line != begin);
    lines.by_ref().take(usize::from(!begin.is_empty())).for_each(drop);
    for line in lines.take_while(|line| begin.is_empty() || *line != "}") {
        if let Some(text) = line.strip_prefix("/// ") {
            doc.push(text);
            continue;
        }
        let number = line.strip_prefix("pub const ").and_then(|rest| rest.split_once(": u32 = "));
        if let Some((name, value)) = number {
            let _ = writeln!(out, "/** {} */", doc.join("\n *  "));
            let _ = writeln!(out, "#define {prefix}{name} {}u", value.trim_end_matches(';'));
        }
        doc.clear();
    }
    out
}

/// Links of Rust's documentation as plain words.
fn plain(header: &str) -> String {
    let mut text = header.to_owned();
    for (name, c) in [("STAMP_MAGIC", "LIP_STAMP_MAGIC"), ("crate::Op::kind", "kind"), ("Out", "LipOut")] {
        text = text.replace(&format!("[`{name}`]"), &format!("`{c}`"));
    }
    text = text.replace("[`crate::AbiError`]", "`LipError`").replace("[`crate::op`]", "`LIP_OP_…`");
    let mut out = String::new();
    let mut lines = text.lines().map(str::trim_end);
    while let Some(line) = lines.next() {
        match line.strip_suffix("/*").filter(|indent| indent.trim().is_empty() && !out.is_empty()) {
            // The comment at the head stands as it was written.
            Some(indent) if !line.is_empty() && out.contains("#define") => {
                let text: Vec<&str> =
                    lines.by_ref().map(str::trim).take_while(|line| *line != "*/").collect();
                let _ = writeln!(out, "{indent}/** {} */", text.join(&format!("\n{indent} *  ")));
            }
            _ => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    let mut out = out.lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n";
    while out.contains("\n\n\n") {
        out = out.replace("\n\n\n", "\n\n");
    }
    out
}

fn version(manifest: &Path) -> Result<[u16; 3], String> {
    let text = fs::read_to_string(manifest).map_err(|e| format!("{}: {e}", manifest.display()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    let numbers = line.map(|line| line.split('.').map(str::parse).collect::<Result<Vec<u16>, _>>());
    match numbers {
        Some(Ok(numbers)) => numbers.try_into().map_err(|_| format!("{}: odd version", manifest.display())),
        _ => Err(format!("{}: no version", manifest.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_is_the_generated_one() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let page = page(&root).unwrap();
        let is_current = fs::read_to_string(root.join(PATH)).unwrap() == page.text;
        assert!(is_current, "{PATH} is not up to date; run `cargo xtask gen` and commit what changed");
        assert!(!page.text.contains("[`") && !page.text.contains("::"), "a link of Rust's is left");
    }
}

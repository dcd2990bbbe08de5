//! Rule: a provider is one folder under `plugins/` that knows the author's face alone.
use crate::mask::{self, Keep};
use crate::metadata::{self, Member};
use crate::repo::{self, Report};

/// What a plugin, its build script and its tests may depend on.
const NEEDS: [&str; 4] = ["lip-plugin", "lip-code-assist", "serde", "serde_json"];
const BUILD_NEEDS: [&str; 3] = ["serde", "serde_json", "toml"];
const TEST_NEEDS: [&str; 4] = ["lip-testkit", "lip-plugin", "serde_json", "insta"];

/// The one provider that the host knows by name: its answer of last resort.
const DEFAULT: &str = "echo";
/// Folder names that are protocols too, a subcommand among them; the host may say these words.
const PROTOCOLS: [&str; 4] = ["acp", "gemini", "ollama", "openai-responses"];
/// Drives a host from outside, and so configures its backends by name, as a user does.
const OUTSIDER: &str = "host/conform";

const OPENAI_LINES_MAX: usize = 150;

fn plugins() -> Vec<Member> {
    metadata::members().into_iter().filter(|member| member.room.starts_with("plugins/")).collect()
}

#[test]
fn plugins_import_the_authors_face_only() {
    let mut report = Report::new(
        "a plugin depends on lip-plugin, lip-code-assist, serde and serde_json only: docs/ARCHITECTURE.md, Plugins",
    );
    for plugin in plugins() {
        for need in &plugin.needs {
            let allowed: &[&str] = match need {
                need if need.dev => &TEST_NEEDS,
                need if need.build => &BUILD_NEEDS,
                _ => &NEEDS,
            };
            if !allowed.contains(&need.name.as_str()) {
                report.note(
                    &plugin.room,
                    format!("depends on {}; what every provider needs belongs into lip-plugin", need.name),
                );
            }
        }
    }
    report.done();
}

#[test]
fn plugins_are_shared_libraries() {
    let mut report = Report::new("a plugin is a cdylib of its own: docs/ARCHITECTURE.md, Plugins");
    for plugin in plugins() {
        if !plugin.crate_types.iter().any(|kind| kind == "cdylib") {
            report.note(&plugin.room, "Cargo.toml lacks `[lib] crate-type = [\"cdylib\"]`");
        }
    }
    report.done();
}

#[test]
fn openai_stays_small() {
    let files = repo::rust_files();
    let own = files.iter().filter(|file| repo::inside(file, "plugins/openai"));
    let lines: usize = own.map(|file| repo::page(file).lines().count()).sum();
    assert!(
        lines <= OPENAI_LINES_MAX,
        "plugins/openai has {lines} lines of Rust, the limit is {OPENAI_LINES_MAX}: docs/STYLE.md, Sizes"
    );
}

#[test]
fn host_holds_no_list_of_providers() {
    let mut report = Report::new(
        "the host learns providers from their manifests and never by name: docs/ARCHITECTURE.md, Plugins",
    );
    let ids: Vec<String> =
        plugins().iter().filter_map(|p| p.room.strip_prefix("plugins/").map(str::to_owned)).collect();
    let ids: Vec<&String> =
        ids.iter().filter(|id| *id != DEFAULT && !PROTOCOLS.contains(&id.as_str())).collect();
    for file in repo::tracked() {
        let source = file.ends_with(".rs") && !file.contains("/tests/") && !file.ends_with("tests.rs");
        let text = match file.as_str() {
            "Cargo.toml" | "scripts/run" => repo::page(&file),
            _ if repo::inside(&file, OUTSIDER) => continue,
            _ if source && (file.starts_with("host/") || file.starts_with("scripts/")) => {
                mask::product(&repo::page(&file), Keep::Literals)
            }
            _ => continue,
        };
        let code = mask::mask(&repo::page(&file), Keep::Code);
        for (id, spelled) in ids.iter().flat_map(|id| spellings(id).map(move |s| (id, s))) {
            for at in mask::words(&text, &spelled).filter(|at| !in_example(&code, *at)) {
                report.note(
                    format!("{file}:{}", mask::line_of(&text, at)),
                    format!("names the provider `{id}`"),
                );
            }
        }
    }
    report.done();
}

/// How a list would spell a provider: as a literal, as a package, as a folder, as its key's variable.
fn spellings(id: &str) -> impl Iterator<Item = String> {
    let variable = id.to_uppercase().replace('-', "_");
    [format!("\"{id}\""), format!("lip-{id}"), format!("plugins/{id}"), format!("{variable}_API_KEY")]
        .into_iter()
}

/// Whether the literal at `at` belongs to a field `example` or `examples`: that is told to readers and decides nothing.
fn in_example(code: &str, at: usize) -> bool {
    let before = code.get(..at).unwrap_or_default();
    let Some(field) = before.rfind([':', ';', '{', '}', '(', ')']) else {
        return false;
    };
    let name = before[..field].trim_end();
    before[field..].starts_with(':') && (name.ends_with("example") || name.ends_with("examples"))
}

/// A provider of that kind is one file of TOML; its name in the code would be a second place to know it.
#[test]
fn profiles_are_known_to_no_code() {
    let mut report =
        Report::new("plugins/compat names no provider outside of its profiles: plugins/compat/README.md");
    let files: Vec<String> =
        repo::tracked().into_iter().filter(|file| repo::inside(file, "plugins/compat")).collect();
    let ids: Vec<&str> = files
        .iter()
        .filter_map(|file| file.strip_prefix("plugins/compat/profiles/")?.strip_suffix(".toml"))
        .collect();
    assert!(ids.len() > 1, "the profiles have moved");
    for file in files.iter().filter(|file| file.ends_with(".rs")) {
        for (n, line) in repo::page(file).lines().enumerate() {
            let line = line.to_lowercase();
            for id in ids.iter().filter(|id| is_said(&line, id)) {
                report.note(format!("{file}:{}", n + 1), format!("names `{id}`; say it in its profile"));
            }
        }
    }
    report.done();
}

/// Whether a line says a provider's name, in whatever spelling: `kimi-code`, `KIMI_API_KEY`, `kimi`.
fn is_said(line: &str, id: &str) -> bool {
    let brand = id.split('-').next().unwrap_or(id);
    let mut words = line.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| word == brand)
}

/// A proof that shares code or data with what it proves shares its mistakes.
#[test]
fn proof_knows_nothing_of_what_it_proves() {
    let mut report =
        Report::new("tests/providers reads no plugin, profile or codec: docs/ARCHITECTURE.md, Levels");
    let shared =
        ["plugins/", "profiles/", "lip_wire", "lip_plugin", "lip_testkit", "include!", "include_str!"];
    for file in repo::rust_files().iter().filter(|file| repo::inside(file, "tests/providers")) {
        let text = mask::mask(&repo::page(file), Keep::Literals);
        for word in shared.iter().filter(|word| text.contains(**word)) {
            report.note(file, format!("names {word}"));
        }
    }
    report.done();
}

#[test]
fn provider_is_said_in_any_spelling() {
    for line in ["\"kimi-code\"", "kimi_api_key", "// for kimi", "api.kimi.com"] {
        assert!(is_said(line, "kimi-code"), "{line}");
    }
    assert!(!is_said("akimico", "kimi-code"));
}

#[test]
fn example_is_the_field_of_that_name_only() {
    let hit = |src: &str| in_example(&mask::mask(src, Keep::Code), src.find("acme").expect("it is there"));
    assert!(hit(r#"{ key: "k", example: "\"acme\"" }"#));
    assert!(hit("Spec { examples: &[\n  \"one\",\n  \"acme\",\n] }"));
    assert!(!hit(r#"Spec { names: &["acme"] }"#));
    assert!(!hit(r#"Spec { examples: &["x"], other: "acme" }"#));
    assert!(!hit(r#"fn f() { g("acme") }"#));
}

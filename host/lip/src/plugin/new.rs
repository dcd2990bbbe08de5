//! `lip plugin new`: a whole connector to begin with, in a folder of its own.
mod project;

use crate::out;
use clap::{Arg, ArgMatches, Command, builder::PossibleValuesParser, value_parser};
use project::{DIALECTS, Project, Sdk};
use std::path::{Path, PathBuf};

/// As long as an id may be.
const ID_CHARS_MAX: usize = 64;

/// The subcommand's arguments.
pub(crate) fn command() -> Command {
    Command::new("new")
        .about("Write a whole connector to begin with, in a new folder")
        .arg(Arg::new("id").required(true).help("The backend's id, such as acme; the folder's name too"))
        .arg(
            Arg::new("dialect")
                .long("dialect")
                .default_value("openai-chat")
                .value_parser(PossibleValuesParser::new(DIALECTS.map(|dialect| dialect.id)))
                .help("What the provider speaks"),
        )
        .arg(
            Arg::new("sdk")
                .long("sdk")
                .value_name("PATH")
                .value_parser(value_parser!(PathBuf))
                .help("A checkout of LIP whose crates are used; the published ones if left out"),
        )
        .arg(
            Arg::new("into")
                .long("into")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("Where the new folder is made; here if left out"),
        )
}

/// Writes the project.
///
/// # Errors
/// A bad id, a folder that is there already, an SDK that is none, a disk that refuses.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str).unwrap_or_default();
    let id = legal(text("id"))?;
    let parent = matches.get_one::<PathBuf>("into").map_or(Path::new("."), PathBuf::as_path);
    let folder = parent.join(id);
    let sdk = matches.get_one::<PathBuf>("sdk").map_or(Ok(Sdk::Published), |path| Sdk::of(path))?;
    let dialect = DIALECTS.into_iter().find(|dialect| dialect.id == text("dialect"));
    let dialect = dialect.ok_or("which dialect?")?;
    let project = Project { id, dialect, sdk };
    let files = project.files();
    if folder.exists() {
        return Err(format!("{} is there already; choose another id, or remove it first", folder.display()));
    }
    for (name, text) in &files {
        let file = folder.join(name);
        let say = |e: std::io::Error| format!("{}: {e}", file.display());
        file.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(say)?;
        std::fs::write(&file, text).map_err(say)?;
    }
    out::line(format!("{} holds a connector that builds as it is. Next:", folder.display()));
    for step in project.next() {
        out::line(format!("  {step}"));
    }
    Ok(())
}

/// An id that can be a backend's, a folder's and a package's name.
fn legal(id: &str) -> Result<&str, String> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ends_well = !id.ends_with('-') && !id.contains("--");
    let fits = id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.chars().all(legal)
        && ends_well
        && id.len() <= ID_CHARS_MAX;
    if fits {
        return Ok(id);
    }
    Err(format!(
        "\"{id}\" is no id: write lower-case letters, digits and single hyphens, a letter first, at most {ID_CHARS_MAX}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_name_backends_folders_and_packages() {
        for good in ["acme", "acme-2", "a"] {
            assert_eq!(legal(good), Ok(good));
        }
        for bad in [
            "",
            "2acme",
            "-acme",
            "acme-",
            "Acme",
            "a b",
            "../acme",
            "a/b",
            "a--b",
            "a.b",
            "ä",
            &"a".repeat(65),
        ] {
            assert!(legal(bad).is_err(), "{bad}");
        }
    }
}

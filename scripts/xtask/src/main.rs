//! The project's automation. Knows no provider: what it finds under `plugins/` is what there is.
//!
//! `cargo xtask stage [--profile dev|release] [--out DIR] [--with BUNDLE] [--bundles]` builds the host and its connector
//! libraries and lays them out as an installation: `DIR/lip`, `DIR/plugins/*.so`; with the bundles that are named, or with all
//! of them in `DIR/bundles`. The last line it prints is `DIR`.
//!
//! `cargo xtask dist [--profile dev|release] [--out DIR]` makes the archives of a release, with their checksums. The last line it
//! prints is `DIR`.
//!
//! `cargo xtask gen [--check]` writes what is generated from code and manifests, or compares it. It asks the
//! installation in `LIP_STAGE_DIR`, and stages one if there is none.

mod dist;
mod generate;
mod stage;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask stage [--profile dev|release] [--out DIR] [--with BUNDLE] [--bundles]
       cargo xtask dist [--profile dev|release] [--out DIR]
       cargo xtask gen [--check]";

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks on its streams")]
fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Result<String, String> {
    match words.split_first() {
        Some((command, options)) if command == "stage" => {
            let staged = stage::run(&stage::Options::parse(options)?)?;
            Ok(staged.display().to_string())
        }
        Some((command, options)) if command == "dist" => Ok(dist::run(options)?.display().to_string()),
        Some((command, options)) if command == "gen" => generate::run(options),
        _ => Err(format!("no such command\n{USAGE}")),
    }
}

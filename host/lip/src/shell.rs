//! What other programs want to know of the command line: completions for shells, and the manual page.
use crate::{cli, out};
use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;
use clap_mangen::Man;

pub(crate) fn completions_command() -> Command {
    Command::new("completions")
        .about("Print a shell's completion script")
        .arg(Arg::new("shell").required(true).value_parser(value_parser!(Shell)))
}

pub(crate) fn man_command() -> Command {
    Command::new("man")
        .about("Print the manual page, or that of a subcommand")
        .arg(Arg::new("subcommand").num_args(0..).help("The subcommand's name, such as: plugin new"))
}

/// Prints the script of one shell.
///
/// # Errors
/// None that the command line leaves.
pub(crate) fn completions(matches: &ArgMatches) -> Result<(), String> {
    let shell = matches.get_one::<Shell>("shell").copied().ok_or("which shell?")?;
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::command(), "lip", &mut script);
    out::line(String::from_utf8_lossy(&script).trim_end());
    Ok(())
}

/// Prints a page in roff: `lip man | man -l -`.
///
/// # Errors
/// There is no such subcommand.
pub(crate) fn man(matches: &ArgMatches) -> Result<(), String> {
    let mut root = cli::command();
    root.build();
    let (mut command, mut name) = (&root, root.get_name().to_owned());
    for word in matches.get_many::<String>("subcommand").into_iter().flatten() {
        command =
            command.find_subcommand(word).ok_or_else(|| format!("there is no command `{name} {word}`"))?;
        name = format!("{name} {word}");
    }
    let mut page = Vec::new();
    let page_name = name.replace(' ', "-");
    Man::new(command.clone().name(page_name)).render(&mut page).map_err(|e| e.to_string())?;
    out::line(String::from_utf8_lossy(&page).trim_end());
    Ok(())
}

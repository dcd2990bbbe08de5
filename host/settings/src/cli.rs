//! The table as command-line flags, and what was given of them. Does not parse the command line itself.
use std::fmt;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::{
    row::{Flag, Row, Setting, Shape, Status, Takes},
    table::{TABLE, Values},
};

/// What was given on the command line. `Debug` prints flags only, no values.
#[derive(Clone, Default)]
pub struct CliOverrides {
    pub(crate) given: Vec<Given>,
}

/// One flag that was given.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) row: &'static Row<Values>,
    pub(crate) flag: &'static Flag,
    pub(crate) values: Vec<String>,
}

impl CliOverrides {
    /// Adds a flag as if it had been given, for callers without a command line.
    ///
    /// # Errors
    /// The flag, if no setting has it.
    pub fn with(mut self, long: &str, value: &str) -> Result<Self, String> {
        let (row, flag) = flags().find(|(_, flag)| flag.long == long).ok_or_else(|| long.to_owned())?;
        let value = if let Takes::Nothing(meaning) = flag.takes { meaning } else { value };
        self.given.push(Given { row, flag, values: vec![value.to_owned()] });
        Ok(self)
    }
}

impl fmt::Debug for CliOverrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.given.iter().map(|given| given.flag.long)).finish()
    }
}

/// Adds a flag for every setting that has one.
#[must_use]
pub fn clap_args(command: Command) -> Command {
    command.args(flags().map(|(row, flag)| arg(&row.setting, flag)))
}

/// What was given of the flags that [`clap_args`] added.
pub fn overrides(matches: &ArgMatches) -> CliOverrides {
    let values = |flag: &Flag| -> Vec<String> {
        if let Takes::Nothing(meaning) = flag.takes {
            let is_given = matches.try_get_one::<bool>(flag.long).ok().flatten().is_some_and(|given| *given);
            return if is_given { vec![meaning.to_owned()] } else { Vec::new() };
        }
        let given = matches.try_get_many::<String>(flag.long).ok().flatten();
        given.map(|values| values.cloned().collect()).unwrap_or_default()
    };
    let given = flags().map(|(row, flag)| Given { row, flag, values: values(flag) });
    CliOverrides { given: given.filter(|given| !given.values.is_empty()).collect() }
}

fn flags() -> impl Iterator<Item = (&'static Row<Values>, &'static Flag)> {
    TABLE.iter().flat_map(|row| row.setting.flags.iter().map(move |flag| (row, flag)))
}

fn arg(setting: &'static Setting, flag: &'static Flag) -> Arg {
    let rivals = setting.flags.iter().filter(|rival| *rival != flag).map(|rival| rival.long);
    let about = setting.doc.split_inclusive(". ").next().unwrap_or_default().trim();
    let help = match flag.takes {
        Takes::Nothing(meaning) => format!("Set {} to {meaning}", setting.key),
        Takes::Value | Takes::Values | Takes::MaybeBool => about.trim_end_matches('.').to_owned(),
    };
    let long_help = format!("{}\n\nEnvironment: {}", setting.doc.trim(), setting.env_names().join(", "));
    let arg = Arg::new(flag.long).long(flag.long).help(help).long_help(long_help).conflicts_with_all(rivals);
    let arg = arg.hide(matches!(setting.status, Status::Later(_)));
    match flag.takes {
        Takes::Value => arg.action(ArgAction::Set).overrides_with(flag.long).value_name(value_name(setting)),
        Takes::Values => arg.action(ArgAction::Append).value_name(value_name(setting)),
        Takes::Nothing(_) => arg.action(ArgAction::SetTrue),
        Takes::MaybeBool => arg
            .action(ArgAction::Set)
            .overrides_with(flag.long)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_name("true|false"),
    }
}

fn value_name(setting: &'static Setting) -> String {
    match setting.shape {
        Shape::Text => setting.key.rsplit('.').next().unwrap_or_default().to_uppercase(),
        Shape::Url | Shape::State => "URL".to_owned(),
        Shape::Bool => "true|false".to_owned(),
        Shape::Whole => "N".to_owned(),
        Shape::Bytes => "BYTES".to_owned(),
        Shape::Seconds => "SECONDS".to_owned(),
        Shape::Dollars => "USD".to_owned(),
        Shape::Choice(words) => words.join("|"),
        Shape::Path => "FILE".to_owned(),
        Shape::PathList => "DIR".to_owned(),
        Shape::TextList => "LIST".to_owned(),
        Shape::Secret | Shape::SecretList => "KEYS".to_owned(),
        Shape::Aliases | Shape::Routes => "PATTERN=REPLACEMENT".to_owned(),
    }
}

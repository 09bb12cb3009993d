//! The options of a server's command line, made from its table of keys.

use std::ffi::OsStr;
use std::marker::PhantomData;

use clap::builder::{StringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::load::from_here;
use super::{DATA_DIR, Key, Kind, Table};

/// A program with a table of keys.
pub trait Configured {
    /// Its table.
    fn table() -> &'static Table;
}

/// The keys that were given as options, with their values.
#[derive(Clone, Debug)]
pub struct Flags<P> {
    /// By the names of the keys.
    pub given: Vec<(&'static str, String)>,
    program: PhantomData<P>,
}

/// Reads the value of one key.
#[derive(Clone)]
struct Reader(&'static Key);

impl TypedValueParser for Reader {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        let text = StringValueParser::new().parse_ref(command, arg, value)?;
        let key = self.0;
        let text = if matches!(key.kind, Kind::Path | Kind::Secret) { from_here(&text) } else { text };
        (key.read)(key.name, &text).map_err(|why| {
            let message = format!("{text:?} is no value of --{}: {why}\n", key.name);
            command.clone().error(ErrorKind::ValueValidation, message)
        })
    }
}

/// Every key at the top of the file is an option, apart from the directory, which all commands have.
fn options(table: &'static Table) -> impl Iterator<Item = &'static Key> {
    table.of_program().filter(|key| key.name != DATA_DIR)
}

impl<P: Configured> Args for Flags<P> {
    fn augment_args(mut command: Command) -> Command {
        for key in options(P::table()) {
            let (first, _) = key.about.split_once(". ").unwrap_or((key.about, ""));
            let value = match key.kind {
                Kind::Path | Kind::Secret => "FILE",
                Kind::Value | Kind::List => "VALUE",
            };
            let action = if key.kind == Kind::List { ArgAction::Append } else { ArgAction::Set };
            let help = format!("{} [without: {}]", first.trim_end_matches('.'), key.default);
            let arg = Arg::new(key.name).long(key.name).value_name(value).action(action).help(help);
            command = command.arg(arg.value_parser(Reader(key)).help_heading("Configuration"));
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<P: Configured> FromArgMatches for Flags<P> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Flags<P>, clap::Error> {
        let given = options(P::table()).filter_map(|key| {
            let values: Vec<&str> = matches.get_many::<String>(key.name)?.map(String::as_str).collect();
            Some((key.name, values.join(",")))
        });
        Ok(Flags { given: given.collect(), program: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Flags::from_arg_matches(matches)?;
        Ok(())
    }
}

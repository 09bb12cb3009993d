//! Reading a configuration from file, credentials, environment and command line, with every fault and its place.

use std::env;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use keymuster_core::codes;

use super::file::{Entry, parse, position};
use super::given::{Configuration, Given, Source, SourceKind};
use super::{DATA_DIR, Key, Kind, Of, Table};
use crate::exit::Coded;
use crate::files::read_private;

/// Far more than all keys with comments; no server reads a disk into its memory.
const FILE_BYTES_MAX: usize = 1 << 20;
/// Where systemd says where it has put the service's credentials.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Where something is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// In the file, both from 1.
    Line {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The character in it.
        column: usize,
    },
    /// The file as a whole.
    File(PathBuf),
    /// A variable of the environment.
    Variable(String),
}

/// Something that is wrong, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// The key, where it is about one.
    pub key: Option<String>,
    /// What, and what is expected.
    pub message: String,
}

/// Everything that is wrong.
#[derive(Clone, Debug)]
pub struct Broken {
    /// At least one.
    pub faults: Vec<Fault>,
    /// The program, which has a command that tells them all.
    pub program: &'static str,
}

/// From where a program takes its configuration.
#[derive(Clone, Debug)]
pub struct Loader {
    /// What there is to give.
    pub table: &'static Table,
    /// The file.
    pub path: PathBuf,
    /// Whether somebody named it, so that it has to be there.
    pub is_named: bool,
    flags: Vec<(&'static str, String)>,
    variables: Vec<(String, String)>,
    credentials: Option<PathBuf>,
}

/// When the file was last written, and how long it is.
pub(super) type Seen = Option<(SystemTime, u64)>;

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Place::File(path) => write!(f, "{}", path.display()),
            Place::Variable(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl Fault {
    /// About a value that was read and is given: what it names, for example, cannot be used.
    pub fn of_given(name: &str, given: &Given, message: String) -> Fault {
        let place = match (given.source.kind, given.source.place.rsplit_once(':')) {
            (SourceKind::File, Some((path, line))) => {
                Place::Line { path: path.into(), line: line.parse().unwrap_or(1), column: 1 }
            }
            _ => Place::Variable(given.source.place.clone()),
        };
        Fault { place, key: Some(name.to_owned()), message }
    }
}

impl From<Broken> for Coded {
    fn from(broken: Broken) -> Coded {
        let mut detail = broken.faults.first().map_or_else(String::new, Fault::to_string);
        if let more @ 1.. = broken.faults.len() - 1 {
            detail += &format!("; and {more} more, which {} config check shows", broken.program);
        }
        Coded { code: &codes::CONFIG_INVALID, detail }
    }
}

impl Loader {
    /// For this process: the file that the command line or the environment names, or the usual one.
    pub fn of_process(table: &'static Table, named: Option<PathBuf>, flags: Vec<(&'static str, String)>) -> Loader {
        let own = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            let name = name.into_string().ok().filter(|name| name.starts_with(table.prefix))?;
            // A value that is no text has signs of which none is right.
            Some((name, value.to_string_lossy().into_owned())).filter(|(_, value)| !value.is_empty())
        };
        let mut variables: Vec<(String, String)> = env::vars_os().filter_map(own).collect();
        variables.sort_unstable();
        let variable = table.file_variable();
        let by_variable = variables.iter().find(|(name, _)| *name == variable).map(|(_, path)| path.into());
        let named = named.or(by_variable);
        let credentials = env::var_os(CREDENTIALS).map(PathBuf::from).filter(|path| path.is_absolute());
        let is_named = named.is_some();
        let path = named.unwrap_or_else(|| table.path.into());
        // Messages name the whole path, and a service may change its directory.
        let path = std::path::absolute(&path).unwrap_or(path);
        Loader { table, path, is_named, flags, variables, credentials }
    }

    /// The same for another file, and nothing but the file.
    pub fn of_file(&self, path: PathBuf) -> Loader {
        Loader { path, is_named: true, flags: Vec::new(), variables: Vec::new(), credentials: None, table: self.table }
    }

    /// Everything that was given.
    pub fn load(&self) -> Result<Configuration, Broken> {
        match self.load_what_is_right() {
            (configuration, faults) if faults.is_empty() => Ok(configuration),
            (_, faults) => Err(Broken { faults, program: self.table.program }),
        }
    }

    /// What was given and is right, and what is wrong.
    pub fn load_what_is_right(&self) -> (Configuration, Vec<Fault>) {
        let (mut configuration, mut faults) = (Configuration::default(), Vec::new());
        self.read_file(&mut configuration, &mut faults);
        self.read_credentials(&mut configuration);
        self.read_variables(&mut configuration, &mut faults);
        for (name, value) in &self.flags {
            let source = Source { kind: SourceKind::CommandLine, place: format!("--{name}") };
            configuration.give((*name).to_owned(), Given { value: value.clone(), source });
        }
        (configuration, faults)
    }

    /// The directory with the data, where it is known for certain: it cannot be read out of a file that is no TOML.
    pub fn data_dir(&self, built_in: &str) -> Result<PathBuf, Broken> {
        let (configuration, faults) = self.load_what_is_right();
        let by_others = configuration.given.get(DATA_DIR).filter(|given| given.source.kind > SourceKind::File);
        let is_doubtful = faults.iter().any(|fault| fault.key.is_none() || fault.key.as_deref() == Some(DATA_DIR));
        match (configuration.get(DATA_DIR), by_others) {
            (_, Some(given)) => Ok(given.value.clone().into()),
            _ if is_doubtful => Err(Broken { faults, program: self.table.program }),
            (found, None) => Ok(found.unwrap_or(built_in).into()),
        }
    }

    pub(super) fn seen(&self) -> Seen {
        let metadata = self.path.metadata().ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    }

    fn read_file(&self, configuration: &mut Configuration, faults: &mut Vec<Fault>) {
        let whole = |message: String| Fault { place: Place::File(self.path.clone()), key: None, message };
        let bytes = match read_private(&self.path, FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound && !self.is_named => return,
            Err(error) => {
                let advice = "let the user of the service read it, or name another with --config";
                return faults.push(whole(format!("{error}; {advice}")));
            }
        };
        configuration.file = Some(self.path.clone());
        let Ok(text) = String::from_utf8(bytes) else { return faults.push(whole("it is no text in UTF-8".to_owned())) };
        let (entries, not_toml) = parse(&text);
        let broken_lines: Vec<usize> = not_toml.iter().map(|error| position(&text, error.at).0).collect();
        for error in not_toml {
            let message = format!("this is not TOML: {}", error.message);
            faults.push(Fault { place: self.place(&text, error.at), key: None, message });
        }
        // What is read out of a line that is no TOML is a guess.
        for entry in entries.into_iter().filter(|entry| !broken_lines.contains(&position(&text, entry.at).0)) {
            if let Err((at, message)) = self.take(&text, &entry, configuration) {
                faults.push(Fault { place: self.place(&text, at), key: Some(entry.name), message });
            }
        }
    }

    fn place(&self, text: &str, at: usize) -> Place {
        let (line, column) = position(text, at);
        Place::Line { path: self.path.clone(), line, column }
    }

    fn take(&self, text: &str, entry: &Entry, configuration: &mut Configuration) -> Result<(), (usize, String)> {
        let unknown = || (entry.at, self.unknown("key", &entry.name, self.table.nearest(&entry.name)));
        let found = self.table.find(&entry.name).ok_or_else(unknown)?;
        let wrong = |why: String| (entry.value_at, why);
        let value = entry
            .value
            .as_ref()
            .map_err(|what| wrong(format!("{} cannot be {what}: expected {}", entry.name, found.key.expected)))?;
        let value =
            read(found.key, value).map_err(|why| wrong(format!("{value:?} is no value of {}: {why}", entry.name)))?;
        let (line, _) = position(text, entry.at);
        let source = Source { kind: SourceKind::File, place: format!("{}:{line}", self.path.display()) };
        configuration.give(entry.name.clone(), Given { value, source });
        Ok(())
    }

    /// A credential with the name of a key that names a file is that file.
    fn read_credentials(&self, configuration: &mut Configuration) {
        let Some(directory) = &self.credentials else { return };
        for key in self.table.of_program().filter(|key| is_file(key)) {
            let path = directory.join(key.name);
            if path.exists() {
                let source = Source { kind: SourceKind::Credential, place: key.name.to_owned() };
                configuration.give(key.name.to_owned(), Given { value: path.display().to_string(), source });
            }
        }
    }

    fn read_variables(&self, configuration: &mut Configuration, faults: &mut Vec<Fault>) {
        let known: Vec<(String, &Key)> = self.table.of_program().map(|key| (self.table.variable(key), key)).collect();
        for (name, value) in self.variables.iter().filter(|(name, value)| !self.is_foreign(name, value)) {
            let fault = |key: Option<&Key>, message| {
                let key = key.map_or_else(|| name.clone(), |key| key.name.to_owned());
                Fault { place: Place::Variable(name.clone()), key: Some(key), message }
            };
            let Some((_, key)) = known.iter().find(|(variable, _)| variable == name) else {
                let nearest = crate::nearest::nearest(name, known.iter().map(|(variable, _)| variable.as_str()));
                faults.push(fault(None, self.unknown("variable", name, nearest.map(str::to_owned))));
                continue;
            };
            match read(key, value) {
                Ok(value) => {
                    let source = Source { kind: SourceKind::Environment, place: name.clone() };
                    configuration.give(key.name.to_owned(), Given { value, source });
                }
                Err(why) => faults.push(fault(Some(*key), format!("{value:?} is no value of {}: {why}", key.name))),
            }
        }
    }

    /// Whether a variable is another program's. Kubernetes gives such to every container beside a service of this name.
    fn is_foreign(&self, name: &str, value: &str) -> bool {
        let Some(rest) = name.strip_prefix(self.table.prefix) else { return true };
        let is_kubernetes = rest.starts_with("SERVICE_")
            || rest.starts_with("PORT_")
            || rest == "PORT" && (value.starts_with("tcp://") || value.starts_with("udp://"));
        is_kubernetes || name == self.table.file_variable() || self.table.foreign.contains(&rest)
    }

    fn unknown(&self, what: &str, name: &str, nearest: Option<String>) -> String {
        let meant = nearest.map(|meant| format!("; did you mean {meant}?"));
        let meant = meant.unwrap_or_else(|| format!("; {} config show lists all keys", self.table.program));
        format!("there is no {what} {name}{meant}")
    }
}

fn is_file(key: &Key) -> bool {
    key.of == Of::Program && matches!(key.kind, Kind::Path | Kind::Secret) && key.name != DATA_DIR
}

fn read(key: &Key, text: &str) -> Result<String, String> {
    (key.read)(key.name, text)
}

/// A path of the command line, where it may begin at the current directory.
pub(super) fn from_here(text: &str) -> String {
    std::path::absolute(Path::new(text)).map_or_else(|_| text.to_owned(), |path| path.display().to_string())
}

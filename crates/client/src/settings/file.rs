//! The settings file of a store, as it is read (`docs/spec/client-state.md`, 9.2 and 9.3).
//!
//! An administrator may write it with any tool, so that whatever is in it disturbs nothing else: an entry that is not
//! understood does not count and is named, with its place.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use keymuster_core::codes::{self, Code};
use keymuster_core::id::{Label, Slug};
use serde_json::{Map, Value as Json};

use super::name::nearest;
use super::{Setting, SettingValue};
use crate::product::Product;
use crate::store::{Stamp, Store};

pub(super) const FILE: &str = "settings.json";
pub(super) const PUBLISHERS: &str = "publishers";
pub(super) const EDITIONS: &str = "editions";
/// Room for the settings of a thousand editions.
const FILE_BYTES_MAX: usize = 256 * 1024;
/// Faults beyond these are not told: the first ones say enough to begin with.
const FAULTS_MAX: usize = 16;
/// So much of a value that is not understood is shown.
const SHOWN_CHARS_MAX: usize = 60;

/// For what a value stands in the settings file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SettingScope {
    /// Every product of the machine.
    Machine,
    /// Every product of a publisher.
    Publisher(Slug),
    /// One edition of a publisher.
    Edition(Slug, Slug),
}

/// An entry of the settings file that does not count, or the whole file.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SettingFault {
    /// The file.
    pub file: PathBuf,
    /// The entry's place in it, or the line; empty for the whole file.
    pub place: String,
    /// What is wrong with it.
    pub why: String,
    /// Whether the value is one that the publisher does not allow, and otherwise none that is understood.
    pub is_out_of_range: bool,
}

impl SettingFault {
    /// The stable code by which it is explained.
    pub fn code(&self) -> &'static Code {
        if self.is_out_of_range { &codes::SETTING_OUT_OF_RANGE } else { &codes::SETTING_INVALID }
    }
}

/// The sentence, without the code.
impl fmt::Display for SettingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colon = if self.place.is_empty() { "" } else { ": " };
        write!(f, "{}{colon}{}: {}", self.file.display(), self.place, self.why)
    }
}

/// Values for one scope.
pub(super) type Layer = BTreeMap<Setting, SettingValue>;

/// What the file says, and what is wrong with it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Content {
    machine: Layer,
    publishers: BTreeMap<Slug, Layer>,
    editions: BTreeMap<(Slug, Slug), Layer>,
    pub faults: Vec<SettingFault>,
}

impl Content {
    /// The value for a product, of the narrowest scope that has one.
    pub fn find(&self, setting: Setting, product: &Product) -> Option<(&SettingValue, SettingScope)> {
        let (publisher, edition) = (product.publisher(), &product.edition().id);
        let key = (publisher.clone(), edition.clone());
        let of_edition =
            || Some((self.editions.get(&key)?.get(&setting)?, SettingScope::Edition(key.0.clone(), key.1.clone())));
        let of_publisher =
            || Some((self.publishers.get(publisher)?.get(&setting)?, SettingScope::Publisher(publisher.clone())));
        let of_machine = || Some((self.machine.get(&setting)?, SettingScope::Machine));
        of_edition().or_else(of_publisher).or_else(of_machine)
    }
}

/// The settings file of a store.
#[derive(Debug)]
pub struct SettingsFile {
    pub(super) store: Store,
    /// What was read last; the file is read again when it has changed.
    read: Mutex<(Option<Stamp>, Arc<Content>)>,
}

impl SettingsFile {
    /// That of a store, whether or not it is there yet.
    pub fn of(store: &Path) -> SettingsFile {
        SettingsFile { store: Store::root(store), read: Mutex::default() }
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.store.path(FILE)
    }

    /// What the file says now. It touches the disk to see whether the file has changed, and reads it if so.
    pub(crate) fn content(&self) -> Arc<Content> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = self.store.stamp(FILE);
        if stamp != read.0 {
            let path = self.path();
            *read = match bytes(&path) {
                Ok(bytes) => (stamp, Arc::new(parse(&path, bytes.as_deref()))),
                // Rights that change leave no mark on the stamp, so a file that cannot be read is tried each time.
                Err(why) => (None, Arc::new(unreadable(path, &why))),
            };
        }
        read.1.clone()
    }
}

/// The file's bytes; `None` where there is no file.
pub(super) fn bytes(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let metadata = match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    // A pipe in its place would be waited for.
    if !metadata.is_file() {
        return Err(io::Error::other("this is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("more than {FILE_BYTES_MAX} bytes")));
    }
    Ok(Some(bytes))
}

/// The object in the file, an empty one for no file; or the place and the reason why there is none.
pub(super) fn object(bytes: Option<&[u8]>) -> Result<Map<String, Json>, (String, String)> {
    let Some(bytes) = bytes else { return Ok(Map::new()) };
    match serde_json::from_slice(bytes) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(other) => Err((String::new(), format!("is {}; expected a JSON object", shown(&other)))),
        Err(error) => {
            let place = format!("line {}, column {}", error.line(), error.column());
            // The error ends with the place.
            let text = error.to_string();
            let why = text.split(" at line ").next().unwrap_or_default();
            Err((place, format!("this is no JSON: {why}")))
        }
    }
}

fn unreadable(path: PathBuf, why: &io::Error) -> Content {
    let fault = SettingFault { file: path, place: String::new(), why: why.to_string(), is_out_of_range: false };
    Content { faults: vec![fault], ..Content::default() }
}

fn parse(path: &Path, bytes: Option<&[u8]>) -> Content {
    let mut parser = Parser { path, faults: Vec::new() };
    let mut content = Content::default();
    match object(bytes) {
        Err((place, why)) => parser.fault(place, why),
        Ok(object) => parser.machine(&object, &mut content),
    }
    content.faults = parser.faults;
    content
}

/// Reads any bytes as the fuzz targets have them: what is wrong with them can be told, and what counts can be written.
#[cfg(fuzzing)]
pub(crate) fn read(bytes: &[u8]) {
    let content = parse(Path::new("settings.json"), Some(bytes));
    assert!(content.faults.len() <= FAULTS_MAX, "faults are limited");
    assert!(content.faults.iter().all(|fault| !fault.to_string().contains('\n')), "a fault is one line");
    let layers = content.publishers.values().chain(content.editions.values()).chain([&content.machine]);
    for (setting, value) in layers.flatten() {
        assert_eq!(setting.read_json(&value.to_json()).as_ref(), Some(value), "{setting} survives writing");
    }
}

struct Parser<'a> {
    path: &'a Path,
    faults: Vec<SettingFault>,
}

impl Parser<'_> {
    fn fault(&mut self, place: String, why: String) {
        if self.faults.len() < FAULTS_MAX {
            let place = plain(&place);
            self.faults.push(SettingFault { file: self.path.to_path_buf(), place, why, is_out_of_range: false });
        }
    }

    fn machine(&mut self, object: &Map<String, Json>, content: &mut Content) {
        for (name, json) in object {
            match name.as_str() {
                PUBLISHERS => {
                    for (publisher, json) in self.members(name, json) {
                        let place = format!("{name}.{publisher}");
                        match publisher.parse() {
                            Ok(publisher) => {
                                content.publishers.insert(publisher, self.layer(&place, json));
                            }
                            Err(_) => self.fault(place, "this is no publisher's name".into()),
                        }
                    }
                }
                EDITIONS => {
                    for (edition, json) in self.members(name, json) {
                        let place = format!("{name}.{edition}");
                        let split = edition.split_once('/');
                        match split.and_then(|(publisher, edition)| publisher.parse().ok().zip(edition.parse().ok())) {
                            Some(key) => {
                                content.editions.insert(key, self.layer(&place, json));
                            }
                            None => self.fault(place, "expected PUBLISHER/EDITION".into()),
                        }
                    }
                }
                _ => self.entry(name, name, json, &mut content.machine),
            }
        }
    }

    fn members<'j>(&mut self, place: &str, json: &'j Json) -> Vec<(&'j str, &'j Json)> {
        if let Json::Object(members) = json {
            return members.iter().map(|(name, json)| (name.as_str(), json)).collect();
        }
        self.fault(place.to_owned(), format!("is {}; expected an object", shown(json)));
        Vec::new()
    }

    fn layer(&mut self, place: &str, json: &Json) -> Layer {
        let mut layer = Layer::new();
        for (name, json) in self.members(place, json) {
            self.entry(&format!("{place}.{name}"), name, json, &mut layer);
        }
        layer
    }

    fn entry(&mut self, place: &str, name: &str, json: &Json, layer: &mut Layer) {
        let Some(setting) = Setting::named(name) else {
            let deeper = [PUBLISHERS, EDITIONS].into_iter().filter(|_| place == name);
            let nearest = nearest(name, Setting::ALL.iter().map(|setting| setting.name()).chain(deeper));
            return self.fault(place.to_owned(), format!("there is no such setting; did you mean {nearest:?}?"));
        };
        match setting.read_json(json) {
            Some(value) => {
                layer.insert(setting, value);
            }
            None => self.fault(place.to_owned(), format!("is {}; expected {}", shown(json), setting.expects_json())),
        }
    }
}

/// A value as it stands in the file, cut where it is long.
fn shown(json: &Json) -> String {
    let text = plain(&json.to_string());
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A name or value of the file as one short line that no terminal stumbles over.
fn plain(text: &str) -> String {
    Label::cut(text).map_or_else(String::new, |label| label.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        parse(Path::new("f"), Some(text.as_bytes())).faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_fault_names_file_place_and_reason() {
        for (text, expected) in [
            ("", Some("f: line 1, column 0: this is no JSON: EOF while parsing a value")),
            ("{}", None),
            (r#"{"host": "kms", "publishers": {"aurora": {"caching": true}}, "editions": {"aurora/desk": {}}}"#, None),
            ("[1]", Some("f: is [1]; expected a JSON object")),
            ("{\"host\": }", Some("f: line 1, column 10: this is no JSON: expected value")),
            ("{\"host\": \"kms\"", Some("f: line 1, column 14: this is no JSON: EOF while parsing an object")),
            ("\u{feff}{}", Some("f: line 1, column 1: this is no JSON: expected value")),
            (r#"{"hots": "kms"}"#, Some("f: hots: there is no such setting; did you mean \"host\"?")),
            (r#"{"edition": {}}"#, Some("f: edition: there is no such setting; did you mean \"editions\"?")),
            (r#"{"caching": "on"}"#, Some("f: caching: is \"on\"; expected true or false")),
            (r#"{"editions": []}"#, Some("f: editions: is []; expected an object")),
            (r#"{"editions": {"desk": {}}}"#, Some("f: editions.desk: expected PUBLISHER/EDITION")),
            (r#"{"editions": {"aurora/desk": 1}}"#, Some("f: editions.aurora/desk: is 1; expected an object")),
            (
                r#"{"editions": {"aurora/desk": {"way": "kms"}}}"#,
                Some("f: editions.aurora/desk.way: is \"kms\"; expected a text: any, host or mak"),
            ),
            (r#"{"publishers": {"A B": {}}}"#, Some("f: publishers.A B: this is no publisher's name")),
            (
                r#"{"publishers": {"aurora": {"chaching": true}}}"#,
                Some("f: publishers.aurora.chaching: there is no such setting; did you mean \"caching\"?"),
            ),
        ] {
            let found = faults(text);
            assert_eq!(found.first().map(String::as_str), expected, "{text}");
            assert!(found.len() <= 1, "{text}: {found:?}");
        }
    }

    #[test]
    fn one_fault_leaves_the_rest_alone_and_not_all_of_many_are_told() {
        let text = br#"{"host": 1, "dns": ["::1"], "editions": {"x": {}, "a/b": {"way": "mak"}}}"#;
        let content = parse(Path::new("f"), Some(text));
        assert_eq!(content.faults.len(), 2);
        assert_eq!(content.machine.keys().collect::<Vec<_>>(), [&Setting::Dns]);
        assert_eq!(content.editions.len(), 1);
        let many: Vec<String> = (0..100).map(|n| format!("\"x{n}\": 1")).collect();
        assert_eq!(faults(&format!("{{{}}}", many.join(","))).len(), FAULTS_MAX);
        let strange = faults("{\"a\\u001b[2Jb\\nc\\u202e\": 1}");
        assert!(strange[0].starts_with("f: a[2Jbc: there is no such setting"), "{strange:?}");
        let long = format!("{{\"host\": [\"{}\"]}}", "x".repeat(1000));
        assert!(faults(&long)[0].len() < 250);
    }
}

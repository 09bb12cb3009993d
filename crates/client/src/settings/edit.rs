//! Changing the settings file: one entry at a time, and every other value in it stays, also one that does not count.

use serde_json::{Map, Value as Json};

use super::file::{self, EDITIONS, FILE, PUBLISHERS};
use super::{Setting, SettingFault, SettingScope, SettingValue, SettingsFile};
use crate::error::Error;
use crate::product::Product;

/// Held while the file is read, changed and replaced.
const LOCK: &str = "settings.lock";

impl SettingsFile {
    /// Sets a value for every product that keeps its licences in this store, for a publisher's, or for one edition.
    /// Running products follow it without a restart.
    ///
    /// `products` are those for which it will count: a length of time that one of their publishers does not allow is
    /// refused.
    ///
    /// ```
    /// use keymuster_client::{Setting, SettingScope, SettingsFile};
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let store = directory.path();
    /// let file = SettingsFile::of(store);
    /// let value = Setting::Host.parse_value("kms.example:1700")?;
    /// file.set(&SettingScope::Machine, Setting::Host, &value, &[])?;
    /// assert!(file.unset(&SettingScope::Machine, "host")?);
    /// assert!(!file.unset(&SettingScope::Machine, "host")?);
    /// # Ok::<(), keymuster_client::Error>(())
    /// ```
    pub fn set(
        &self,
        scope: &SettingScope,
        setting: Setting,
        value: &SettingValue,
        products: &[Product],
    ) -> Result<(), Error> {
        if let SettingValue::Secs(secs) = value {
            let ranges = products.iter().filter_map(|product| setting.range(product));
            for range in ranges {
                range.check(setting.name(), *secs).map_err(Error::SettingRefused)?;
            }
        }
        self.change(|object| {
            layer(object, scope).insert(setting.name().to_owned(), value.to_json());
        })
    }

    /// Takes a value out, or whatever else stands there under `name`; whether anything did.
    pub fn unset(&self, scope: &SettingScope, name: &str) -> Result<bool, Error> {
        let mut was_there = false;
        self.change(|object| was_there = remove(object, scope, name))?;
        if !was_there {
            // A name that is none is more probably a slip than an entry that is gone.
            name.parse::<Setting>()?;
        }
        Ok(was_there)
    }

    /// Reads the file, changes it and replaces it, unless nothing has changed.
    fn change(&self, change: impl FnOnce(&mut Map<String, Json>)) -> Result<(), Error> {
        let store = &self.store;
        store.create()?;
        let _lock = store.lock(LOCK)?;
        let path = self.path();
        let bytes = file::bytes(&path).map_err(|why| Error::StateUnwritable { path: path.clone(), why })?;
        let fault = |(place, why)| SettingFault { file: path, place, why, is_out_of_range: false };
        let mut object = file::object(bytes.as_deref()).map_err(|why| Error::SettingsFile(fault(why)))?;
        let before = object.clone();
        change(&mut object);
        if object == before {
            return Ok(());
        }
        let mut text = serde_json::to_vec_pretty(&object).expect("a JSON object can be written");
        text.push(b'\n');
        store.write(FILE, &text)
    }
}

/// The path of a scope's object.
fn path(scope: &SettingScope) -> Option<(&'static str, String)> {
    match scope {
        SettingScope::Machine => None,
        SettingScope::Publisher(publisher) => Some((PUBLISHERS, publisher.to_string())),
        SettingScope::Edition(publisher, edition) => Some((EDITIONS, format!("{publisher}/{edition}"))),
    }
}

/// The object of a scope, made where it is missing; what stands in its way counts for nothing anyway and is replaced.
fn layer<'o>(object: &'o mut Map<String, Json>, scope: &SettingScope) -> &'o mut Map<String, Json> {
    match path(scope) {
        None => object,
        Some((kind, name)) => member(member(object, kind), &name),
    }
}

fn member<'o>(object: &'o mut Map<String, Json>, name: &str) -> &'o mut Map<String, Json> {
    let member = object.entry(name).or_insert_with(|| Json::Object(Map::new()));
    if !member.is_object() {
        *member = Json::Object(Map::new());
    }
    member.as_object_mut().expect("it was just made one")
}

/// Removes an entry, and the objects around it that are empty then.
fn remove(object: &mut Map<String, Json>, scope: &SettingScope, name: &str) -> bool {
    let Some((kind, scope)) = path(scope) else {
        let is_scopes = [PUBLISHERS, EDITIONS].contains(&name) && object.get(name).is_some_and(Json::is_object);
        return !is_scopes && object.remove(name).is_some();
    };
    let Some(scopes) = object.get_mut(kind).and_then(Json::as_object_mut) else { return false };
    let Some(entries) = scopes.get_mut(&scope).and_then(Json::as_object_mut) else { return false };
    let was_there = entries.remove(name).is_some();
    if entries.is_empty() {
        scopes.remove(&scope);
    }
    if scopes.is_empty() {
        object.remove(kind);
    }
    was_there
}

//! What `config show` says of each key: what counts, where that was given, and what would count after a restart.

use serde::Serialize;

use crate::table::table;

/// One key.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Shown {
    /// Its whole name.
    pub key: String,
    /// The value that counts; nothing where there is none.
    pub value: Option<String>,
    /// `command-line`, `environment`, `credential`, `file`, `administrator`, `entitlement`, `licence-pack` or `built-in`.
    pub source: &'static str,
    /// Where, for people: `/etc/keymuster/host.toml:3`.
    pub place: String,
    /// What counts where nothing is given, in words.
    pub default: &'static str,
    /// Whether a change waits for a restart.
    pub needs_restart: bool,
    /// What the file gives, where the running server does not go by it yet.
    pub pending: Option<String>,
}

/// All keys for people.
pub fn shown_text(shown: &[Shown]) -> String {
    let cells = |shown: &Shown| {
        let value = shown.value.clone().unwrap_or_else(|| "-".to_owned());
        let from = match shown.source {
            "built-in" => format!("built in: {}", shown.default),
            _ => shown.place.clone(),
        };
        [shown.key.clone(), value, from]
    };
    let mut text = table(["KEY", "VALUE", "FROM"], &shown.iter().map(cells).collect::<Vec<_>>(), "");
    for (shown, pending) in shown.iter().filter_map(|shown| Some((shown, shown.pending.as_ref()?))) {
        let when = if shown.needs_restart { "counts after a restart" } else { "is about to be read" };
        text += &format!("note on {}: the file gives {pending}, which {when}\n", shown.key);
    }
    text
}

//! Finding a key by what people have at hand: its id, or the last five symbols.

use keymuster_core::key::{KeyId, SYMBOLS};
use keymuster_service::sql::Transaction;

use crate::authority::Authority;
use crate::error::Error;
use crate::store;
use crate::store::product_key::Minted;

/// The one key with this id or these last five symbols.
pub fn key(authority: &Authority, tx: &Transaction<'_>, name: &str) -> Result<Minted, Error> {
    let none = || Error::Rule(format!("there is no key {name}; `key list` shows all"));
    if let Ok(id) = name.parse::<KeyId>() {
        return store::product_key::find(tx, id)?.ok_or_else(none);
    }
    let wanted = name.to_ascii_uppercase();
    if wanted.len() != 5 || !wanted.chars().all(|symbol| SYMBOLS.contains(symbol)) {
        // The text is not repeated: it may be a whole secret key.
        return Err(Error::Rule(
            "a key is named by its id (13 hexadecimal digits) or its last five symbols".to_owned(),
        ));
    }
    // Last symbols are not stored, because they would tell half of the tag: they are computed for each key.
    let mut found = Vec::new();
    for minted in store::product_key::list(tx)? {
        if authority.key_of(&minted)?.last_five() == wanted {
            found.push(minted);
        }
    }
    if found.len() > 1 {
        let ids: Vec<String> = found.iter().map(|minted| minted.id.to_string()).collect();
        return Err(Error::Rule(format!("several keys end in {wanted}; take the id of one: {}", ids.join(", "))));
    }
    found.pop().ok_or_else(none)
}

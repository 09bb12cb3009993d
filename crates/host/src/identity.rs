//! The host's signing key: a file of its own beside the database, so that a copy of the database alone signs nothing.

use std::path::Path;

use anyhow::Context as _;
use keymuster_core::id::{from_hex, to_hex};
use keymuster_core::signature::SecretKey;
use keymuster_service::Env;
use keymuster_service::files;

use keymuster_service::sql::Transaction;

use crate::site::Site;
use crate::store;

const FILE_NAME: &str = "host.key";
/// The files of a data directory that nobody else may read.
pub const SECRETS: [&str; 2] = [FILE_NAME, "tls.key"];
/// 64 hexadecimal digits and a line end.
const SIZE_MAX: usize = 65;

/// Reads the key of a data directory.
pub fn read(data_dir: &Path) -> anyhow::Result<SecretKey> {
    let path = data_dir.join(FILE_NAME);
    let bytes = files::read_private(&path, SIZE_MAX)?;
    let text = std::str::from_utf8(&bytes).unwrap_or("").trim_end();
    let seed =
        from_hex(text).with_context(|| format!("{} does not hold a key: restore it from a backup", path.display()))?;
    Ok(SecretKey::from_seed(&seed))
}

/// Makes sure that the key is the one which the entitlements name: no client accepts what another one signs.
pub fn check(data_dir: &Path, key: &SecretKey, site: &Site) -> anyhow::Result<()> {
    let mut granted = site.publishers.iter().flat_map(|held| &held.entitlements);
    let is_named = granted.all(|granted| granted.entitlement.host_key == key.public());
    let path = data_dir.join(FILE_NAME);
    anyhow::ensure!(is_named, "{} is not the key that the entitlement names: restore it from a backup", path.display());
    Ok(())
}

/// Makes sure that the key is the one of the host in the database, before there is any entitlement that names it.
pub fn check_noted(data_dir: &Path, tx: &Transaction<'_>, key: &SecretKey) -> anyhow::Result<()> {
    let path = data_dir.join(FILE_NAME);
    anyhow::ensure!(
        store::signer::is(tx, &key.public())?,
        "{} is not the key of the host in this database: restore it from a backup, or copy it from another server of the host",
        path.display()
    );
    Ok(())
}

/// Makes the key of a new host.
pub fn create(data_dir: &Path, env: &Env) -> anyhow::Result<SecretKey> {
    let path = data_dir.join(FILE_NAME);
    anyhow::ensure!(!path.exists(), "{} exists, but the database is new: move one of them away", path.display());
    let key = SecretKey::from_seed(&env.random());
    files::write_private(&path, format!("{}\n", to_hex(key.reveal_seed())).as_bytes())?;
    Ok(key)
}

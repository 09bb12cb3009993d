//! A ledger that knows many clients already, written without asking a host for each.

use std::path::Path;

use keymuster_core::grant::LastRequest;
use keymuster_core::id::RequestId;
use keymuster_core::time::DAY;
use keymuster_host::site::Home;
use keymuster_host::store::{self, client, ledger};
use keymuster_service::Env;

use crate::fixture::{Publisher, VOLUME_EDITION};
use crate::load::Machine;

/// Bytes of a lease's payload, about.
const PAYLOAD_BYTES: usize = 250;
/// Clients in one transaction.
const BATCH: u64 = 10_000;

/// Makes an entitled host whose ledger knows machines 0 to `clients`, each with one lease.
///
/// Only the first `with_keys` have their true public key, as making a million takes half a minute; the others get bytes.
pub fn host_with_clients(data_dir: &Path, publisher: &Publisher, clients: u64, with_keys: u64) -> anyhow::Result<()> {
    let mut home = publisher.entitle_host(data_dir)?;
    home.db.pragma_update(None, "synchronous", "off")?;
    for first in (0..clients).step_by(BATCH as usize) {
        write(&mut home, first..clients.min(first + BATCH), with_keys)?;
    }
    home.db.pragma_update(None, "synchronous", "full")?;
    home.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

fn write(home: &mut Home, numbers: std::ops::Range<u64>, with_keys: u64) -> anyhow::Result<()> {
    let now = Env::system().now();
    let tx = home.db.transaction()?;
    let mut head = store::ledger::head(&tx, home.site.host)?.0;
    for number in numbers {
        let machine = Machine::numbered(number);
        let payload = number.to_be_bytes().repeat(PAYLOAD_BYTES / 8);
        let entry = ledger::Entry { kind: ledger::Kind::Lease, payload };
        let asked = Machine::asked_before(number, now);
        head = ledger::append(&tx, &head, home.site.epoch, &entry, asked)?;
        let mut request_id = [0; 16];
        request_id.iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
        let row = client::Client {
            edition: VOLUME_EDITION,
            client_key: if number < with_keys { machine.public_key() } else { [6; 32] },
            last: LastRequest {
                counter: 0,
                request: RequestId::from_bytes(request_id),
                answered_by: Some(head.sequence),
            },
            last_asked: asked,
            lease: Some(client::HeldLease { sequence: head.sequence, expires: asked.plus(180 * DAY) }),
            detail_digest: 0,
        };
        client::put(&tx, 1, machine.id, &row)?;
    }
    tx.commit()?;
    Ok(())
}

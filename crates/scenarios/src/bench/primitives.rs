//! What the parts of an activation cost by themselves, measured in the run that they are compared with.

use std::path::Path;

use anyhow::Context as _;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use keymuster_core::grant::LastRequest;
use keymuster_core::id::RequestId;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::time::DAY;
use keymuster_host::site::Home;
use keymuster_host::store::{client, ledger, tally};
use keymuster_service::Env;

use crate::cpu;
use crate::fixture::VOLUME_EDITION;
use crate::load::Machine;

/// Bytes that are signed: a request or a lease with its frame.
const MESSAGE_BYTES: usize = 350;

/// From where those ask of whom rows tell.
const ADDRESS: &str = "127.0.0.1";

/// CPU microseconds of one signature check among `batch` that are checked together, the keys' decompression included, as
/// every request brings its key. One by one they are checked strictly.
pub(super) fn check_micros(batch: usize) -> f64 {
    let keys: Vec<_> = (0..batch.max(1)).map(|n| SigningKey::from_bytes(&[n as u8; 32])).collect();
    let message = [2; MESSAGE_BYTES];
    let messages = vec![&message[..]; keys.len()];
    let signatures: Vec<_> = keys.iter().map(|key| key.sign(&message)).collect();
    let public: Vec<_> = keys.iter().map(|key| key.verifying_key().to_bytes()).collect();
    let read = |bytes| VerifyingKey::from_bytes(bytes).expect("a key that was just made");
    let whole = cpu::micros_of(500 / keys.len() as u32 + 1, |_| {
        let keys: Vec<_> = public.iter().map(read).collect();
        let holds = match &keys[..] {
            [key] => key.verify_strict(&message, &signatures[0]),
            keys => ed25519_dalek::verify_batch(&messages, &signatures, keys),
        };
        holds.expect("a signature that was just made");
    });
    whole / keys.len() as f64
}

/// CPU microseconds of one signature.
pub(super) fn signature_micros() -> f64 {
    let key = SigningKey::from_bytes(&[1; 32]);
    let mut message = [2; MESSAGE_BYTES];
    cpu::micros_of(500, |n| {
        message[..4].copy_from_slice(&n.to_be_bytes());
        std::hint::black_box(key.sign(&message));
    })
}

/// CPU microseconds per activation of writing its rows, `batch` activations to a transaction, into the host's own tables:
/// read the client, append to the ledger, write the client, the description of a new one, and the tally once per
/// transaction.
pub(super) fn write_micros(data_dir: &Path, machines: Vec<Machine>, batch: usize, is_new: bool) -> anyhow::Result<f64> {
    let env = Env::system();
    let mut home = Home::open(data_dir, &env)?;
    let publisher = home.site.publishers.first().context("no publisher")?.trust.publisher.clone();
    let ask = |mut machine: Machine| machine.ask(Act::Activate, &publisher, VOLUME_EDITION, &env);
    let requests: Vec<_> = machines.into_iter().map(ask).collect();
    let mut samples = Vec::new();
    for batch in requests.chunks_exact(batch.max(1)) {
        let begin = cpu::of_this_thread();
        write_batch(&mut home, batch, is_new, &env)?;
        samples.push((cpu::of_this_thread() - begin) as f64 / batch.len() as f64 / 1000.0);
    }
    anyhow::ensure!(!samples.is_empty(), "too few machines for one batch");
    // The mean, as the checkpoints that some of the transactions pay for belong to all of them.
    Ok(samples.iter().sum::<f64>() / samples.len() as f64)
}

fn write_batch(home: &mut Home, requests: &[ClientRequest], is_new: bool, env: &Env) -> anyhow::Result<()> {
    let now = env.now();
    let tx = home.db.writing()?;
    let mut head = ledger::head(&tx, home.site.host)?.0;
    for request in requests {
        let known = client::of_id(&tx, 1, request.client)?;
        anyhow::ensure!(known.is_empty() == is_new, "the ledger knows other machines than expected");
        let entry = ledger::Entry { kind: ledger::Kind::Lease, payload: vec![3; 250] };
        head = ledger::append(&tx, &head, home.site.epoch, &entry, now)?;
        let row = client::Client {
            edition: VOLUME_EDITION,
            client_key: *request.client_key.as_bytes(),
            last: LastRequest { counter: 1, request: RequestId::from_bytes([4; 16]), answered_by: Some(head.sequence) },
            last_asked: now,
            lease: Some(client::HeldLease { sequence: head.sequence, expires: now.plus(180 * DAY) }),
            detail_digest: client::detail_digest(request, ADDRESS),
            released_at: None,
        };
        client::put(&tx, 1, request.client, &row)?;
        if is_new {
            client::put_detail(&tx, 1, request, ADDRESS, now)?;
        }
    }
    let outcomes = [((1, "granted"), requests.len() as u64)].into();
    tally::add(&tx, &outcomes, now)?;
    tx.commit()?;
    Ok(())
}

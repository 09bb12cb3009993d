//! The two records of the store: who the client is, and how one edition stands (`docs/spec/client-state.md`, 6).
//!
//! Neither prints itself: the one holds a secret key, the other may hold a MAK.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use keymuster_core::clock::{Jump, Mark};
use keymuster_core::document::Signed;
use keymuster_core::id::ClientId;
use keymuster_core::request::ClientRequest;
use keymuster_core::signature::{PublicKey, SecretKey};
use keymuster_core::time::Timestamp;

/// Who this client is for one publisher.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Identity {
    #[n(1)]
    pub client: ClientId,
    #[cbor(n(2), with = "minicbor::bytes")]
    pub seed: [u8; 32],
}

impl Identity {
    pub fn secret(&self) -> SecretKey {
        SecretKey::from_seed(&self.seed)
    }

    pub fn key(&self) -> PublicKey {
        self.secret().public()
    }
}

/// How one edition stands on this machine.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Record {
    #[n(1)]
    pub first_use: Timestamp,
    #[n(2)]
    pub mark: MarkRecord,
    /// Of the last request.
    #[n(3)]
    pub counter: u64,
    /// The MAK that was installed; `None` where a host is asked.
    #[n(4)]
    pub mak: Option<Mak>,
    #[n(5)]
    pub pending: Option<Pending>,
    #[n(6)]
    pub held: Option<HeldRecord>,
    /// The newest revocation list, in a bundle with the issuers that verify it.
    #[n(7)]
    pub revocations: Option<ByteVec>,
    /// The host that answered last.
    #[n(8)]
    pub host: Option<HostRecord>,
    #[n(9)]
    pub last_contact: Option<Timestamp>,
    #[n(10)]
    pub last_refusal: Option<RefusalRecord>,
    /// What was tried at the last attempt, in order.
    #[n(11)]
    pub trail: Vec<TriedRecord>,
    #[n(12)]
    pub next_attempt: Option<Timestamp>,
    /// Attempts without any answer since the last one with an answer.
    #[n(13)]
    pub failures: u32,
    /// The lease was given back on purpose, so none is asked for until somebody asks for one.
    #[n(14)]
    pub released: bool,
    /// Where a damaged state was put aside, until the next answer.
    #[n(15)]
    pub damaged: Option<String>,
}

impl Record {
    pub fn new(first_use: Timestamp, mark: Mark) -> Record {
        Record {
            first_use,
            mark: MarkRecord::of(&mark),
            counter: 0,
            mak: None,
            pending: None,
            held: None,
            revocations: None,
            host: None,
            last_contact: None,
            last_refusal: None,
            trail: Vec::new(),
            next_attempt: None,
            failures: 0,
            released: false,
            damaged: None,
        }
    }
}

/// [`Mark`] as it is stored.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct MarkRecord {
    #[n(1)]
    at: Timestamp,
    #[n(2)]
    boot_secs: Option<u64>,
    #[cbor(n(3), with = "minicbor::bytes")]
    boot: Option<[u8; 8]>,
    #[n(4)]
    host_time: Option<Timestamp>,
    #[n(5)]
    heard_at: Option<Timestamp>,
}

impl MarkRecord {
    pub fn of(mark: &Mark) -> MarkRecord {
        let Mark { at, boot_secs, boot, unconfirmed } = *mark;
        let (host_time, heard_at) = unconfirmed.map(|jump| (jump.host_time, jump.heard_at)).unzip();
        MarkRecord { at, boot_secs, boot, host_time, heard_at }
    }

    pub fn mark(&self) -> Mark {
        let jump = self.host_time.zip(self.heard_at);
        let unconfirmed = jump.map(|(host_time, heard_at)| Jump { host_time, heard_at });
        Mark { at: self.at, boot_secs: self.boot_secs, boot: self.boot, unconfirmed }
    }
}

/// An installed MAK.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Mak {
    #[n(1)]
    pub last_five: String,
    /// The whole key, until it has been used.
    #[n(2)]
    pub secret: Option<String>,
}

/// A request that was signed and not answered; a retry sends the same bytes.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Pending {
    #[n(1)]
    pub request: ByteVec,
    #[n(2)]
    pub made_at: Timestamp,
    /// It was written to a file, so it may take weeks.
    #[n(3)]
    pub in_file: bool,
}

impl Pending {
    /// The request; `None` where it is not one that this client could have made.
    pub fn signed(&self) -> Option<Signed<ClientRequest>> {
        ClientRequest::verify(&self.request).ok()
    }
}

/// A lease or an activation, with what verifies it.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct HeldRecord {
    /// A bundle without revocations.
    #[n(1)]
    pub bundle: ByteVec,
    /// What the client took the time to be when it came.
    #[n(2)]
    pub received_at: Timestamp,
    /// Its times count from `received_at` on, because the sender's clock was not believed.
    #[n(3)]
    pub by_duration: bool,
}

#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct HostRecord {
    #[n(1)]
    pub address: String,
    #[n(2)]
    pub found_by: String,
    #[n(3)]
    pub at: Timestamp,
}

#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct RefusalRecord {
    #[n(1)]
    pub code: String,
    #[n(2)]
    pub detail: String,
    #[n(3)]
    pub at: Timestamp,
    #[n(4)]
    pub host: String,
}

#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct TriedRecord {
    #[n(1)]
    pub what: String,
    #[n(2)]
    pub outcome: String,
}

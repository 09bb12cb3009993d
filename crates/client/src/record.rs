//! The two records of the store: who the client is, and how one edition stands (`docs/spec/client-state.md`, 6).
//!
//! Neither prints itself: the one holds a secret key, the other may hold a MAK.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use keymuster_core::clock::{Jump, Mark};
use keymuster_core::document::Signed;
use keymuster_core::id::ClientId;
use keymuster_core::key::ProductKey;
use keymuster_core::request::{Act, ClientRequest, Fact};
use keymuster_core::signature::{PublicKey, SecretKey};
use keymuster_core::time::{DAY, Timestamp};

use crate::env::Env;
use crate::machine::Salt;
use crate::status::Via;

/// `identity`: who this client is for one publisher, unless it was re-armed and has not begun anew.
#[derive(Clone, Default, Encode, Decode)]
#[cbor(map)]
pub(crate) struct IdentityRecord {
    #[n(1)]
    client: Option<ClientId>,
    #[cbor(n(2), with = "minicbor::bytes")]
    seed: Option<[u8; 32]>,
    #[n(3)]
    rearms: Option<u32>,
}

impl IdentityRecord {
    pub fn of(identity: &Identity, rearms: u32) -> IdentityRecord {
        let Identity { client, seed } = identity;
        IdentityRecord { client: Some(*client), seed: Some(*seed), ..IdentityRecord::rearmed(rearms) }
    }

    /// Nobody's any more, or not yet.
    pub fn rearmed(rearms: u32) -> IdentityRecord {
        IdentityRecord { client: None, seed: None, rearms: Some(rearms).filter(|rearms| *rearms > 0) }
    }

    pub fn identity(&self) -> Option<Identity> {
        let (client, seed) = self.client.zip(self.seed)?;
        Some(Identity { client, seed })
    }

    /// How often the installation was re-armed.
    pub fn rearms(&self) -> u32 {
        self.rearms.unwrap_or_default()
    }
}

/// Who this client is for one publisher.
#[derive(Clone)]
pub(crate) struct Identity {
    pub client: ClientId,
    pub seed: [u8; 32],
}

impl Identity {
    pub fn random(env: &Env) -> Identity {
        Identity { client: ClientId::from_bytes(env.random()), seed: env.random() }
    }

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
    /// `None` after re-arming, until a product starts.
    #[n(1)]
    pub first_use: Option<Timestamp>,
    #[n(2)]
    pub mark: MarkRecord,
    /// Of the last request.
    #[n(3)]
    pub counter: u64,
    /// By which MAK an activation is asked for; `None` where a host is asked for a lease.
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
    /// Of the fingerprint.
    #[cbor(n(16), with = "minicbor::bytes")]
    pub salt: Option<Salt>,
    /// The request for a time reset that waits.
    #[n(17)]
    pub time_request: Option<Pending>,
    /// Signs that somebody else uses the client id.
    #[n(18)]
    pub shared: Option<SharedRecord>,
    /// When the user was told last how the product stands.
    #[n(19)]
    pub reminded_at: Option<Timestamp>,
    /// Hosts that were asked since the last answer that was accepted, and gave none; the one asked longest ago first.
    #[n(20)]
    pub unhelpful: Option<Vec<String>>,
}

impl Record {
    /// That of an edition which was never used.
    pub fn new(mark: Mark) -> Record {
        Record {
            first_use: None,
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
            salt: None,
            time_request: None,
            shared: None,
            reminded_at: None,
            unhelpful: None,
        }
    }

    /// The request that waits where one of this kind does: one for the time does not replace the other.
    pub fn waiting(&self, act: Act) -> &Option<Pending> {
        if act == Act::ResetTime { &self.time_request } else { &self.pending }
    }

    /// The same, to be changed.
    pub fn waiting_mut(&mut self, act: Act) -> &mut Option<Pending> {
        if act == Act::ResetTime { &mut self.time_request } else { &mut self.pending }
    }

    /// No time but the mark stays later than `now`.
    pub fn cut_times(&mut self, now: Timestamp) {
        let cut = |time: &mut Timestamp| *time = now.min(*time);
        let times = [&mut self.first_use, &mut self.last_contact, &mut self.next_attempt, &mut self.reminded_at];
        times.into_iter().flatten().for_each(cut);
        [&mut self.pending, &mut self.time_request].into_iter().flatten().for_each(|request| cut(&mut request.made_at));
        if let Some(held) = &mut self.held {
            cut(&mut held.received_at);
            held.out_of_tolerance_since.iter_mut().for_each(cut);
        }
        self.host.iter_mut().for_each(|host| cut(&mut host.at));
        self.last_refusal.iter_mut().for_each(|refusal| cut(&mut refusal.at));
        self.shared.iter_mut().for_each(|shared| cut(&mut shared.last_at));
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

/// An installed MAK, or the wish for an activation by one that a host's administrator adds.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Mak {
    /// `None` where this machine never sees the MAK.
    #[n(1)]
    pub last_five: Option<String>,
    /// The whole key, until it has been used.
    #[n(2)]
    pub secret: Option<String>,
}

impl Mak {
    pub fn installed(key: &ProductKey) -> Mak {
        Mak { last_five: Some(key.last_five()), secret: Some(key.reveal()) }
    }

    /// The one that a host's administrator adds.
    pub fn by_proxy() -> Mak {
        Mak { last_five: None, secret: None }
    }

    pub fn is_by_proxy(&self) -> bool {
        self.last_five.is_none()
    }
}

/// A request that was signed and not answered; a retry sends the same bytes.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Pending {
    #[n(1)]
    pub request: ByteVec,
    #[n(2)]
    pub made_at: Timestamp,
    /// It was written to a file, or a host has collected it: people carry it, so it may take weeks.
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
    /// The facts about the machine that the request carried.
    #[n(4)]
    pub facts: Option<Vec<Fact>>,
    /// Since when the machine is another than they say.
    #[n(5)]
    pub out_of_tolerance_since: Option<Timestamp>,
}

/// Signs that somebody else uses the client id; old ones count for nothing.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct SharedRecord {
    #[n(1)]
    times: u32,
    #[n(2)]
    pub last_at: Timestamp,
}

/// How long a sign counts, in seconds.
const SIGN_SECS: u64 = 30 * DAY;

impl SharedRecord {
    /// How many signs there have been, as long as the last one is no older than [`SIGN_SECS`].
    pub fn times(&self, now: Timestamp) -> Option<u32> {
        (now.secs_since(self.last_at) < SIGN_SECS).then_some(self.times)
    }

    /// One sign more.
    pub fn and_one(before: Option<&SharedRecord>, now: Timestamp) -> SharedRecord {
        let times = before.and_then(|before| before.times(now)).unwrap_or_default();
        SharedRecord { times: times.saturating_add(1), last_at: now }
    }
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
    #[n(4)]
    pub via: Option<Via>,
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

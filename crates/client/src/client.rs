//! One edition on one machine: what it holds, and how it stands.
//!
//! What is in memory is a copy of the state file. Whoever changes it holds the lock of the publisher's directory, reads the
//! file again first, and replaces it as a whole; so processes may come and go as they like.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keymuster_core::coverage;
use keymuster_core::invalid::Invalid;
use keymuster_core::key::{KeyKind, ProductKey};
use keymuster_core::refusal::Refusal;
use keymuster_core::request::Act;
use keymuster_core::state::{Holding, State};
use keymuster_core::time::Timestamp;

use crate::answer::{Held, Reader};
use crate::env::Env;
use crate::error::Error;
use crate::opening::Opening;
use crate::product::Product;
use crate::record::{Identity, IdentityRecord, Mak, MarkRecord, Record};
use crate::reminder::Reminder;
use crate::settings::{SettingFault, Settings, SettingsFile, TokenDirectory};
use crate::status::{HeldLease, KnownHost, LastRefusal, Notice, Status, Tried, Via, Way};
use crate::store::{Found, IDENTITY, Stamp, Store, state_name};

/// Held for the moment of a write.
pub(crate) const WRITE_LOCK: &str = "lock";

/// One edition on this machine. Clones are the same client; it may be shared between threads.
///
/// Opening it is the first use, from which the grace counts.
///
/// ```
/// use keymuster_client::{Client, Product, Settings};
/// # let directory = tempfile::tempdir().unwrap();
/// # let store = directory.path().to_path_buf();
/// let trust = include_str!("../examples/aurora.trust");
/// let pack = include_bytes!("../examples/aurora.pack");
/// let product = Product::new(trust, pack, "desk-pro-2026")?;
/// let client = Client::open_with(product, Settings { store, ..Settings::default() })?;
/// let status = client.status();
/// assert!(status.state.may_run());
/// assert!(status.state.to_string().starts_with("in grace until"));
/// # Ok::<(), keymuster_client::Error>(())
/// ```
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub product: Product,
    pub settings: Settings,
    pub settings_file: SettingsFile,
    pub tokens: TokenDirectory,
    pub store: Store,
    state_name: String,
    /// Locked for moments only, never while waiting for a disk's write, another process or the network.
    loaded: Mutex<Loaded>,
}

/// The store's content, as far as this client needs it.
#[derive(Clone)]
pub(crate) struct Loaded {
    /// After re-arming, one that nobody has used yet, until a product starts.
    pub identity: Identity,
    is_identified: bool,
    /// How often the installation was re-armed.
    pub rearms: u32,
    /// When this process noticed that the installation was re-armed; `None` once this edition has begun anew.
    pub rearmed_at: Option<Timestamp>,
    pub reader: Reader,
    pub record: Record,
    pub held: Option<Held>,
    held_invalid: Option<Invalid>,
    pub read_only: Option<String>,
    stamps: [Option<Stamp>; 2],
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({} of {})", self.shared.product.edition().id, self.shared.product.publisher())
    }
}

impl Client {
    /// Opens the client of a product, with the settings of the environment.
    pub fn open(product: Product) -> Result<Client, Error> {
        Client::open_with(product, Settings::from_environment()?)
    }

    /// Opens the client of a product.
    ///
    /// A store that cannot be written is enough where the product was used before; [`Status::notices`] says so then.
    pub fn open_with(product: Product, settings: Settings) -> Result<Client, Error> {
        Client::opened(product, settings, |opening| opening.load())
    }

    /// Opens the client of a product for somebody who looks at it, such as the `keymuster` command: an installation that
    /// was [re-armed](Client::rearm) is shown as it is, and does not begin anew.
    pub fn look(product: Product, settings: Settings) -> Result<Client, Error> {
        Client::opened(product, settings, |opening| opening.look())
    }

    fn opened(
        product: Product,
        settings: Settings,
        open: impl FnOnce(&Opening<'_>) -> Result<Loaded, Error>,
    ) -> Result<Client, Error> {
        let store = Store::of(&settings.store, product.publisher());
        let loaded = open(&Opening { product: &product, settings: &settings, store: &store })?;
        let state_name = state_name(product.edition().id.as_str());
        let settings_file = SettingsFile::of(&settings.store);
        let tokens = TokenDirectory::of(&settings.tokens);
        let shared = Shared { product, settings, settings_file, tokens, store, state_name, loaded: Mutex::new(loaded) };
        Ok(Client { shared: Arc::new(shared) })
    }

    /// The product.
    pub fn product(&self) -> &Product {
        &self.shared.product
    }

    /// How the client stands now. It touches neither network nor disk, except to see whether another process has changed
    /// the state.
    pub fn status(&self) -> Status {
        let loaded = self.current();
        let Shared { product, settings, store, state_name, .. } = &*self.shared;
        let Loaded { record, held, .. } = &loaded;
        let time = record.mark.mark().effective(settings.env.reading());
        let state = State::of(&loaded.holding(), product.rules(), time.now);
        let lease = held.as_ref().and_then(Held::lease);
        let in_force = self.in_force(&loaded);
        let help_url = in_force.help_url();
        Status {
            state,
            publisher: product.publisher().clone(),
            edition: product.edition().id.clone(),
            edition_name: product.edition().name.clone(),
            client: loaded.is_identified.then_some(loaded.identity.client),
            rearms_left: loaded.rearms_left(product),
            way: way(record),
            now: time.now,
            time_suspect: time.suspect,
            features: features(state, &loaded, product),
            lease: lease.map(|(lease, entitlement)| HeldLease {
                kind: lease.kind,
                host: lease.position.host,
                customer: entitlement.customer_name.clone(),
                issued: lease.issued,
                count: lease.count,
                threshold: lease.threshold,
                pool: lease.seat.as_ref().map(|seat| seat.pool.clone()),
            }),
            host: record.host.clone().map(|host| KnownHost {
                address: host.address,
                found_by: host.found_by,
                at: host.at,
                via: host.via,
            }),
            last_contact: record.last_contact,
            last_refusal: record.last_refusal.clone().map(|refusal| LastRefusal {
                code: refusal.code,
                detail: refusal.detail,
                at: refusal.at,
                host: refusal.host,
            }),
            next_attempt: record.next_attempt,
            trail: record
                .trail
                .iter()
                .cloned()
                .map(|tried| Tried { what: tried.what, outcome: tried.outcome })
                .collect(),
            reminder: Reminder::of(
                product.edition().name.as_str(),
                state,
                help_url.as_ref(),
                record.reminded_at,
                time.now,
            ),
            help_url,
            notices: notices(&loaded, time.now, in_force.faults),
            store: store.path(state_name),
        }
    }

    /// Installs a product key: the edition's setup key, so that a host is asked, or a MAK, so that the authority is asked.
    /// Nothing is sent. A lease or activation that is held stays.
    ///
    /// A MAK is kept until it has been used, in a file that only its owner can read; afterwards its last five symbols are.
    ///
    /// ```
    /// # use keymuster_client::{Client, Error, Product, Settings};
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let settings = Settings { store: directory.path().to_path_buf(), ..Settings::default() };
    /// # let trust = include_str!("../examples/aurora.trust");
    /// # let product = Product::new(trust, include_bytes!("../examples/aurora.pack"), "desk-pro-2026")?;
    /// let setup_key = product.edition().setup_key.key().reveal();
    /// let client = Client::open_with(product, settings)?;
    /// client.install_key(&setup_key)?;
    /// let error = client.install_key("GDVC8-QHX68-689TG-DTXQ8-6K264").unwrap_err();
    /// assert_eq!(error.to_string(), r#"group 3, symbol 2: "8" looks wrong, did you mean "9"?"#);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn install_key(&self, text: &str) -> Result<Status, Error> {
        let key = ProductKey::parse(text).map_err(Error::Key)?;
        let product = &self.shared.product;
        let kind = coverage::check_client_key(&key, product.edition(), product.catalogue());
        let kind = kind.map_err(Error::KeyRefused)?;
        self.check_way(if kind == KeyKind::Mak { Act::Mak } else { Act::Activate })?;
        let mak = (kind == KeyKind::Mak).then(|| Mak::installed(&key));
        self.update(|record| {
            record.mak = mak;
            record.pending = None;
            record.next_attempt = None;
        })?;
        Ok(self.status())
    }

    pub(crate) fn wrong_way(why: &'static str) -> Error {
        Error::KeyRefused(Refusal::WrongWay { why })
    }

    /// A copy of what is held, after another process's changes, if there were any.
    pub(crate) fn current(&self) -> Loaded {
        let mut loaded = self.lock();
        self.refresh(&mut loaded);
        loaded.clone()
    }

    /// Changes the record: reads it again, raises the mark, applies `change` and stores the result before anybody sees it.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut Record) -> T) -> Result<T, Error> {
        let Shared { store, state_name, settings, .. } = &*self.shared;
        let _write = store.lock(WRITE_LOCK)?;
        let mut loaded = self.current();
        if loaded.rearmed_at.is_some() {
            loaded = Opening { product: &self.shared.product, settings, store }.begin()?;
        }
        loaded.record.mark = MarkRecord::of(&loaded.record.mark.mark().raised(settings.env.reading()));
        let result = change(&mut loaded.record);
        store.write_record(state_name, &loaded.record)?;
        loaded.take(loaded.record.clone());
        loaded.stamp(store, state_name);
        *self.lock() = loaded;
        Ok(result)
    }

    fn lock(&self) -> MutexGuard<'_, Loaded> {
        self.shared.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads identity and state again if a file has changed. One that is damaged or gone is no reason to forget what is
    /// known: the next update writes the state anew.
    fn refresh(&self, loaded: &mut Loaded) {
        let Shared { product, settings, store, state_name, .. } = &*self.shared;
        let stamps = stamps(store, state_name);
        if stamps == loaded.stamps {
            return;
        }
        let found = (store.read_record(IDENTITY), store.read_record(state_name));
        if let (Ok(Found::Record(identity)), Ok(Found::Record(record))) = found {
            let mut anew = Loaded::of(&identity, record, product, &settings.env);
            anew.read_only = loaded.read_only.take();
            if let Some(at) = anew.rearmed_at {
                // A product that was running goes on, in a grace from the moment at which it noticed.
                let was_rearmed = loaded.rearmed_at.is_some();
                anew.rearmed_at = loaded.rearmed_at.or(anew.rearmed_at);
                anew.record.first_use = if was_rearmed { loaded.record.first_use } else { Some(at) };
            }
            *loaded = anew;
        }
        loaded.stamps = stamps;
    }
}

/// Identity and state.
fn stamps(store: &Store, state_name: &str) -> [Option<Stamp>; 2] {
    [store.stamp(IDENTITY), store.stamp(state_name)]
}

impl Loaded {
    /// What was just read: an installation in use, or one that was re-armed and has not begun anew.
    pub fn of(identity: &IdentityRecord, record: Record, product: &Product, env: &Env) -> Loaded {
        let (found, is_in_use) = (identity.identity(), record.first_use.is_some());
        let is_identified = found.is_some();
        let whose = found.unwrap_or_else(|| Identity::random(env));
        let mut loaded = Loaded::new(whose, identity.rearms(), record, product);
        loaded.is_identified = is_identified;
        if !(is_identified && is_in_use) {
            loaded.rearmed_at = Some(loaded.now(env));
        }
        loaded
    }

    /// An installation in use.
    pub fn new(identity: Identity, rearms: u32, record: Record, product: &Product) -> Loaded {
        let reader = Reader { product: product.clone(), client: identity.client, key: identity.key() };
        let mut loaded = Loaded {
            identity,
            is_identified: true,
            rearms,
            rearmed_at: None,
            reader,
            record: record.clone(),
            held: None,
            held_invalid: None,
            read_only: None,
            stamps: [None; 2],
        };
        loaded.take(record);
        loaded
    }

    /// Notes which files this is the content of.
    pub fn stamp(&mut self, store: &Store, state_name: &str) {
        self.stamps = stamps(store, state_name);
    }

    /// What the state follows from.
    fn holding(&self) -> Holding {
        let since = self.record.held.as_ref().and_then(|held| held.out_of_tolerance_since);
        let right = self.held.as_ref().map(|held| held.right);
        Holding { first_use: self.record.first_use, right, out_of_tolerance_since: since }
    }

    /// What the client takes the time to be.
    pub fn now(&self, env: &Env) -> Timestamp {
        self.record.mark.mark().effective(env.reading()).now
    }

    /// Whether something valid is held.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.held.as_ref().is_some_and(|held| held.is_valid(now))
    }

    /// Whether an activation by a MAK is held that needs nobody.
    pub fn is_activated(&self, env: &Env) -> bool {
        self.held.as_ref().is_some_and(|held| held.lease().is_none()) && self.is_in_order(env)
    }

    /// Takes over a record that was read or written.
    fn take(&mut self, record: Record) {
        let held = record.held.as_ref().map(|held| self.reader.stored(held)).transpose();
        (self.held, self.held_invalid) = match held {
            Ok(held) => (held, None),
            Err(why) => (None, Some(why)),
        };
        self.record = record;
    }
}

fn way(record: &Record) -> Way {
    match &record.mak {
        None => Way::Host,
        Some(Mak { last_five: None, .. }) => Way::Proxy,
        Some(Mak { last_five: Some(last_five), .. }) => Way::Mak { last_five: last_five.clone() },
    }
}

/// The features of what is held while it is valid; those of the edition in grace; none otherwise.
fn features(state: State, loaded: &Loaded, product: &Product) -> Vec<keymuster_core::id::Slug> {
    use crate::answer::HeldDocument::{Activation, Lease};
    let features = match (state, loaded.held.as_ref().map(|held| &held.document)) {
        (State::Licensed { .. }, Some(Lease(pair))) => &pair.0.features,
        (State::Licensed { .. }, Some(Activation(activation))) => &activation.features,
        (State::Grace { .. }, _) => &product.edition().features,
        _ => &None,
    };
    features.clone().unwrap_or_default()
}

fn notices(loaded: &Loaded, now: Timestamp, faults: Vec<SettingFault>) -> Vec<Notice> {
    let damaged =
        loaded.record.damaged.as_ref().map(|kept_as| Notice::StateDamaged { kept_as: PathBuf::from(kept_as) });
    let invalid = loaded.held_invalid.clone().map(|why| Notice::HeldInvalid { why });
    let read_only = loaded.read_only.clone().map(|why| Notice::StoreReadOnly { why });
    let not_believed = loaded.held.as_ref().is_some_and(|held| held.by_duration);
    let not_believed = not_believed.then_some(Notice::HostTimeNotBelieved);
    let rearmed = loaded.rearmed_at.map(|_| Notice::Rearmed);
    let shared = loaded.record.shared.as_ref().and_then(|shared| Some((shared.times(now)?, shared.last_at)));
    let shared = shared.map(|(times, last_at)| Notice::IdentityShared { times, last_at });
    let differs = loaded.record.host.as_ref().filter(|host| host.via == Some(Via::Differs));
    let differs = differs.map(|host| Notice::CertificateDiffers { host: host.address.clone() });
    let faults = faults.into_iter().map(Notice::SettingIgnored);
    [damaged, invalid, read_only, not_believed, rearmed, shared, differs].into_iter().flatten().chain(faults).collect()
}

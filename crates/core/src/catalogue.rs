//! The catalogue: the publisher's signed list of families, groups, editions and policy. Carried as a licence pack.
//!
//! A [`Catalogue`] that was read or signed is consistent: every number is unique, every reference leads somewhere, and
//! every setup key is the key of its edition.

use std::str::FromStr;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use crate::document::{Document, Extensions};
use crate::entitlement::Cover;
use crate::id::{Label, NotAnId, Slug, check_url};
use crate::key::{KeyKind, ProductKey, publisher_mark};
use crate::lease::LeaseKind;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// A publisher's products and how they are licensed (`docs/spec/documents.md`, 6.2). Signed by an issuer.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Catalogue {
    /// Whose products.
    #[n(1)]
    pub publisher: Slug,
    /// The publisher's name for people.
    #[n(2)]
    pub name: Label,
    /// Rises with each catalogue; whoever holds a higher one refuses a lower one.
    #[n(3)]
    pub version: u32,
    /// When the issuer signed it.
    #[n(4)]
    pub issued: Timestamp,
    /// The oldest version of the host program that can work with it: a [`HostVersion`]; what is none is too new for any.
    #[n(5)]
    pub host_min: Slug,
    /// Where the publisher explains activation to its users.
    #[n(6)]
    pub help_url: Option<Label>,
    /// Times that hold for every edition.
    #[n(7)]
    pub policy: Policy,
    /// What is counted together.
    #[n(8)]
    pub families: Vec<Family>,
    /// What host keys stand for.
    #[n(9)]
    pub groups: Vec<Group>,
    /// What is licensed.
    #[n(10)]
    pub editions: Vec<Edition>,
    /// Additions that this version ignores.
    #[n(100)]
    pub extensions: Option<Extensions>,
}

/// Times, in seconds.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Policy {
    /// Grace from first use, and again after a lease has ended.
    #[n(1)]
    pub grace_secs: u64,
    /// How long a client counts after it asked.
    #[n(2)]
    pub window_secs: u64,
    /// How long a volume lease holds.
    #[n(3)]
    pub lease_secs: u64,
    /// From one renewal to the next.
    #[n(4)]
    pub renew: Interval,
    /// From a refused or failed attempt to the next.
    #[n(5)]
    pub retry: Interval,
    /// How far the clocks of client and host may differ.
    #[n(6)]
    pub skew_secs: u64,
    /// How often an installation may be re-armed.
    #[n(7)]
    pub rearms_max: u8,
}

/// A time that the customer may change within the range that the publisher signed; all in seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Interval {
    /// The publisher's value.
    #[n(1)]
    pub default_secs: u64,
    /// The smallest value that a customer may choose.
    #[n(2)]
    pub min_secs: u64,
    /// The largest value that a customer may choose.
    #[n(3)]
    pub max_secs: u64,
}

/// A family: its groups form one hierarchy, and its clients are counted together.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Family {
    /// Its number.
    #[n(1)]
    pub number: u16,
    /// Its name for machines.
    #[n(2)]
    pub id: Slug,
    /// Its name for people.
    #[n(3)]
    pub name: Label,
}

/// A group: what one host key stands for. It covers itself and every group of its family that has no higher rank and no
/// newer generation.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Group {
    /// Its number, which host keys carry.
    #[n(1)]
    pub number: u16,
    /// Its name for machines.
    #[n(2)]
    pub id: Slug,
    /// Its name for people.
    #[n(3)]
    pub name: Label,
    /// The number of its family.
    #[n(4)]
    pub family: u16,
    /// Its height in the hierarchy: 0 for the lowest.
    #[n(5)]
    pub rank: u8,
    /// Its generation; larger is newer.
    #[n(6)]
    pub generation: u16,
}

/// An edition: what a setup key or a MAK names.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Edition {
    /// Its number, which setup keys and MAKs carry.
    #[n(1)]
    pub number: u16,
    /// Its name for machines.
    #[n(2)]
    pub id: Slug,
    /// Its name for people.
    #[n(3)]
    pub name: Label,
    /// The number of its group.
    #[n(4)]
    pub group: u16,
    /// Distinct clients that must have asked within the window before one is activated.
    #[n(5)]
    pub threshold: u32,
    /// How hosts license it.
    #[n(6)]
    pub kind: LeaseKind,
    /// Its public setup key.
    #[n(7)]
    pub setup_key: SetupKey,
    /// Features that every lease for it carries.
    #[n(8)]
    pub features: Option<Vec<Slug>>,
}

/// A product key of kind setup: public, so it may be shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetupKey(ProductKey);

impl SetupKey {
    /// The key, where it is a setup key.
    pub fn new(key: ProductKey) -> Option<SetupKey> {
        (key.fields().kind == KeyKind::Setup).then_some(SetupKey(key))
    }

    /// The product key.
    pub fn key(&self) -> &ProductKey {
        &self.0
    }
}

impl<C> Encode<C> for SetupKey {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.str(&self.0.reveal())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for SetupKey {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let key = ProductKey::parse(d.str()?).map_err(|_| decode::Error::message("not a product key"))?;
        SetupKey::new(key).ok_or_else(|| decode::Error::message("not a setup key"))
    }
}

/// A version of the host program: one to four numbers, joined by dots; a number that is missing is 0.
///
/// ```
/// use keymuster_core::catalogue::HostVersion;
/// let version = |text: &str| text.parse::<HostVersion>();
/// assert!(version("1.10")? > version("1.9.3")?);
/// assert_eq!(version("1.0")?, version("1")?);
/// assert!(version("1.x").is_err());
/// # Ok::<(), keymuster_core::id::NotAnId>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HostVersion([u32; 4]);

impl FromStr for HostVersion {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<HostVersion, NotAnId> {
        let not_one = NotAnId { expected: "a version: one to four numbers joined by dots, such as 1.4.0" };
        let mut numbers = [0; 4];
        let mut places = numbers.iter_mut();
        for part in text.split('.') {
            let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let place = places.next().filter(|_| is_number).ok_or(not_one)?;
            *place = part.parse().map_err(|_| not_one)?;
        }
        Ok(HostVersion(numbers))
    }
}

impl Catalogue {
    /// Whether a host program of version `host` can work with this catalogue (`docs/spec/documents.md`, 6.2).
    pub fn check_host(&self, host: &Slug) -> Result<(), Refusal> {
        // A pre-release counts as its release.
        let released = host.as_str().split('-').next().unwrap_or_default();
        match (released.parse::<HostVersion>(), self.host_min.as_str().parse::<HostVersion>()) {
            (Ok(found), Ok(needed)) if found >= needed => Ok(()),
            _ => Err(Refusal::HostTooOld { host: host.clone(), needed: self.host_min.clone() }),
        }
    }

    /// The edition with this number.
    pub fn edition(&self, number: u16) -> Option<&Edition> {
        self.editions.iter().find(|edition| edition.number == number)
    }

    /// The edition with this name for machines.
    pub fn edition_named(&self, id: &str) -> Option<&Edition> {
        self.editions.iter().find(|edition| edition.id.as_str() == id)
    }

    /// The group with this number.
    pub fn group(&self, number: u16) -> Option<&Group> {
        self.groups.iter().find(|group| group.number == number)
    }

    /// The group of an edition of this catalogue.
    pub fn group_of(&self, edition: &Edition) -> Option<&Group> {
        self.group(edition.group)
    }

    fn check_groups(&self) -> Result<(), String> {
        unique("family number", self.families.iter().map(|family| family.number))?;
        unique("family", self.families.iter().map(|family| family.id.as_str()))?;
        unique("group number", self.groups.iter().map(|group| group.number))?;
        unique("group", self.groups.iter().map(|group| group.id.as_str()))?;
        for group in &self.groups {
            if !self.families.iter().any(|family| family.number == group.family) {
                return Err(format!("group {} belongs to family {}, which does not exist", group.id, group.family));
            }
        }
        Ok(())
    }

    fn check_editions(&self) -> Result<(), String> {
        unique("edition number", self.editions.iter().map(|edition| edition.number))?;
        unique("edition", self.editions.iter().map(|edition| edition.id.as_str()))?;
        for edition in &self.editions {
            let Edition { id, number, .. } = edition;
            if self.group_of(edition).is_none() {
                return Err(format!("edition {id} belongs to group {}, which does not exist", edition.group));
            }
            if edition.threshold == 0 {
                return Err(format!("the threshold of edition {id} is 0; the lowest is 1"));
            }
            let fields = edition.setup_key.key().fields();
            if fields.number != *number || fields.mark != publisher_mark(&self.publisher) {
                return Err(format!("the setup key of edition {id} belongs to another edition or publisher"));
            }
        }
        Ok(())
    }
}

impl Policy {
    fn check(&self) -> Result<(), String> {
        for (name, interval) in [("renew", self.renew), ("retry", self.retry)] {
            let Interval { default_secs, min_secs, max_secs } = interval;
            if min_secs == 0 || !(min_secs <= default_secs && default_secs <= max_secs) {
                return Err(format!("the values of {name} are not 0 < minimum <= default <= maximum"));
            }
        }
        if self.lease_secs == 0 || self.window_secs == 0 {
            return Err("lease and window last at least one second".into());
        }
        Ok(())
    }
}

impl Document for Catalogue {
    const TYPE: &'static str = "keymuster-catalogue+cose";
    const SIZE_MAX: usize = 256 * 1024;

    fn check(&self) -> Result<(), String> {
        check_url("help_url", self.help_url.as_ref())?;
        self.policy.check()?;
        self.check_groups()?;
        self.check_editions()
    }
}

impl Group {
    /// What a host key of this group covers, with an agreed threshold if there is one.
    pub fn cover(&self, threshold: Option<u32>) -> Cover {
        Cover { group: self.number, family: self.family, rank: self.rank, generation: self.generation, threshold }
    }
}

impl Cover {
    /// Whether this covers a group: the same family, no higher rank, no newer generation.
    ///
    /// ```
    /// # use keymuster_core::entitlement::Cover;
    /// # use keymuster_core::catalogue::Group;
    /// let server_b = Cover { group: 12, family: 1, rank: 2, generation: 2024, threshold: None };
    /// let client = Group { number: 10, id: "client-2022".parse()?, name: "Client".parse()?, family: 1, rank: 0,
    ///     generation: 2022 };
    /// assert!(server_b.includes(&client));
    /// assert!(!server_b.includes(&Group { generation: 2026, ..client }));
    /// # Ok::<(), keymuster_core::id::NotAnId>(())
    /// ```
    pub fn includes(&self, group: &Group) -> bool {
        self.family == group.family && group.rank <= self.rank && group.generation <= self.generation
    }
}

/// Quadratic, for lists that a document of 256 KiB can hold; the first repeated value is named.
fn unique<T: PartialEq + std::fmt::Display + Copy>(what: &str, values: impl Iterator<Item = T>) -> Result<(), String> {
    let mut seen: Vec<T> = Vec::new();
    for value in values {
        if seen.contains(&value) {
            return Err(format!("{what} {value} is used twice"));
        }
        seen.push(value);
    }
    Ok(())
}

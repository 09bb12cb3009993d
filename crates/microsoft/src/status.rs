//! What the output of slmgr, ospp or `Get-KmsLicenseInfo` means, what is wrong, and what to type next.
//!
//! The output is taken as it comes: labels in English where they are known, otherwise by the form of values and their
//! order, which are the same in every language.

mod json;
mod judge;
mod lines;
mod words;

pub use judge::{Finding, Weight, judge};

use crate::keys::SetupKey;

/// More products than any machine has.
pub const PRODUCTS_MAX: usize = 256;

/// What the output says of one product of one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Product {
    /// Its name, as printed.
    pub name: String,
    /// By which kind of key it is to be activated.
    pub channel: Option<Channel>,
    /// The activation id.
    pub activation_id: Option<String>,
    /// The last five symbols of the installed key.
    pub last_five: Option<String>,
    /// The state of the licence.
    pub state: Option<State>,
    /// Codes in the output: the reason of a notification, an error.
    pub codes: Vec<u32>,
    /// Minutes until the activation or the grace ends.
    pub minutes_left: Option<u64>,
    /// The client machine id.
    pub client_id: Option<String>,
    /// The host that the machine asks.
    pub host: Option<AskedHost>,
    /// Minutes between attempts while it is not activated.
    pub activation_minutes: Option<u64>,
    /// Minutes between renewals.
    pub renewal_minutes: Option<u64>,
    /// What it says as a KMS host.
    pub serving: Option<Serving>,
}

/// By which kind of key a product is to be activated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A setup key: it asks a KMS host or Active Directory.
    Client,
    /// A host key: it is a KMS host.
    Host,
    /// A MAK.
    Mak,
    /// A key of a shop or of a subscription for developers.
    Retail,
    /// A key of the machine's maker.
    Oem,
    /// An evaluation.
    Evaluation,
}

impl Channel {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Channel::Client => "KMS client (setup key)",
            Channel::Host => "KMS host (host key)",
            Channel::Mak => "MAK",
            Channel::Retail => "retail",
            Channel::Oem => "OEM",
            Channel::Evaluation => "evaluation",
        }
    }
}

/// The state of a licence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not licensed, and without a grace.
    Unlicensed,
    /// Licensed.
    Licensed,
    /// In the grace after the installation.
    InitialGrace,
    /// In the grace after an activation ended, or the hardware changed.
    AdditionalGrace,
    /// In the grace of a key that is not genuine.
    NonGenuineGrace,
    /// The grace is over.
    Notification,
    /// In an extended grace.
    ExtendedGrace,
}

impl State {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            State::Unlicensed => "unlicensed",
            State::Licensed => "licensed",
            State::InitialGrace => "initial grace",
            State::AdditionalGrace => "grace after expiry or a change of hardware",
            State::NonGenuineGrace => "grace of a key that is not genuine",
            State::Notification => "notification: the grace is over",
            State::ExtendedGrace => "extended grace",
        }
    }
}

/// Which host a client asks, and who said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskedHost {
    /// Found in DNS.
    Dns(String),
    /// Named by hand; DNS is not asked.
    Named(String),
    /// The output does not say which of both.
    Known(String),
    /// DNS named none.
    NotFound,
}

/// What a KMS host says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Serving {
    /// Machines that it has counted.
    pub count: Option<u64>,
    /// Its port.
    pub port: Option<u64>,
    /// Whether it publishes itself in DNS.
    pub publishes: Option<bool>,
    /// Whether it runs with a low priority.
    pub is_low_priority: Option<bool>,
    /// Requests in all.
    pub requests: Option<u64>,
    /// Requests that failed.
    pub failed: Option<u64>,
}

/// Reads output of any of the tools; empty if there is nothing of theirs in it.
pub fn read(text: &str) -> Vec<Product> {
    let products = json::read(text).unwrap_or_else(|| lines::read(text));
    products.into_iter().filter(|product| *product != Product::default()).take(PRODUCTS_MAX).collect()
}

impl Product {
    /// The public setup key that is installed, by its last five symbols.
    pub fn setup_key(&self) -> Option<&'static SetupKey> {
        crate::keys::by_last_five(self.last_five.as_deref()?)
    }

    /// Whether it is a version of Office, whose commands are those of ospp.vbs.
    pub fn is_office(&self) -> bool {
        self.name.starts_with("Office") || self.name.contains("Microsoft Office")
    }
}

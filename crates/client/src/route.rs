//! From host to host with one request, until one answers in a way that decides (`docs/spec/client-state.md`, 3).

use std::net::SocketAddr;

use keymuster_core::bundle::Bundle;
use keymuster_core::codes::{self, Code};
use keymuster_core::request::Act;
use keymuster_core::time::Timestamp;

use crate::answer::Accepted;
use crate::client::Client;
use crate::discovery::{Candidate, Finder, TARGETS_MAX};
use crate::error::Error;
use crate::record::TriedRecord;
use crate::request::Open;
use crate::settings::HostAddress;
use crate::transport::{Reply, post};

/// What a host did.
pub(crate) enum Outcome {
    Accepted(Box<Accepted>),
    Released,
    TimeStated(Timestamp),
}

/// One way from host to host.
pub(crate) struct Route<'a> {
    client: &'a Client,
    act: Act,
    finder: Finder<'a>,
    /// Looked at before every new connection.
    stop: &'a dyn Fn() -> bool,
    trail: Vec<TriedRecord>,
    /// A request is numbered anew once, or two hosts that disagree would go on for ever.
    renumbered: bool,
    /// Whether the publisher's authority is asked, and no host.
    pub is_for_authority: bool,
    /// The host that has collected the request.
    pub collected_by: Option<Candidate>,
}

/// The port of a URL that names none.
const HTTP_PORT: u16 = 80;

/// Refusals that speak for one host alone: another may serve what this one does not.
static OF_THIS_HOST: [&Code; 6] = [
    &codes::PUBLISHER_UNKNOWN,
    &codes::EDITION_UNKNOWN,
    &codes::EDITION_NOT_COVERED,
    &codes::ENTITLEMENT_EXPIRED,
    &codes::HOST_NOT_ACTIVATED,
    &codes::EXCHANGE_FULL,
];

impl<'a> Route<'a> {
    pub fn new(client: &'a Client, act: Act, stop: &'a dyn Fn() -> bool) -> Route<'a> {
        let finder = client.finder();
        let (is_for_authority, collected_by) = (false, None);
        Route { client, act, finder, stop, trail: Vec::new(), renumbered: false, is_for_authority, collected_by }
    }

    pub fn into_trail(self) -> Vec<TriedRecord> {
        self.trail
    }

    /// Asks one host after the other; DNS only when those at hand did not decide.
    pub fn run(&mut self, mut open: Open) -> Result<(Outcome, Candidate), Error> {
        // A request with a MAK goes to the authority, and one without is for a host to collect.
        self.is_for_authority = self.act == Act::ResetTime || open.signed.key.is_some();
        let record = self.client.current().record;
        let (mut tried, mut errors, mut domains) = (Vec::new(), Vec::new(), Vec::new());
        let mut queue = match self.is_for_authority {
            true => vec![self.authority()?],
            false => self.finder.at_hand(record.host.as_ref(), open.made_at),
        };
        for is_last in [self.is_for_authority, true] {
            for candidate in queue {
                if tried.contains(&candidate.address) || tried.len() == TARGETS_MAX || (self.stop)() {
                    continue;
                }
                tried.push(candidate.address.clone());
                match self.ask(&candidate, &mut open) {
                    Ok(outcome) => return Ok((outcome, candidate)),
                    Err(error) if decides(&error) => {
                        self.collected_by = Some(candidate).filter(|_| is_pending(&error));
                        return Err(error);
                    }
                    Err(error) => errors.push(error),
                }
            }
            if is_last {
                break;
            }
            (queue, domains) = self.finder.search(record.host.as_ref(), &mut self.trail);
        }
        errors.sort_by_key(rank);
        Err(errors.into_iter().next().unwrap_or(Error::HostNotFound { domains }))
    }

    /// Asks one host, and notes what came of it.
    fn ask(&mut self, candidate: &Candidate, open: &mut Open) -> Result<Outcome, Error> {
        let result = self.ask_any(candidate, open);
        let result = if self.is_for_authority { result.map_err(of_authority) } else { result };
        let outcome = match &result {
            Ok(_) => "answered".into(),
            Err(error) => format!("{error} ({})", error.code()),
        };
        self.trail.push(TriedRecord { what: format!("{} ({})", candidate.address, candidate.found_by), outcome });
        result
    }

    /// Asks at one address of a host after the other, until one answers anything.
    fn ask_any(&mut self, candidate: &Candidate, open: &mut Open) -> Result<Outcome, Error> {
        let mut last = Error::HostUnreachable { host: candidate.address.to_string(), why: "no address".into() };
        for address in self.addresses(candidate)? {
            match self.ask_at(address, candidate, open) {
                Err(error @ (Error::HostUnreachable { .. } | Error::ConnectionRefused { .. })) => last = error,
                decided => return decided,
            }
        }
        Err(last)
    }

    fn ask_at(&mut self, address: SocketAddr, candidate: &Candidate, open: &mut Open) -> Result<Outcome, Error> {
        let host = candidate.address.to_string();
        let timeouts = self.client.shared.settings.timeouts;
        let path = if self.act == Act::Release { "/v1/release" } else { "/v1/activate" };
        match (post(address, &host, path, open.signed.bytes(), timeouts), self.act) {
            (Ok(Reply::Done), Act::Release) => Ok(Outcome::Released),
            (Ok(Reply::Bundle(bytes)), Act::Activate | Act::Mak) => {
                let accepted = Bundle::parse(&bytes).and_then(|bundle| self.client.accept(&bundle, open));
                let accepted = accepted.map_err(|why| Error::AnswerInvalid { from: host, why })?;
                Ok(Outcome::Accepted(Box::new(accepted)))
            }
            (Ok(Reply::Bundle(bytes)), Act::ResetTime) => {
                let stated = Bundle::parse(&bytes).and_then(|bundle| self.client.time_stated(&bundle, open));
                Ok(Outcome::TimeStated(stated.map_err(|why| Error::AnswerInvalid { from: host, why })?))
            }
            (Ok(_), _) => Err(Error::NotAKeymusterHost { host, found: "an answer to something else".into() }),
            (Err(Error::Refused(refused)), _) if refused.is(&codes::REQUEST_REPLAYED) && !self.renumbered => {
                self.renumbered = true;
                let seen = refused.number("seen").unwrap_or(u64::MAX);
                match self.client.renumbered(open, seen)? {
                    Some(anew) => {
                        *open = anew;
                        self.ask_at(address, candidate, open)
                    }
                    None => Err(Error::Refused(refused)),
                }
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Where to connect; a MAK goes to this machine alone, because it would go unencrypted.
    fn addresses(&self, candidate: &Candidate) -> Result<Vec<SocketAddr>, Error> {
        let mut addresses = self.finder.addresses(candidate)?;
        if self.act == Act::Mak && self.is_for_authority {
            addresses.retain(|address| address.ip().is_loopback());
            if addresses.is_empty() {
                return Err(Error::SecretOverPlainHttp { authority: candidate.address.to_string() });
            }
        }
        Ok(addresses)
    }

    fn authority(&self) -> Result<Candidate, Error> {
        let trusted = self.client.product().trust().authority.as_ref();
        let url = self.client.shared.settings.authority.as_ref().or(trusted).ok_or(Error::AuthorityUnknown)?;
        if self.act == Act::Mak && url.starts_with("https://") {
            return Err(Error::SecretOverPlainHttp { authority: url.clone() });
        }
        let host = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let address = host.and_then(|host| HostAddress::parse(host, HTTP_PORT)).ok_or(Error::AuthorityUnknown)?;
        Ok(Candidate::by_hand(address, "set by hand".into()))
    }
}

/// What keeps a client from the authority is mended elsewhere than what keeps it from a host.
fn of_authority(error: Error) -> Error {
    let (authority, why) = match error {
        Error::HostUnreachable { host, why } => (host, why),
        Error::ConnectionRefused { host } => (host, "nothing listens there".into()),
        other => return other,
    };
    Error::AuthorityUnreachable { authority, why }
}

/// Whether no other host is asked after this.
fn decides(error: &Error) -> bool {
    match error {
        Error::Refused(refused) => !OF_THIS_HOST.iter().any(|code| refused.is(code)),
        Error::StateUnwritable { .. } | Error::SecretOverPlainHttp { .. } => true,
        _ => false,
    }
}

/// Whether the host has collected the request and waits for the authority's answer.
fn is_pending(error: &Error) -> bool {
    matches!(error, Error::Refused(refused) if refused.is(&codes::EXCHANGE_PENDING))
}

/// Of several failures the one that says most is returned; those that say alike in the order of the hosts.
fn rank(error: &Error) -> u8 {
    match error {
        Error::Refused(_) => 0,
        Error::AnswerInvalid { .. } => 1,
        Error::HostFailed { .. } => 2,
        Error::NotAKeymusterHost { .. } => 3,
        Error::ConnectionRefused { .. } => 4,
        Error::HostUnreachable { .. } => 5,
        _ => 6,
    }
}

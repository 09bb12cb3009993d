//! From host to host with one request, until one answers in a way that decides (`docs/spec/client-state.md`, 3).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use keymuster_core::bundle::Bundle;
use keymuster_core::codes;
use keymuster_core::lease::Transport;
use keymuster_core::request::Act;
use keymuster_core::time::Timestamp;

use crate::answer::{Accepted, Held};
use crate::client::{Client, Loaded};
use crate::discovery::{Candidate, Finder, TARGETS_MAX};
use crate::error::Error;
use crate::record::{HostRecord, TriedRecord};
use crate::request::Open;
use crate::settings::{HostAddress, Timeouts};
use crate::status::Via;
use crate::tls::{Shown, Whom};
use crate::transport::{Answered, Channel, Reply, To, post};

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
    /// When nothing more is begun, whatever was found.
    end: Instant,
    /// Who was asked, in order.
    pub asked: Vec<HostAddress>,
    /// A request is numbered anew once for each host, or one that is never content would go on for ever.
    renumbered: bool,
    /// Whether the publisher's authority is asked, and no host.
    pub is_for_authority: bool,
    /// The host that has collected the request.
    pub collected_by: Option<Candidate>,
    /// How the grant that was accepted has travelled.
    pub via: Option<Via>,
}

/// The ports of URLs that name none.
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

impl<'a> Route<'a> {
    pub fn new(client: &'a Client, act: Act, stop: &'a dyn Fn() -> bool) -> Route<'a> {
        let finder = client.finder();
        Route {
            client,
            act,
            finder,
            stop,
            trail: Vec::new(),
            end: Instant::now() + client.shared.settings.timeouts.attempt(),
            asked: Vec::new(),
            renumbered: false,
            is_for_authority: false,
            collected_by: None,
            via: None,
        }
    }

    pub fn into_trail(self) -> Vec<TriedRecord> {
        self.trail
    }

    /// Asks one host after the other; DNS only when those at hand did not decide.
    pub fn run(&mut self, mut open: Open) -> Result<(Outcome, Candidate), Error> {
        // A request with a MAK goes to the authority, and one without is for a host to collect.
        self.is_for_authority = self.act == Act::ResetTime || open.signed.key.is_some();
        let record = self.client.current().record;
        let (mut errors, mut domains) = (Vec::new(), Vec::new());
        let mut queue = match self.is_for_authority {
            true => vec![authority(self.client)?],
            false => self.finder.at_hand(record.host.as_ref(), open.made_at),
        };
        for is_last in [self.is_for_authority, true] {
            for candidate in queue {
                if !self.may_ask(&candidate, record.host.as_ref()) {
                    continue;
                }
                self.asked.push(candidate.address.clone());
                match self.ask(&candidate, &mut open) {
                    Ok(outcome) => return Ok((outcome, candidate)),
                    Err(error) if is_hopeless(&error) => return Err(error),
                    Err(error) if self.act == Act::Mak && is_pending(&error) => {
                        self.collected_by = Some(candidate);
                        return Err(error);
                    }
                    Err(error) => errors.push(error),
                }
            }
            if is_last {
                break;
            }
            (queue, domains) = self.finder.search(record.host.as_ref(), self.end, &mut self.trail);
            put_unhelpful_last(&mut queue, record.unhelpful.as_deref().unwrap_or_default());
        }
        Err(self.most_telling(errors).unwrap_or(Error::HostNotFound { domains }))
    }

    /// Whether this host is asked in this attempt. The one that answered last always is: whatever others put into DNS before
    /// it, it has been believed.
    fn may_ask(&self, candidate: &Candidate, last: Option<&HostRecord>) -> bool {
        let is_last = || last.is_some_and(|last| last.address == candidate.address.to_string());
        let is_new = !self.asked.contains(&candidate.address);
        is_new && (self.asked.len() < TARGETS_MAX || is_last()) && Instant::now() < self.end && !(self.stop)()
    }

    /// Of several failures the one that says most. A refusal is signed by nobody, so that where others were asked too, none
    /// keeps the client waiting for longer than a failed attempt would.
    fn most_telling(&self, mut errors: Vec<Error>) -> Option<Error> {
        let usual = Duration::from_secs(self.client.retry().default_secs);
        let told = |error: &Error| match error {
            Error::Refused(refused) => refused.retry_after,
            _ => None,
        };
        let soonest = errors.iter().map(|error| told(error).unwrap_or(usual)).min().filter(|wait| *wait < usual);
        let are_several = errors.len() > 1;
        errors.sort_by_key(rank);
        let mut first = errors.into_iter().next();
        if let (Some(Error::Refused(refused)), true) = (&mut first, are_several) {
            refused.retry_after = soonest;
        }
        first
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
        let timeouts = self.client.shared.settings.timeouts;
        let end = Instant::now() + timeouts.one_host();
        self.renumbered = false;
        for address in self.addresses(candidate)? {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match self.ask_at((address, timeouts.within(left)), candidate, open) {
                Err(error @ (Error::HostUnreachable { .. } | Error::ConnectionRefused { .. })) => last = error,
                decided => return decided,
            }
        }
        Err(last)
    }

    fn ask_at(
        &mut self,
        (address, timeouts): (SocketAddr, Timeouts),
        candidate: &Candidate,
        open: &mut Open,
    ) -> Result<Outcome, Error> {
        let host = candidate.address.to_string();
        let to = To { address, host: &candidate.address, channel: self.channel_to(candidate), timeouts };
        let path = if self.act == Act::Release { "/v1/release" } else { "/v1/activate" };
        let Answered { reply, shown } = post(to, path, open.signed.bytes());
        match (reply, self.act) {
            (Ok(Reply::Done), Act::Release) => Ok(Outcome::Released),
            (Ok(Reply::Bundle(bytes)), Act::Activate | Act::Mak) => {
                let accepted = Bundle::parse(&bytes).and_then(|bundle| self.client.accept(&bundle, open));
                let accepted = accepted.map_err(|why| Error::AnswerInvalid { from: host, why })?;
                self.via = Some(via(shown, accepted.tls_key));
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
                        self.ask_at((address, timeouts), candidate, open)
                    }
                    None => Err(Error::Refused(refused)),
                }
            }
            (Err(error), _) => Err(error),
        }
    }

    /// How this host or the authority is asked.
    fn channel_to(&self, candidate: &Candidate) -> Channel {
        match (self.is_for_authority, candidate.address.tls_only) {
            (true, true) => Channel::TlsOnly(Whom::Vouched),
            (true, false) => Channel::PlainOnly,
            (false, true) => Channel::TlsOnly(Whom::Host),
            (false, false) => channel_to_hosts(&self.client.current()),
        }
    }

    /// Where to connect; a MAK goes to this machine alone where it would go unencrypted.
    fn addresses(&self, candidate: &Candidate) -> Result<Vec<SocketAddr>, Error> {
        let mut addresses = self.finder.addresses(candidate)?;
        if self.act == Act::Mak && self.is_for_authority && !candidate.address.tls_only {
            addresses.retain(|address| address.ip().is_loopback());
            if addresses.is_empty() {
                return Err(Error::SecretOverPlainHttp { authority: candidate.address.to_string() });
            }
        }
        Ok(addresses)
    }
}

/// Where the publisher's authority is asked.
pub(crate) fn authority(client: &Client) -> Result<Candidate, Error> {
    let trusted = client.product().trust().authority.as_ref();
    let url = client.shared.settings.authority.as_ref().or(trusted).ok_or(Error::AuthorityUnknown)?;
    let url = url.trim_end_matches('/');
    let address = match url.strip_prefix("http://") {
        Some(host) => HostAddress::parse(host, HTTP_PORT).filter(|address| !address.tls_only),
        None => HostAddress::parse(url, HTTPS_PORT).filter(|address| address.tls_only),
    };
    let address = address.ok_or(Error::AuthorityUnknown)?;
    Ok(Candidate::by_hand(address, "set by hand".into()))
}

/// How hosts are asked, by what they said in what is held: over TLS once they are known to speak it, and in no other way
/// where the customer wants that.
pub(crate) fn channel_to_hosts(loaded: &Loaded) -> Channel {
    match loaded.held.as_ref().and_then(Held::lease) {
        Some((lease, _)) if lease.transport == Some(Transport::TlsOnly) => Channel::TlsOnly(Whom::Host),
        Some((_, entitlement)) if entitlement.tls_spki.is_some() => Channel::TlsFirst,
        _ => Channel::PlainFirst,
    }
}

/// How an answer has travelled, by the key that its entitlement names.
pub(crate) fn via(shown: Option<Shown>, named: Option<[u8; 32]>) -> Via {
    match (shown, named) {
        (None, _) => Via::Plain,
        (Some(shown), Some(named)) if shown.spki == named => Via::Recognised,
        (Some(Shown { is_vouched: true, .. }), _) => Via::Vouched,
        (Some(_), Some(_)) => Via::Differs,
        (Some(_), None) => Via::Unnamed,
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

/// Whether nobody could do better. Whatever one host says is no reason to leave out the next, since anybody may have led
/// the client to it.
fn is_hopeless(error: &Error) -> bool {
    matches!(error, Error::StateUnwritable { .. } | Error::SecretOverPlainHttp { .. })
}

/// Puts the hosts that were asked in vain behind the others, and among them the one first that was asked longest ago.
fn put_unhelpful_last(queue: &mut [Candidate], unhelpful: &[String]) {
    let place = |candidate: &Candidate| {
        let address = candidate.address.to_string();
        unhelpful.iter().position(|host| *host == address).map_or(0, |place| place + 1)
    };
    queue.sort_by_cached_key(place);
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

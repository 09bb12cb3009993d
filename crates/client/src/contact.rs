//! What a client may be told to do: activate, renew, release, and the same by file (`docs/spec/client-state.md`, 3).

use minicbor::bytes::ByteVec;

use keymuster_core::bundle::Bundle;
use keymuster_core::codes;
use keymuster_core::request::Act;

use crate::answer::Held;
use crate::client::Client;
use crate::error::Error;
use crate::outcome;
use crate::record::Mak;
use crate::request::Open;
use crate::route::{Outcome, Route};
use crate::status::Status;
use crate::store::contact_lock;

impl Client {
    /// Asks for activation now: a host for a lease, or the authority for an activation by the installed MAK; or, if that
    /// was begun with [`activate_by_proxy`](Client::activate_by_proxy), a host for an activation by its administrator's MAK.
    ///
    /// It takes as long as the network takes, at most about a minute. An error changes nothing about what is held.
    ///
    /// ```no_run
    /// # use keymuster_client::{Client, Error, Product};
    /// # fn run(client: Client) {
    /// match client.activate() {
    ///     Ok(status) => println!("{}", status.state),
    ///     Err(Error::Refused(no)) => println!("not yet: {} ({})", no.detail, no.code()),
    ///     Err(error) => println!("{error}; what to do: {}", error.code().remedy),
    /// }
    /// # }
    /// ```
    pub fn activate(&self) -> Result<Status, Error> {
        self.ask(&|| false)
    }

    /// Has this machine activated by a MAK that it never sees: a host collects its request, the host's administrator adds
    /// the MAK and exchanges it with the publisher, and the machine fetches the result. For machines that do not reach the
    /// publisher's authority.
    ///
    /// The first answer is a refusal, `exchange-pending`. [`activate`](Client::activate) and a running
    /// [`keep_alive`](Client::keep_alive) ask again, with the same request for 30 days; installing a key ends it. What is
    /// held stays valid meanwhile.
    ///
    /// ```no_run
    /// # use keymuster_client::{Client, Error};
    /// # fn run(client: Client) {
    /// match client.activate_by_proxy() {
    ///     Err(Error::Refused(no)) if no.name == "exchange-pending" => println!("collected: {}", no.detail),
    ///     Ok(status) => println!("{}", status.state),
    ///     Err(error) => println!("{error}; what to do: {}", error.code().remedy),
    /// }
    /// # }
    /// ```
    pub fn activate_by_proxy(&self) -> Result<Status, Error> {
        self.check_way(Act::Mak)?;
        self.update(|record| {
            if !record.mak.as_ref().is_some_and(Mak::is_by_proxy) {
                record.mak = Some(Mak::by_proxy());
                record.pending = None;
                record.next_attempt = None;
            }
        })?;
        self.activate()
    }

    /// Asks for the next lease now, whether or not it is due. An activation by a MAK needs none.
    pub fn renew(&self) -> Result<Status, Error> {
        self.ask(&|| false)
    }

    /// Gives the lease back to the host, so that another client may have the seat at once. A running
    /// [`keep_alive`](Client::keep_alive) asks for no other until [`activate`](Client::activate) is called.
    pub fn release(&self) -> Result<Status, Error> {
        let _contact = self.shared.store.lock(&self.contact_lock())?;
        if self.current().held.as_ref().and_then(Held::lease).is_none() {
            return Err(Error::NothingToRelease);
        }
        self.attempt(Act::Release, &|| false)?;
        Ok(self.status())
    }

    /// The request for an activation by the installed MAK, as a file to be carried to the publisher. The same file is
    /// made again for 30 days, or until its answer has come.
    pub fn request_file(&self) -> Result<Vec<u8>, Error> {
        let _contact = self.shared.store.lock(&self.contact_lock())?;
        let has_key = self.current().record.mak.is_some_and(|mak| mak.secret.is_some());
        if self.act()? != Some(Act::Mak) || !has_key {
            return Err(Client::wrong_way("a request file is for a MAK, and none is installed that has not been used"));
        }
        self.check_way(Act::Mak)?;
        self.to_file(Act::Mak)
    }

    /// Takes the publisher's answer to [`request_file`](Client::request_file).
    pub fn accept_response(&self, file: &[u8]) -> Result<Status, Error> {
        let _contact = self.shared.store.lock(&self.contact_lock())?;
        let from = "the file";
        let invalid = |why| Error::AnswerInvalid { from: from.into(), why };
        let bundle = Bundle::parse_file(file).map_err(invalid)?;
        let open = self.open_in_file(Act::Mak)?;
        let accepted = self.accept(&bundle, &open).map_err(invalid)?;
        self.update(|record| outcome::keep(record, &accepted, &self.shared.settings.env))?;
        Ok(self.status())
    }

    /// Asks; `stop` is looked at before every new connection.
    pub(crate) fn ask(&self, stop: &dyn Fn() -> bool) -> Result<Status, Error> {
        let _contact = self.shared.store.lock(&self.contact_lock())?;
        if stop() {
            return Ok(self.status());
        }
        self.compare_machine()?;
        if let Some(act) = self.act()? {
            self.attempt(act, stop)?;
        }
        Ok(self.status())
    }

    /// Held during an attempt, so that two processes do not ask at once for one edition.
    pub(crate) fn contact_lock(&self) -> String {
        contact_lock(self.shared.product.edition().id.as_str())
    }

    /// The request of this kind as a file, which gives it more time to be answered.
    pub(crate) fn to_file(&self, act: Act) -> Result<Vec<u8>, Error> {
        let open = self.open_request(act)?;
        self.update(|record| {
            if let Some(waiting) = record.waiting_mut(act) {
                waiting.in_file = true;
            }
        })?;
        let request = ByteVec::from(open.signed.bytes().to_vec());
        Ok(Bundle { client_request: Some(request), ..Bundle::default() }.to_file())
    }

    /// The request of this kind that was written to a file and waits for its answer.
    pub(crate) fn open_in_file(&self, act: Act) -> Result<Open, Error> {
        let loaded = self.current();
        let is_in_file = loaded.record.waiting(act).as_ref().is_some_and(|waiting| waiting.in_file);
        self.pending(&loaded, act).filter(|_| is_in_file).ok_or(Error::NoRequestWaits)
    }

    /// What is to be asked for; nothing where a MAK has done its work.
    pub(crate) fn act(&self) -> Result<Option<Act>, Error> {
        let env = &self.shared.settings.env;
        let loaded = self.current();
        let Some(mak) = &loaded.record.mak else { return Ok(Some(Act::Activate)) };
        if mak.secret.is_some() {
            return Ok(Some(Act::Mak));
        }
        if loaded.is_activated(env) {
            return Ok(None);
        }
        let Some(last_five) = mak.last_five.clone() else { return Ok(Some(Act::Mak)) };
        let is_valid = loaded.is_valid(loaded.now(env)) && loaded.held.as_ref().and_then(Held::lease).is_none();
        let why = if is_valid { &codes::OUT_OF_TOLERANCE } else { &codes::EXPIRED };
        Err(Error::KeyNeeded { last_five, why })
    }

    /// Goes from host to host and writes down what came of it.
    fn attempt(&self, act: Act, stop: &dyn Fn() -> bool) -> Result<(), Error> {
        let env = &self.shared.settings.env;
        let mut route = Route::new(self, act, stop);
        let open = self.check_way(act).and_then(|()| self.open_request(act));
        let result = open.and_then(|open| route.run(open));
        let (is_for_authority, collected_by, via) = (route.is_for_authority, route.collected_by.take(), route.via);
        let asked = std::mem::take(&mut route.asked);
        let trail = route.into_trail();
        match result {
            Ok((outcome, host)) => self.update(|record| {
                record.trail = trail;
                match &outcome {
                    Outcome::Accepted(accepted) => outcome::keep(record, accepted, env),
                    Outcome::Released => outcome::let_go(record),
                    Outcome::TimeStated(_) => unreachable!("only a request for the time is answered so"),
                }
                if !is_for_authority {
                    outcome::remember_host(record, &host, via);
                    record.unhelpful = None;
                }
            }),
            Err(error) => {
                let retry = self.retry();
                // What cannot be written down does not matter more than the error itself.
                let _ = self.update(|record| {
                    record.trail = trail;
                    outcome::note_failure(record, &error, retry, env);
                    if !is_for_authority {
                        outcome::note_unhelpful(record, &asked);
                    }
                    if let Some(host) = &collected_by {
                        outcome::remember_host(record, host, None);
                    }
                });
                Err(error)
            }
        }
    }
}

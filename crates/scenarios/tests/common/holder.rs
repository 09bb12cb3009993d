//! A machine with the newest lease that it holds, which asks as the client library does.

use keymuster_core::document::Signed;
use keymuster_core::lease::Lease;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_scenarios::load::{Answer, Machine};
use keymuster_service::Env;

use super::{Host, Place};

pub struct Holder {
    pub machine: Machine,
    pub held: Option<Signed<Lease>>,
}

impl Holder {
    pub fn new() -> Holder {
        Holder { machine: Machine::new(&Env::system()), held: None }
    }

    pub fn ask(&mut self, place: &Place, host: &Host, edition: u16) -> (Answer, Vec<u8>) {
        let request = self.request(place, Act::Activate, edition);
        (host.activate(&request), request)
    }

    /// Asks and takes the lease, which is verified against the one before.
    pub fn renew(&mut self, place: &Place, host: &Host, edition: u16) {
        let (answer, request) = self.ask(place, host, edition);
        self.held = Some(place.verify(&answer, &request).0);
    }

    pub fn release(&mut self, place: &Place, host: &Host, edition: u16) {
        assert_eq!(host.release(&self.request(place, Act::Release, edition)).status, 204);
        self.held = None;
    }

    pub fn fence(&self) -> u64 {
        self.held.as_ref().unwrap().seat.as_ref().unwrap().fence
    }

    pub fn epoch(&self) -> u64 {
        self.held.as_ref().unwrap().position.epoch
    }

    fn request(&mut self, place: &Place, act: Act, edition: u16) -> Vec<u8> {
        let mut ask = place.ask(&mut self.machine, act, edition);
        if let Some(held) = &self.held {
            ask.previous = Some(held.position);
            ask.fence = held.seat.as_ref().map(|seat| seat.fence);
            ask.extensions = ClientRequest::showing(held.bytes()).filter(|_| act == Act::Activate);
        }
        self.machine.sign(ask)
    }
}

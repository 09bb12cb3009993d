//! What a host answers to the requests of clients: signed bytes over HTTP, to the real program.

use keymuster_core::codes;
use keymuster_core::id::HostId;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::time::{DAY, HOUR};
use keymuster_host::acts;
use keymuster_host::site::Home;
use keymuster_scenarios::fixture::{Publisher, SEAT_EDITION, VOLUME_EDITION};
use keymuster_scenarios::load::{Answer, Machine};
use keymuster_service::Env;
use keymuster_service::console::By;

use super::Row;
use crate::common::{Host, Place};

/// A host that needs one client, and has one seat.
pub struct Served {
    pub place: Place,
    pub host: Host,
}

impl Served {
    pub fn new() -> Served {
        Served::by(Publisher::new(1, 1))
    }

    pub fn by(publisher: Publisher) -> Served {
        let place = Place::new(publisher);
        let host = place.start();
        Served { place, host }
    }

    /// A request of a machine for the volume edition, changed; what the host answers.
    pub fn asked(&self, machine: &mut Machine, change: impl FnOnce(&mut ClientRequest)) -> String {
        let mut body = self.place.ask(machine, Act::Activate, VOLUME_EDITION);
        change(&mut body);
        let path = if body.act == Act::Release { "/v1/release" } else { "/v1/activate" };
        text(&self.host.connect().post(path, &machine.sign(body)).unwrap())
    }

    /// The same for a machine that was never seen before.
    pub fn asked_anew(&self, change: impl FnOnce(&mut ClientRequest)) -> String {
        self.asked(&mut machine(), change)
    }

    /// The host's data directory, as its administrator's acts open it.
    fn home(&self) -> Home {
        Home::open(&self.place.data_dir, &Env::system()).unwrap()
    }

    /// What is granted to a machine, which must be something.
    pub fn granted(&self, machine: &mut Machine, change: impl FnOnce(&mut ClientRequest)) {
        let said = self.asked(machine, change);
        assert!(!said.contains("urn:keymuster:code:"), "{said}");
    }
}

pub fn machine() -> Machine {
    Machine::new(&Env::system())
}

pub fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

fn for_seat(request: &mut ClientRequest) {
    request.edition = SEAT_EDITION;
}

fn seat_back(request: &mut ClientRequest) {
    (request.edition, request.act) = (SEAT_EDITION, Act::Release);
}

/// What a client asks that its administrator's host is to carry to the authority.
fn by_proxy(request: &mut ClientRequest) {
    request.act = Act::Mak;
}

pub const ROWS: &[Row<Served>] = &[
    (&codes::THRESHOLD_NOT_MET, |_| Served::by(Publisher::new(2, 1)).asked_anew(|_| ())),
    (&codes::SEATS_EXHAUSTED, |served| {
        let mut holder = machine();
        served.granted(&mut holder, for_seat);
        let said = served.asked_anew(for_seat);
        served.granted(&mut holder, seat_back);
        said
    }),
    (&codes::SEAT_RECLAIMED, |served| {
        let mut holder = machine();
        served.granted(&mut holder, for_seat);
        let by = By::local_user(Env::system().now());
        let pool = "pool".parse().unwrap();
        let whose = (&served.place.publisher.trust.publisher, &pool);
        acts::seat::reclaim(&mut served.home(), &by, whose, holder.id, &"for a test".parse().unwrap()).unwrap();
        let said = served.asked(&mut holder, for_seat);
        served.granted(&mut holder, seat_back);
        said
    }),
    (&codes::CLIENT_RELEASED, |served| {
        let mut released = machine();
        served.granted(&mut released, |_| ());
        let by = By::local_user(Env::system().now());
        let publisher = &served.place.publisher.trust.publisher;
        acts::client::release(&mut served.home(), &by, publisher, released.id, &"for a test".parse().unwrap()).unwrap();
        served.asked(&mut released, |_| ())
    }),
    (&codes::CLOCK_SKEW, |served| served.asked_anew(|request| request.time = request.time.plus(2 * DAY))),
    (&codes::EDITION_UNKNOWN, |served| served.asked_anew(|request| request.edition = 999)),
    (&codes::ENTITLEMENT_EXPIRED, |_| {
        let mut publisher = Publisher::new(1, 1);
        publisher.stop_at = Some(Env::system().now().minus(HOUR));
        Served::by(publisher).asked_anew(|_| ())
    }),
    (&codes::CLIENTS_EXHAUSTED, |_| {
        let mut publisher = Publisher::new(1, 1);
        publisher.clients_max = Some(1);
        let served = Served::by(publisher);
        served.granted(&mut machine(), |_| ());
        served.asked_anew(|_| ())
    }),
    (&codes::REKEY_REQUIRED, |served| {
        let mut original = machine();
        served.granted(&mut original, |_| ());
        served.asked_anew(|request| request.client = original.id)
    }),
    (&codes::REQUEST_REPLAYED, |served| {
        let mut machine = machine();
        served.granted(&mut machine, |_| ());
        served.asked(&mut machine, |request| request.counter = 0)
    }),
    (&codes::REQUEST_CONFLICT, |served| {
        let (mut machine, mut first) = (machine(), None);
        served.granted(&mut machine, |request| first = Some(request.request));
        served.asked(&mut machine, |request| request.request = first.unwrap())
    }),
    (&codes::REQUEST_FOR_ANOTHER_HOST, |served| {
        served.asked_anew(|request| request.audience = Some(HostId::from_bytes([9; 16])))
    }),
    (&codes::PUBLISHER_UNKNOWN, |served| served.asked_anew(|request| request.publisher = "another".parse().unwrap())),
    (&codes::LEASE_UNKNOWN, |served| served.asked_anew(|request| request.act = Act::Release)),
    (&codes::SEAT_FENCED, |served| {
        let mut machine = machine();
        for change in [for_seat, seat_back, for_seat] {
            served.granted(&mut machine, change);
        }
        served.asked(&mut machine, |request| (request.edition, request.fence) = (SEAT_EDITION, Some(1)))
    }),
    (&codes::POOL_UNKNOWN, |served| {
        served.asked_anew(|request| (request.edition, request.pool) = (SEAT_EDITION, Some("another".parse().unwrap())))
    }),
    (&codes::WRONG_WAY, |served| served.asked_anew(|request| request.act = Act::Rekey)),
    (&codes::EXCHANGE_PENDING, |served| served.asked_anew(by_proxy)),
    (&codes::EXCHANGE_FULL, |served| {
        let now = Env::system().now().as_secs();
        served.place.tamper(&format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) \
             INSERT INTO collected (publisher, client_id, edition, request_id, request, address, collected_at) \
             SELECT 1, i, 1, i, '', '192.0.2.1', {now} FROM n"
        ));
        served.asked_anew(by_proxy)
    }),
];

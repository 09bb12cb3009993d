//! What is done to a network with two hosts and twenty clients, and what the clients must see.
//!
//! The page about reliability shows the same table, from here.

use Fault::*;
use Outcome::{Answers, Refused};

/// Host A, which clients prefer at rest.
pub const A: &str = "host-a";
/// Host B, with a larger number in DNS.
pub const B: &str = "host-b";
/// The name server.
pub const DNS: &str = "dns";
/// The publisher's authority.
pub const AUTHORITY: &str = "authority";

/// Something that is done, and undone afterwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The cable is out of the switch.
    Cable(&'static str),
    /// What comes in over TCP is dropped.
    Drop(&'static str),
    /// Connections are reset.
    Reset(&'static str),
    /// Clients have a route to this host that leads nowhere.
    Blackhole(&'static str),
    /// So many packets of a hundred are lost at the switch.
    Loss(u8),
    /// Killed with signal 9.
    Kill(&'static str),
    /// Stopped in its tracks with SIGSTOP: the system still takes connections.
    Freeze(&'static str),
    /// The name server reads another configuration.
    Names(Names),
    /// A running host is given other numbers in DNS: priority and weight.
    Numbers(&'static str, &'static str),
    /// A running host's clock is put by so much.
    HostClock(&'static str, &'static str),
    /// The clients' clocks are put by so much.
    ClientClocks(&'static str),
    /// Clients have no IPv4 address.
    OnlyV6,
}

/// What the name server says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Names {
    /// What the hosts have entered.
    True,
    /// SERVFAIL, as its zone is broken.
    Failing,
    /// A stranger in host A's place, and host B behind it.
    StrangerFirst,
    /// The stranger in both hosts' places.
    StrangerAlone,
}

/// What clients are told to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask {
    /// `keymuster renew`
    Renew,
    /// `keymuster reset-time`, which asks the authority.
    ResetTime,
}

/// What comes of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// This one answers, and the command exits with 0.
    Answers(&'static str),
    /// The command exits with this code, and names this one of the codes.
    Refused(&'static str, i32),
    /// Either; nothing may be lost.
    Open,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What is done, for people.
    pub what: &'static str,
    pub faults: &'static [Fault],
    pub ask: Ask,
    /// What comes of it for the clients that remember the host which answered last; that is host A.
    pub remembering: Outcome,
    /// And for those that ask DNS each time.
    pub afresh: Outcome,
    /// How long a client may wait for others, by its timeouts, in seconds.
    pub waits_secs: u64,
    /// Whether it is part of the ordinary tests.
    pub is_short: bool,
}

const fn row(what: &'static str, faults: &'static [Fault], outcomes: (Outcome, Outcome), waits_secs: u64) -> Row {
    Row { what, faults, ask: Ask::Renew, remembering: outcomes.0, afresh: outcomes.1, waits_secs, is_short: false }
}

const fn both(outcome: Outcome) -> (Outcome, Outcome) {
    (outcome, outcome)
}

impl Row {
    const fn short(self) -> Row {
        Row { is_short: true, ..self }
    }

    const fn asking(self, ask: Ask) -> Row {
        Row { ask, ..self }
    }
}

/// How long a connection is waited for (3 seconds), at two addresses, one of each family.
const CONNECT: u64 = 2 * 3;
/// How long a frozen host is: its handshake is given up, then its answer in plain HTTP; after that no other address of it.
const FROZEN: u64 = 3 + 3 + 10;
/// How long silent name servers are: two addresses of one, asked twice for two seconds in the whole attempt.
const SILENT_NAMES: u64 = 2 * 2 * 2;
/// When nothing more is begun in an attempt, and what was begun last.
const ATTEMPT: u64 = 4 * (3 + 10 + 2) + FROZEN;

/// The table, in the order of the run; clocks come last, as clients remember the latest time that they saw.
pub const TABLE: &[Row] = &[
    row("nothing", &[], both(Answers(A)), 0).short(),
    row("host A's cable is pulled", &[Cable(A)], both(Answers(B)), CONNECT).short(),
    row("host A drops every packet", &[Drop(A)], both(Answers(B)), CONNECT),
    row("host A resets every connection", &[Reset(A)], both(Answers(B)), 0).short(),
    row("the route to host A is a black hole", &[Blackhole(A)], both(Answers(B)), 0),
    row("host A is killed (kill -9)", &[Kill(A)], both(Answers(B)), 0).short(),
    row("host A is frozen: it takes connections and is silent", &[Freeze(A)], both(Answers(B)), FROZEN),
    row("host B is killed", &[Kill(B)], both(Answers(A)), 0),
    row("both hosts are killed", &[Kill(A), Kill(B)], both(Refused("KM-503", 3)), 0).short(),
    row("both hosts' cables are pulled", &[Cable(A), Cable(B)], both(Refused("KM-502", 3)), 2 * CONNECT),
    row("one packet in five is lost", &[Loss(20)], both(Outcome::Open), ATTEMPT),
    row("the authority is killed", &[Kill(AUTHORITY)], both(Answers(A)), 0).short(),
    row("nothing; clients ask the authority for the time", &[], both(Answers(AUTHORITY)), 0).asking(Ask::ResetTime),
    row("the authority is killed; clients ask it for the time", &[Kill(AUTHORITY)], both(Refused("KM-513", 3)), 0)
        .asking(Ask::ResetTime),
    row("the name server is killed", &[Kill(DNS)], (Refused("KM-511", 3), Refused("KM-501", 3)), 0).short(),
    row("the name server's cable is pulled", &[Cable(DNS)], (Refused("KM-511", 3), Refused("KM-501", 3)), SILENT_NAMES),
    row(
        "the name server answers SERVFAIL",
        &[Fault::Names(Names::Failing)],
        (Refused("KM-511", 3), Refused("KM-501", 3)),
        0,
    ),
    row(
        "DNS leads to a stranger in host A's place, which signs with keys of its own",
        &[Fault::Names(Names::StrangerFirst)],
        both(Answers(B)),
        0,
    )
    .short(),
    row("DNS leads to the stranger alone", &[Fault::Names(Names::StrangerAlone)], both(Refused("KM-505", 5)), 0),
    row("host A's priority is lowered", &[Numbers(A, "20:0")], (Answers(A), Answers(B)), 0).short(),
    row("both have one priority, and B all the weight", &[Numbers(B, "0:65535")], (Answers(A), Answers(B)), 0),
    row("clients have no IPv4 address", &[OnlyV6], both(Answers(A)), 0),
    row("host A's clock is 2 days ahead", &[HostClock(A, "+2d")], both(Answers(B)), 0).short(),
    row("host A's clock is 2 days behind", &[HostClock(A, "-2d")], both(Answers(B)), 0),
    row(
        "both hosts' clocks are 2 days ahead",
        &[HostClock(A, "+2d"), HostClock(B, "+2d")],
        both(Refused("KM-203", 1)),
        0,
    ),
    row("clients' clocks are 3 hours ahead", &[ClientClocks("+3h")], both(Answers(A)), 0),
    row("clients' clocks are 3 hours behind", &[ClientClocks("-3h")], both(Answers(A)), 0),
    row("clients' clocks are 2 days behind", &[ClientClocks("-2d")], both(Refused("KM-203", 1)), 0),
    row("clients' clocks are 2 days ahead", &[ClientClocks("+2d")], both(Refused("KM-203", 1)), 0).short(),
];

/// The table as a document shows it.
pub fn document() -> String {
    let mut text = "| what happens | a client that remembers its host | a client that asks DNS | waits at most |\n\
                    | --- | --- | --- | --- |\n"
        .to_owned();
    for row in TABLE {
        let Row { what, remembering, afresh, waits_secs, .. } = row;
        text += &format!("| {what} | {} | {} | {waits_secs} s |\n", words(*remembering), words(*afresh));
    }
    text
}

fn words(outcome: Outcome) -> String {
    match outcome {
        Answers(A) => "host A answers".to_owned(),
        Answers(B) => "host B answers".to_owned(),
        Answers(_) => "the authority answers".to_owned(),
        Refused(code, exit) => format!("{code}, exit code {exit}"),
        Outcome::Open => "one of them answers, or an error".to_owned(),
    }
}

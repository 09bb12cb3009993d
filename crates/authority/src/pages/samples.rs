//! Rows for sample pages, with the longest names that occur and with none.

use keymuster_core::codes;
use keymuster_core::time::{DAY, Timestamp};

use crate::views::customers::CustomerRow;
use crate::views::hosts::HostRow;
use crate::views::keys::KeyRow;
use crate::views::proposals::ProposalRow;
use crate::views::refusals::RefusalRow;
use crate::views::responses::ResponseRow;
use crate::views::{TakenView, Time};

/// The time of all samples.
pub const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// So many days before the time of the samples.
pub fn ago(days: u64) -> Time {
    NOW.minus(days * DAY).into()
}

/// So many days after it.
pub fn ahead(days: u64) -> Time {
    NOW.plus(days * DAY).into()
}

/// An id that looks as random as real ones.
fn id(n: u64) -> String {
    format!("{:032x}", u128::from(n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

/// The short name of a customer.
fn slug(n: u64) -> String {
    ["muster-works", "nordwind", "shili", "aurelia-clinic"][n as usize % 4].to_owned()
}

/// That something was taken back.
pub fn taken() -> TakenView {
    TakenView { at: ago(3), reason: "the key stood in a public repository".to_owned() }
}

/// A customer.
pub fn customer(n: u64) -> CustomerRow {
    let name =
        ["Muster Works", "Nordwind Industrieanlagen und Förderbandsysteme GmbH & Co. KG", "北京示例科技有限公司"];
    CustomerRow {
        customer: format!("{}-{n}", ["muster-works", "nordwind", "shili"][n as usize % 3]),
        name: name[n as usize % 3].to_owned(),
        added_at: ago(n * 9),
        stopped: (n % 7 == 6).then(taken),
        keys: n % 5,
        hosts: n * 3 % 11,
    }
}

/// A host.
pub fn host(n: u64) -> HostRow {
    HostRow {
        host: id(n),
        name: (n % 4 != 3).then(|| format!("licence-{n:02}.datacentre-frankfurt.example.com")),
        customer: slug(n),
        clients: (n % 5 != 4).then_some(n * 977 % 4000),
        first_seen_at: ago(400 + n),
        last_seen_at: ago(n * 7),
        entitled_until: (n % 6 != 5).then(|| if n.is_multiple_of(3) { ahead(12 + n) } else { ahead(190) }),
        revoked: (n % 6 == 4).then(taken),
    }
}

/// A key; every third is a MAK.
pub fn key(n: u64) -> KeyRow {
    let is_mak = n % 3 == 2;
    KeyRow {
        key: format!("50007820{n:05x}"),
        last_five: ["7M4QX", "KW9RT", "BV6GH", "QD3YF", "X8TPC", "MR2WJ", "H4GVD"][n as usize % 7].to_owned(),
        kind: if is_mak { "mak" } else { "host" },
        customer: slug(n),
        covers: if is_mak { "desk-enterprise-2026" } else { "server-c-2026" }.to_owned(),
        used: if is_mak { 940 + n } else { n % 7 },
        total: if is_mak { 1000 } else { 6 },
        minted_at: ago(n * 4),
        revoked: (n % 5 == 4).then(taken),
    }
}

/// A refusal.
pub fn refusal(n: u64) -> RefusalRow {
    let all = [&codes::MAK_EXHAUSTED, &codes::HOSTS_EXHAUSTED, &codes::KEY_REVOKED, &codes::KEY_UNKNOWN];
    let code = all[n as usize % 4];
    RefusalRow {
        sequence: 1000 - n,
        customer: if n % 4 == 3 { String::new() } else { slug(n) },
        key: if n % 4 == 3 { String::new() } else { format!("50007820{n:05x}") },
        kind: if n.is_multiple_of(2) { "client" } else { "host" }.to_owned(),
        subject: id(n),
        name: n.is_multiple_of(3).then(|| format!("ws-{n:04}.example.com")),
        from: "network 198.51.100.24".to_owned(),
        code: code.name.to_owned(),
        number: format!("KM-{}", code.number),
        meaning: code.sentence,
        remedy: code.remedy,
        detail: [
            "1000 of 1000 activations are used",
            "6 of 6 hosts are used",
            "the key ends in 7M4QX",
            "the id is 50007820a41c7",
        ][n as usize % 4]
            .to_owned(),
        first_at: ago(n + 2),
        last_at: ago(n),
        times: n * n + 1,
    }
}

/// A proposal in each state in turn; the first waits.
pub fn proposal(n: u64) -> ProposalRow {
    let state = ["waits", "done", "confirmed", "withdrawn", "expired"][n as usize % 5];
    let is_over = state != "waits";
    let (kind, subject) = [
        ("stop-customer", "muster-works"),
        ("revoke-key", "500078200002b"),
        ("revoke-host", "9e3779b97f4a7c15f39cc0605cedc835"),
        ("set-limits", "50 hosts, 5000 machines"),
    ][n as usize % 4];
    ProposalRow {
        number: 100 - n,
        kind: kind.to_owned(),
        subject: subject.to_owned(),
        reason: [
            "the contract has ended",
            "the key stood in a public repository",
            "the host was stolen",
            "more hosts than last year",
        ][n as usize % 4]
            .to_owned(),
        hosts: [12, 3, 1, 0][n as usize % 4],
        machines: [14_310, 2_240, 1_177, 0][n as usize % 4],
        proposed_at: ago(2 + n),
        proposed_by: "ada".to_owned(),
        expires_at: ahead(5),
        state,
        ended_at: is_over.then(|| ago(1 + n)),
        ended_by: is_over.then(|| "grace (token nightly)".to_owned()),
    }
}

/// An answer.
pub fn response(n: u64) -> ResponseRow {
    ResponseRow {
        response: format!("{n:016x}"),
        at: ago(n),
        actor: "ada".to_owned(),
        kind: ["host", "client", "exchange", "time"][n as usize % 4].to_owned(),
        subject: id(n),
        customer: (n % 4 != 3).then(|| slug(n)),
        summary: [
            "host licence-01.example.com is certified",
            "client ws-0142.example.com is activated",
            "40 clients are activated, 1 is refused",
            "client lab-07.example.com gets the time",
        ][n as usize % 4]
            .to_owned(),
    }
}

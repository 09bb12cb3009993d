//! The ledger: whether it is what the host has granted, or was found to be an older copy of that.

use keymuster_core::codes;
use keymuster_core::finding::Finding;
use keymuster_core::time::Timestamp;

use crate::views::status::Report;

pub(super) fn examine(report: &Report) -> Finding {
    let Some(returned) = report.set_back() else {
        let (entries, epoch) = (report.ledger_sequence, report.epoch);
        return Finding::well(
            "ledger",
            format!("{entries} entries, epoch {epoch}; keymuster-host ledger prove recomputes it"),
        );
    };
    let at = Timestamp::from_secs(returned.at);
    let proof = returned.proof().unwrap_or_default();
    let seen = format!(
        "on {at} the ledger was found to be an older copy: it ended with entry {}, and {proof}",
        returned.sequence
    );
    let means = match report.no_new_seats_until() {
        Some(until) => format!(
            "what was granted in the lost time is unknown here; a new epoch began, clients keep their leases and seats, and \
             nobody new gets a seat until {}",
            Timestamp::from_secs(until)
        ),
        None => "what was granted in the lost time is unknown here; a new epoch began, clients kept their leases and seats, \
                 and seats are given to everybody again"
            .to_owned(),
    };
    Finding::warning("ledger", seen).because(means, codes::LEDGER_SET_BACK.remedy).coded(&codes::LEDGER_SET_BACK)
}

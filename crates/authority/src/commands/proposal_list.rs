//! `proposal list`: what waits for a second person, and what was taken back before, the newest first.

use clap::Args;
use keymuster_service::table::table;
use serde_json::{Value, json};

use super::Site;
use crate::acts::proposal::expire;
use crate::acts::revoke::reach_words;
use crate::error::Error;
use crate::output::Output;
use crate::store;
use crate::store::proposal::Proposal;

/// The options of `proposal list`.
#[derive(Debug, Args)]
pub struct Options {
    /// How many are shown, from the newest one back
    #[arg(long, value_name = "N", default_value_t = 50)]
    last: u32,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let mut db = site.dir.open_database()?;
        let tx = store::begin(&mut db)?;
        expire(&tx, site.env.now())?;
        let proposals = store::proposal::newest(&tx, None, self.last)?;
        tx.commit()?;
        let rows: Vec<_> = proposals.iter().map(row).collect();
        let values: Vec<Value> = proposals.iter().map(value).collect();
        let head = ["NUMBER", "WHAT", "SUBJECT", "TAKES AWAY", "PROPOSED", "BY", "STATE", "REASON"];
        Ok(Output::new(values.into(), table(head, &rows, "nothing was taken back")))
    }
}

fn row(proposal: &Proposal) -> [String; 8] {
    let state = proposal.end.as_ref().map(|end| format!("{} {} by {}", end.outcome.name(), end.at, end.by));
    [
        proposal.number.to_string(),
        proposal.kind.clone(),
        proposal.subject.clone(),
        reach_words(proposal.reach),
        proposal.proposed_at.to_string(),
        proposal.actor.clone(),
        state.unwrap_or_else(|| "waits".to_owned()),
        proposal.reason.clone(),
    ]
}

fn value(proposal: &Proposal) -> Value {
    json!({
        "number": proposal.number,
        "kind": proposal.kind,
        "subject": proposal.subject,
        "reason": proposal.reason,
        "hosts": proposal.reach.hosts,
        "machines": proposal.reach.machines,
        "proposed_at": proposal.proposed_at.as_secs(),
        "proposed_by": proposal.actor,
        "outcome": proposal.end.as_ref().map(|end| end.outcome.name()),
        "ended_at": proposal.end.as_ref().map(|end| end.at.as_secs()),
        "ended_by": proposal.end.as_ref().map(|end| &end.by),
    })
}

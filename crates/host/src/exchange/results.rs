//! The results of an exchange: activations, verified up to the publisher's root, and refusals, which only explain.
//!
//! Each finds its request by the request's id, so it makes no difference which file brings it, or how often.

use keymuster_core::activation::Activation;
use keymuster_core::bundle::{Bundle, Refused};
use keymuster_core::chain::{Asker, Chain};
use keymuster_core::document::{Signed, signer_of};
use keymuster_core::id::{ClientId, Label, Slug};
use keymuster_core::invalid::Invalid;
use keymuster_core::issuer::Issuer;
use keymuster_service::console::By;
use keymuster_service::console::permission::Handle;
use keymuster_service::database::{self, Failure};
use keymuster_service::sql::Transaction;

use crate::site::{Home, Publisher, Site};
use crate::store::audit;
use crate::store::collected::{self, Collected, Verdict};

/// What one result did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The machine, where it can be told.
    pub client: Option<ClientId>,
    /// Its name, where it has told it.
    pub name: Option<Label>,
    /// The edition, by its name where the catalogue has it.
    pub edition: Option<String>,
    /// What the result is.
    pub fate: Fate,
    /// Whether it was not known before.
    pub is_new: bool,
}

/// What a result is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// The machine gets an activation.
    Activated,
    /// The authority said no.
    Refused {
        /// The name of the code.
        code: String,
        /// The sentence with the numbers.
        detail: String,
    },
    /// An activation that does not verify.
    Invalid(Invalid),
    /// There is no request that it answers.
    Unasked,
}

/// How many results an answer has.
pub fn count(answer: &Bundle) -> usize {
    let lengths = [answer.activations.as_ref().map(Vec::len), answer.refusals.as_ref().map(Vec::len)];
    lengths.into_iter().flatten().sum()
}

/// Takes over the results of an answer, all in one transaction; `told` hears how many are done, of how many.
pub fn take(
    home: &mut Home,
    answer: &Bundle,
    by: &By<Handle>,
    mut told: impl FnMut(usize, usize),
) -> anyhow::Result<Vec<Outcome>> {
    let activations = answer.activations.as_deref().unwrap_or_default();
    let refusals = answer.refusals.as_deref().unwrap_or_default();
    if count(answer) == 0 {
        let found = "a file without them".to_owned();
        anyhow::bail!(Invalid::WrongType { expected: "the results of an exchange", found });
    }
    let tx = database::begin(&mut home.db)?;
    let mut outcomes = Vec::new();
    for refused in refusals {
        outcomes.extend(refuse(&tx, &home.site, refused, by)?);
        told(outcomes.len(), count(answer));
    }
    if !activations.is_empty() {
        let sender = Sender::of(&home.site, answer)?;
        for bytes in activations {
            outcomes.push(sender.activate(&tx, bytes, by)?);
            told(outcomes.len(), count(answer));
        }
    }
    tx.commit()?;
    Ok(outcomes)
}

/// Notes a refusal with the requests that have its id. It is unsigned, so it takes no activation away.
fn refuse(tx: &Transaction<'_>, site: &Site, refused: &Refused, by: &By<Handle>) -> Result<Vec<Outcome>, Failure> {
    let detail = refused.detail.as_ref().map(ToString::to_string).unwrap_or_default();
    let verdict = Verdict::Refused(refused.code.to_string(), detail.clone());
    let fate = Fate::Refused { code: refused.code.to_string(), detail };
    let mut outcomes = Vec::new();
    for kept in collected::of_request(tx, refused.request)? {
        if matches!(kept.result, Some((_, Verdict::Activated(_)))) {
            continue;
        }
        let publisher = site.publishers.iter().find(|publisher| publisher.number == kept.publisher);
        let outcome = Outcome::of(&kept, publisher, fate.clone());
        outcomes.push(note(tx, &kept, &verdict, outcome, by)?);
    }
    if outcomes.is_empty() {
        outcomes.push(Outcome { client: None, name: None, edition: None, fate: Fate::Unasked, is_new: false });
    }
    Ok(outcomes)
}

/// Keeps a result that is new, with its audit entry.
fn note(
    tx: &Transaction<'_>,
    kept: &Collected,
    verdict: &Verdict,
    outcome: Outcome,
    by: &By<Handle>,
) -> Result<Outcome, Failure> {
    if kept.result.as_ref().is_some_and(|(_, known)| known == verdict) {
        return Ok(Outcome { is_new: false, ..outcome });
    }
    collected::set_result(tx, kept, verdict, by.at())?;
    let edition = outcome.edition.as_deref().unwrap_or_default();
    let (act, detail) = match verdict {
        Verdict::Activated(_) => ("client activated", format!("edition {edition}, by exchange")),
        Verdict::Refused(code, _) => ("client refused", format!("edition {edition}, by exchange: {code}")),
    };
    let subject = kept.request.client.to_string();
    audit::record(tx, audit::Act { actor: by.actor(), act, subject: &subject, detail: &detail }, by.at())?;
    Ok(outcome)
}

/// The publisher whose authority has answered.
struct Sender<'a> {
    publisher: &'a Publisher,
    chain: Chain<'a>,
}

impl<'a> Sender<'a> {
    /// The publisher whose root vouches for the issuers of an answer.
    fn of(site: &'a Site, answer: &Bundle) -> Result<Sender<'a>, Invalid> {
        let mut why = Invalid::SignerUnknown;
        for publisher in &site.publishers {
            let known = Chain::new(&publisher.trust, &publisher.pack, None)?.revocations().cloned();
            match Chain::new(&publisher.trust, answer, known) {
                Ok(chain) if !chain.issuers().is_empty() => return Ok(Sender { publisher, chain }),
                Ok(_) => {}
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    fn activate(&self, tx: &Transaction<'_>, bytes: &[u8], by: &By<Handle>) -> Result<Outcome, Failure> {
        let (activation, issuer) = match self.read(bytes) {
            Ok(read) => read,
            Err(why) => {
                let fate = Fate::Invalid(why);
                return Ok(Outcome { client: None, name: None, edition: None, fate, is_new: false });
            }
        };
        let is_asked =
            |kept: &Collected| kept.publisher == self.publisher.number && kept.request.client == activation.client;
        let Some(kept) = collected::of_request(tx, activation.request)?.into_iter().find(is_asked) else {
            let (client, edition) = (Some(activation.client), Some(edition_name(self.publisher, activation.edition)));
            return Ok(Outcome { client, name: None, edition, fate: Fate::Unasked, is_new: false });
        };
        let outcome = |fate| Outcome::of(&kept, Some(self.publisher), fate);
        if let Err(why) = self.check(bytes, &kept) {
            return Ok(Outcome { is_new: false, ..outcome(Fate::Invalid(why)) });
        }
        let answer = Bundle {
            activation: Some(bytes.to_vec().into()),
            issuers: Some(vec![issuer.bytes().to_vec().into()]),
            ..Bundle::default()
        };
        note(tx, &kept, &Verdict::Activated(answer.to_bytes()), outcome(Fate::Activated), by)
    }

    /// An activation by one of the issuers, and that issuer.
    fn read(&self, bytes: &[u8]) -> Result<(Signed<Activation>, &Signed<Issuer>), Invalid> {
        let signer = signer_of::<Activation>(bytes)?;
        let issuer = self.chain.issuers().iter().find(|issuer| issuer.key.signer() == signer);
        let issuer = issuer.ok_or(Invalid::SignerUnknown)?;
        Ok((Signed::verify(bytes, &issuer.key)?, issuer))
    }

    /// Whether the client would take it as the answer to its request.
    fn check(&self, bytes: &[u8], kept: &Collected) -> Result<(), Invalid> {
        let catalogue = &self.publisher.catalogue;
        let asker = Asker {
            client: kept.request.client,
            client_key: kept.request.client_key,
            edition: catalogue.edition(kept.request.edition).ok_or(Invalid::ForAnotherEdition)?,
            catalogue,
            request: Some(kept.request.request),
            held: None,
        };
        self.chain.activation(bytes, &asker).map(|_| ())
    }
}

impl Outcome {
    fn of(kept: &Collected, publisher: Option<&Publisher>, fate: Fate) -> Outcome {
        let number = kept.request.edition;
        let edition = publisher.map_or_else(|| number.to_string(), |publisher| edition_name(publisher, number));
        let (client, name) = (Some(kept.request.client), kept.request.name.clone());
        Outcome { client, name, edition: Some(edition), fate, is_new: true }
    }
}

/// An edition by its name, where the catalogue has it.
pub fn edition_name(publisher: &Publisher, number: u16) -> String {
    let id: Option<&Slug> = publisher.catalogue.edition(number).map(|edition| &edition.id);
    id.map_or_else(|| number.to_string(), ToString::to_string)
}

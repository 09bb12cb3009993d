//! What is wrong with an authority, judged from facts alone; what it shares with a host's doctor is in the service crate.

use keymuster_core::codes;
use keymuster_core::finding::Finding;
use keymuster_core::time::{Timestamp, day_words};

use crate::issuer::WARN_SECS;

/// What is known of an authority that could be loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// Until when the issuer key may sign.
    pub sign_until: Timestamp,
    /// The version of the newest catalogue, if one was signed.
    pub catalogue: Option<u32>,
    /// Whether the root key lies in the data directory.
    pub has_root_key: bool,
    /// The time.
    pub now: Timestamp,
}

/// What came of connecting to a listener.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listener {
    /// Which one, by a name that stays.
    pub name: &'static str,
    /// Where it should answer.
    pub address: String,
    /// Why it does not.
    pub failure: Option<String>,
}

/// What the facts come to.
pub fn examine(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![issuer(facts), catalogue(facts)];
    if facts.has_root_key {
        let means = "who gets this directory and the passphrase can make licences in the publisher's name for ever";
        let next =
            "copy root.key to a medium in a safe, and delete it here; it is needed once a year, for the next issuer";
        findings.push(Finding::warning("root-key", "the root key lies in the data directory").because(means, next));
    }
    findings
}

fn issuer(facts: &Facts) -> Finding {
    const NAME: &str = "issuer";
    let end = day_words(facts.sign_until);
    let next = "keymuster-authority issuer renew with the root key, then start the server again";
    if facts.sign_until <= facts.now {
        let means = "nothing can be signed: no host is certified, and no client activated";
        let finding = Finding::broken(NAME, format!("the issuer key may not sign any more, since {end}"));
        return finding.because(means, next).coded(&codes::ISSUER_EXPIRED);
    }
    let seen = format!("the issuer key may sign until {end}");
    if facts.sign_until.secs_since(facts.now) < WARN_SECS {
        return Finding::warning(NAME, seen).because("after that nothing can be signed", next);
    }
    Finding::well(NAME, seen)
}

fn catalogue(facts: &Facts) -> Finding {
    const NAME: &str = "catalogue";
    match facts.catalogue {
        Some(version) => Finding::well(NAME, format!("version {version} is the newest that was signed")),
        None => Finding::broken(NAME, "no catalogue was signed yet")
            .because("nothing can be granted", "keymuster-authority catalogue sign FILE.toml")
            .coded(&codes::CATALOGUE_MISSING),
    }
}

/// What came of the listeners; the first is the one that hosts and clients are told.
pub fn listeners(listeners: &[Listener]) -> Vec<Finding> {
    let finding = |listener: &Listener| match &listener.failure {
        None => Finding::well(listener.name, format!("{} answers", listener.address)),
        Some(why) => {
            let next =
                "start it: systemctl start keymuster-authority, or keymuster-authority serve; or correct the address";
            Finding::broken(listener.name, format!("nobody answers at {}: {why}", listener.address))
                .because("hosts and clients are answered by files alone", next)
                .coded(&codes::AUTHORITY_UNREACHABLE)
        }
    };
    listeners.iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use keymuster_core::finding::Verdict;

    #[test]
    fn each_fault_has_its_verdict() {
        let now = Timestamp::from_secs(1_800_000_000);
        let sound = Facts { sign_until: now.plus(WARN_SECS), catalogue: Some(3), has_root_key: false, now };
        for (facts, expected) in [
            (sound.clone(), vec![]),
            (Facts { sign_until: now.plus(WARN_SECS - 1), ..sound.clone() }, vec![("issuer", Verdict::Warning)]),
            (Facts { sign_until: now, ..sound.clone() }, vec![("issuer", Verdict::Broken)]),
            (Facts { catalogue: None, ..sound.clone() }, vec![("catalogue", Verdict::Broken)]),
            (Facts { has_root_key: true, ..sound }, vec![("root-key", Verdict::Warning)]),
        ] {
            let found = examine(&facts).into_iter().filter(|one| one.verdict != Verdict::Well);
            assert_eq!(found.map(|one| (one.name, one.verdict)).collect::<Vec<_>>(), expected);
        }
        let listener = |failure| Listener { name: "listener", address: "http://x".into(), failure };
        let found = listeners(&[listener(None), listener(Some("refused".into()))]);
        assert_eq!(found.iter().map(|one| one.verdict).collect::<Vec<_>>(), [Verdict::Well, Verdict::Broken]);
    }
}

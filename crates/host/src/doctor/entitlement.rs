//! The host keys of a publisher, and the entitlements by which the host grants anything.

use keymuster_core::codes;
use keymuster_core::finding::Finding;
use keymuster_core::time::{Timestamp, day_words};

use crate::views::status::{KeyReport, PublisherReport};

const NAME: &str = "entitlement";

pub fn examine(publisher: &PublisherReport, now: u64) -> Vec<Finding> {
    let id = &publisher.id;
    if publisher.keys.is_empty() {
        let finding = Finding::broken("host-key", format!("no host key of {id} is installed")).because(
            "nothing of this publisher is granted",
            format!("keymuster-host install-key --publisher {id}, then keymuster-host activate --publisher {id}"),
        );
        return vec![finding.coded(&codes::HOST_NOT_ACTIVATED)];
    }
    publisher.keys.iter().map(|key| of_key(id, key, now)).collect()
}

fn of_key(publisher: &str, key: &KeyReport, now: u64) -> Finding {
    let subject = format!("{publisher}, the key that ends in {}", key.last_five);
    let activate = format!("keymuster-host activate --publisher {publisher} --key {}", key.last_five);
    if let Some(left_out) = &key.left_out {
        let finding = Finding::broken(NAME, format!("{subject}: its entitlement does not count: {}", left_out.why));
        return match codes::find(left_out.code) {
            Some(code) => finding.coded(code),
            None => finding.because("nothing is granted on it", activate),
        };
    }
    let Some((warn_at, stop_at)) = key.warn_at.zip(key.stop_at) else {
        let (seen, next) = match key.waits_since {
            Some(at) => (
                format!("{subject}: a request was made at {}, and has no answer", Timestamp::from_secs(at)),
                format!("{activate}, or with --response FILE if the request was carried"),
            ),
            None => (format!("{subject}: it was never activated"), activate),
        };
        return Finding::broken(NAME, seen)
            .because("nothing is granted for it", next)
            .coded(&codes::HOST_NOT_ACTIVATED);
    };
    let end = day_words(Timestamp::from_secs(stop_at));
    if stop_at <= now {
        let finding = Finding::broken(NAME, format!("{subject}: the entitlement ended on {end}"));
        return finding.because("nothing is granted on it any more", activate).coded(&codes::ENTITLEMENT_EXPIRED);
    }
    let seen = format!("{subject}: the entitlement ends on {end}");
    if warn_at <= now {
        let means = "after that nothing is granted on it, and leases end then at the latest";
        return Finding::warning(NAME, seen).because(means, activate);
    }
    Finding::well(NAME, seen)
}

#[cfg(test)]
mod tests {
    use keymuster_core::finding::Verdict;

    use super::*;
    use crate::views::status::LeftOut;

    fn key(warn_at: Option<u64>, stop_at: Option<u64>) -> KeyReport {
        KeyReport {
            last_five: "6K264".into(),
            group: "Group".into(),
            covers: vec![],
            customer: None,
            issued_at: None,
            warn_at,
            stop_at,
            clients_max: None,
            tls_key: None,
            left_out: None,
            waits_since: None,
        }
    }

    #[test]
    fn each_standing_of_a_key_is_told_apart() {
        let left_out = Some(LeftOut { code: "signature-invalid", why: "x".into() });
        for (key, verdict, code) in [
            (key(Some(200), Some(300)), Verdict::Well, None),
            (key(Some(100), Some(300)), Verdict::Warning, None),
            (key(Some(50), Some(100)), Verdict::Broken, Some("entitlement-expired")),
            (key(None, None), Verdict::Broken, Some("host-not-activated")),
            (KeyReport { waits_since: Some(5), ..key(None, None) }, Verdict::Broken, Some("host-not-activated")),
            (KeyReport { left_out, ..key(None, None) }, Verdict::Broken, Some("signature-invalid")),
        ] {
            let found = of_key("aurora", &key, 100);
            assert_eq!((found.verdict, found.code.map(|code| code.name)), (verdict, code), "{found:?}");
            assert_eq!(found.next.is_some(), verdict != Verdict::Well);
        }
    }
}

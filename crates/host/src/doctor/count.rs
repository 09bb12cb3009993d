//! Whether enough clients are counted, and for how long they will be.

use keymuster_core::codes;
use keymuster_core::finding::Finding;
use keymuster_core::time::{Timestamp, day_words};

use crate::views::status::{FamilyReport, PublisherReport};

pub fn examine(publisher: &PublisherReport) -> Vec<Finding> {
    // Families of which nothing can be granted have no count to speak of.
    let is_counted = |family: &&FamilyReport| family.count > 0;
    publisher.families.iter().filter(is_counted).map(|family| of_family(&publisher.id, family)).collect()
}

fn of_family(publisher: &str, family: &FamilyReport) -> Finding {
    const NAME: &str = "count";
    let subject = format!("{publisher}, {}", family.id);
    if let Some(warning) = &family.warning {
        let next =
            "start or mend the silent machines, or turn on the product on more; `keymuster-host status` shows them";
        let means = match family.falls_below_at {
            Some(at) => {
                let day = day_words(Timestamp::from_secs(at));
                format!("from {day} on new clients are refused, and renewals too")
            }
            None => "one machine less, and new clients are refused".to_owned(),
        };
        let finding = Finding::warning(NAME, format!("{subject}: {warning}"));
        return finding.because(means, next).coded(&codes::THRESHOLD_NOT_MET);
    }
    let thresholds: Vec<String> = family.thresholds.iter().map(u32::to_string).collect();
    let needed = if thresholds.is_empty() { String::new() } else { format!(", {} needed", thresholds.join(" or ")) };
    Finding::well(NAME, format!("{subject}: {} counted{needed}", family.count))
}

#[cfg(test)]
mod tests {
    use keymuster_core::finding::Verdict;

    use super::*;

    #[test]
    fn a_count_that_will_fall_is_told_before_it_does() {
        let family = |warning: Option<&str>, falls_below_at| FamilyReport {
            id: "os".into(),
            count: 26,
            thresholds: vec![5, 25],
            silent: 3,
            falls_below_at,
            warning: warning.map(str::to_owned),
        };
        let well = of_family("aurora", &family(None, None));
        assert_eq!((well.verdict, &*well.seen), (Verdict::Well, "aurora, os: 26 counted, 5 or 25 needed"));
        let falls = of_family("aurora", &family(Some("26 of 25"), Some(1_796_300_000)));
        assert_eq!(falls.verdict, Verdict::Warning);
        assert!(falls.means.unwrap().starts_with("from 3 December 2026 on"));
        let close = of_family("aurora", &family(Some("26 of 25"), None));
        assert!(close.means.unwrap().starts_with("one machine less"));
    }
}

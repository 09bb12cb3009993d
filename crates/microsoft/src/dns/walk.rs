//! What a client in a domain would do, step by step, as Microsoft documents it.

use super::{DomainSeen, Record, service};

/// The way of a client to a host.
#[derive(Clone, PartialEq, Debug)]
pub struct Walk {
    /// The domain that it is in.
    pub domain: String,
    /// Sentences, in the order of what it does.
    pub steps: Vec<String>,
    /// How it ends.
    pub ending: Ending,
}

/// How it ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    /// It reaches a host sooner or later; whether that is one, and grants, is not known from here.
    Reached {
        /// The hosts that it may reach.
        hosts: Vec<String>,
    },
    /// There is no record: 0x8007232B, the name does not exist.
    NoRecord,
    /// No name server answers: 0x8007267C or 0x8007232A.
    NoAnswer,
    /// No host that a record names can be reached: 0xC004F074.
    NoHost,
}

/// Goes the way of a client in the first of these domains, whose search list has the others.
pub fn walk(domains: &[DomainSeen]) -> Walk {
    let domain = domains.first().map(|seen| seen.domain.clone()).unwrap_or_default();
    let mut steps = vec![
        "if it is a member of an Active Directory domain (Windows 8, Server 2012 and later), it asks a domain controller for \
         an activation object first; records do not show whether there is one, `slmgr /ao-list` does"
            .to_owned(),
        "if a host was set by hand (`slmgr /skms`), it asks that one and no other; otherwise the host that answered last, as \
         long as that one answers"
            .to_owned(),
    ];
    let mut is_silent = false;
    for seen in domains {
        let name = service(&seen.domain);
        match &seen.records {
            Err(why) => {
                is_silent = true;
                steps.push(format!("it asks DNS for {name} and gets no answer ({why})"));
            }
            Ok(records) if records.is_empty() => steps.push(format!("it asks DNS for {name}: there is no record")),
            Ok(records) => {
                steps.push(format!("it asks DNS for {name}: {}", count(records.len())));
                let ending = choose(records, &mut steps);
                return Walk { domain, steps, ending };
            }
        }
    }
    let ending = if is_silent { Ending::NoAnswer } else { Ending::NoRecord };
    steps.push(
        match ending {
            Ending::NoAnswer => "it fails with 0x8007232A or 0x8007267C: the name server is at fault or not reached",
            _ => "it fails with 0x8007232B: the name does not exist",
        }
        .to_owned(),
    );
    Walk { domain, steps, ending }
}

/// The choice among records, by priority and then by weight.
fn choose(records: &[Record], steps: &mut Vec<String>) -> Ending {
    let mut priorities: Vec<u16> = records.iter().map(|record| record.priority).collect();
    priorities.sort_unstable();
    priorities.dedup();
    let mut reached = Vec::new();
    for (place, priority) in priorities.iter().enumerate() {
        let alike: Vec<&Record> = records.iter().filter(|record| record.priority == *priority).collect();
        let shares = shares(&alike);
        let listed: Vec<String> = alike
            .iter()
            .zip(&shares)
            .map(
                |(record, share)| {
                    if alike.len() > 1 { format!("{} ({share} %)", record.place()) } else { record.place() }
                },
            )
            .collect();
        let first = if place == 0 { "it picks" } else { "if none of these answers, it picks" };
        let how = if alike.len() > 1 { ", by weight and chance" } else { "" };
        steps.push(format!("{first} among those of priority {priority}{how}: {}", listed.join(", ")));
        for record in alike {
            let place = record.place();
            match &record.addresses {
                Err(why) => {
                    steps.push(format!("{place}: its address is not known ({why}), so it is struck from the list"))
                }
                Ok(all) if all.is_empty() => {
                    steps.push(format!("{place}: the name has no address, so it is struck from the list"));
                }
                Ok(all) => {
                    let each: Vec<String> =
                        all.iter().map(|(address, reach)| format!("{address}: {}", reach.words())).collect();
                    let then =
                        if record.is_reached() { "it sends its request there" } else { "it is struck from the list" };
                    steps.push(format!("{place} at {}; {then}", each.join(", ")));
                }
            }
            if record.is_reached() {
                reached.push(place);
            }
        }
        if !reached.is_empty() {
            steps.push(
                "the host that answers is remembered and asked first the next time; with a MAK installed none of this \
                 happens"
                    .to_owned(),
            );
            return Ending::Reached { hosts: reached };
        }
    }
    steps.push("it fails with 0xC004F074: no host could be reached".to_owned());
    Ending::NoHost
}

/// How often each is picked first, in percent; where all have weight 0, chance alone decides.
fn shares(records: &[&Record]) -> Vec<u32> {
    let sum: u32 = records.iter().map(|record| u32::from(record.weight)).sum();
    let count = u32::try_from(records.len()).unwrap_or(u32::MAX).max(1);
    let share = |record: &&Record| (u32::from(record.weight) * 100).checked_div(sum).unwrap_or(100 / count);
    records.iter().map(share).collect()
}

fn count(records: usize) -> String {
    if records == 1 { "1 record".to_owned() } else { format!("{records} records") }
}

#[cfg(test)]
mod tests {
    use super::super::Reach;
    use super::super::samples::{domain, record};
    use super::*;

    #[test]
    fn a_client_goes_from_domain_to_domain_and_from_priority_to_priority() {
        let at = |priority, weight, record: Record| Record { priority, weight, ..record };
        let none = || domain("a.example", vec![]);
        let silent = || DomainSeen { domain: "s.example".to_owned(), records: Err("x".to_owned()) };
        let two = domain(
            "b.example",
            vec![
                at(10, 0, record("kms3.b.example", Reach::Open)),
                at(0, 30, record("kms1.b.example", Reach::Refused)),
                at(0, 10, record("kms2.b.example", Reach::Silent)),
            ],
        );
        let closed = domain("c.example", vec![record("kms1.c.example", Reach::Silent)]);
        let reached = Ending::Reached { hosts: vec!["kms3.b.example:1688".to_owned()] };
        for (domains, expected, said) in [
            (vec![none()], Ending::NoRecord, "0x8007232B"),
            (vec![], Ending::NoRecord, "0x8007232B"),
            (vec![none(), silent()], Ending::NoAnswer, "0x8007232A"),
            (vec![closed.clone(), two.clone()], Ending::NoHost, "0xC004F074"),
            (vec![none(), two], reached, "kms1.b.example:1688 (75 %), kms2.b.example:1688 (25 %)"),
        ] {
            let walk = walk(&domains);
            assert_eq!(walk.ending, expected, "{domains:?}");
            assert!(walk.steps.iter().any(|step| step.contains(said)), "{said}: {:#?}", walk.steps);
        }
    }
}

//! What to do next about one domain, the most useful first.

use crate::dns::{Compared, Own, Standing};
use crate::views::dns::{View, ZoneReport};

/// The steps, none where all is well. `may_change` tells whether a key is there.
pub(super) fn next(report: &ZoneReport, may_change: bool) -> Vec<String> {
    let published = report.published.as_ref().map(|at| &at.view);
    let main = published.unwrap_or(&report.seen);
    let mut next = Vec::new();
    match (own(main), own(&report.seen)) {
        (Some(Own::Missing), _) => next.push(enter("enter this host's record", may_change)),
        (Some(Own::Stale), _) => next.push(enter("replace what is out of date", may_change)),
        (Some(Own::Present), Some(Own::Missing | Own::Stale)) => next.push(
            "wait until the name servers that clients ask forget what they have kept, by default an hour; if it stays, let \
             them ask the primary server"
                .to_owned(),
        ),
        _ => {}
    }
    for view in published.into_iter().chain([&report.seen]) {
        if let View::Failed { code, .. } = view {
            let step = format!("see what {code} means: keymuster explain {code}");
            if !next.contains(&step) {
                next.push(step);
            }
        }
    }
    let problems = records(main).iter().filter(|compared| compared.problem.is_some());
    next.extend(problems.map(|compared| see_after(compared, report, may_change)));
    next
}

fn own(view: &View) -> Option<Own> {
    match view {
        View::Shown(comparison) => Some(comparison.own),
        View::Failed { .. } => None,
    }
}

fn records(view: &View) -> &[Compared] {
    match view {
        View::Shown(comparison) => &comparison.records,
        View::Failed { .. } => &[],
    }
}

fn enter(what: &str, may_change: bool) -> String {
    if may_change {
        return format!("{what}: repeat this command with --publish");
    }
    format!(
        "{what}: repeat this command with --publish --key-file FILE, or with --print zone to see what to \
         enter by hand"
    )
}

fn see_after(compared: &Compared, report: &ZoneReport, may_change: bool) -> String {
    let target = &compared.record.target;
    if compared.standing != Standing::Foreign {
        return format!(
            "make {target} reachable for clients at port {}: they would not find this host there",
            compared.record.port
        );
    }
    let how = if may_change {
        format!(": keymuster-host dns --withdraw --zone {} --target {target}, with the key of now", report.zone)
    } else {
        String::new()
    };
    format!("see after the host at {target}, or delete its record if it is gone for good{how}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{Comparison, SrvRecord};
    use crate::views::dns::AtServer;

    fn compared(target: &str, standing: Standing, problem: Option<&str>) -> Compared {
        let record = SrvRecord { priority: 0, weight: 10, port: 1688, target: target.to_owned() };
        Compared { record, standing, problem: problem.map(str::to_owned) }
    }

    fn shown(own: Own, records: &[Compared]) -> View {
        View::Shown(Comparison { own, records: records.to_vec() })
    }

    fn failed() -> View {
        View::Failed { code: "dns-key-mismatch", error: "no".to_owned() }
    }

    #[test]
    fn what_to_do_follows_from_what_is_there() {
        let fine = [compared("a.test", Standing::Own, None), compared("b.test", Standing::Foreign, None)];
        let unreached = [compared("a.test", Standing::Own, Some("no answer"))];
        let gone = [compared("a.test", Standing::Own, None), compared("b.test", Standing::Foreign, Some("no answer"))];
        for (published, seen, may_change, expected) in [
            (Some(shown(Own::Present, &fine)), shown(Own::Present, &fine), true, &[][..]),
            (None, shown(Own::Present, &fine), false, &[]),
            (None, shown(Own::Missing, &[]), false, &["--publish --key-file FILE"]),
            (Some(shown(Own::Missing, &[])), shown(Own::Missing, &[]), true, &["enter this host's record: repeat"]),
            (Some(shown(Own::Stale, &[])), shown(Own::Stale, &[]), true, &["replace what is out of date"]),
            (Some(shown(Own::Present, &fine)), shown(Own::Missing, &[]), true, &["wait until"]),
            (Some(failed()), shown(Own::Missing, &[]), true, &["keymuster explain dns-key-mismatch"]),
            (Some(failed()), failed(), true, &["keymuster explain dns-key-mismatch"]),
            (None, shown(Own::Present, &unreached), false, &["make a.test reachable for clients at port 1688"]),
            (None, shown(Own::Present, &gone), false, &["see after the host at b.test, or delete its record"]),
            (
                Some(shown(Own::Present, &gone)),
                shown(Own::Present, &gone),
                true,
                &["keymuster-host dns --withdraw --zone example.test --target b.test"],
            ),
        ] {
            let zone: crate::dns::DnsName = "example.test".parse().unwrap();
            let expected_record = fine[0].record.clone();
            let name = zone.service();
            let published = published.map(|view| AtServer { server: None, view });
            let report = ZoneReport { zone, name, expected: expected_record, published, seen };
            let found = next(&report, may_change);
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for (step, part) in found.iter().zip(expected) {
                assert!(step.contains(part), "{part:?} is not in {step:?}");
            }
        }
    }
}

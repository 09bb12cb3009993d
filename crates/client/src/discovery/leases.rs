//! What DHCP clients note of their leases, in the two forms that Linux has: those of systemd's and of ISC's client.
//!
//! A lease that has ended says nothing: the machine may be in another network by now.

use keymuster_core::time::Timestamp;

/// More domains of one file do not count; a client searches fewer.
const DOMAINS_MAX: usize = 16;

/// The domains that a file of leases names, the newest lease first.
pub(super) fn domains(text: &str, now: Timestamp) -> Vec<String> {
    let mut domains = if text.contains("lease {") { of_blocks(text, now) } else { of_lines(text) };
    domains.truncate(DOMAINS_MAX);
    domains
}

/// `NAME=VALUE`, as systemd writes it; the file is gone when the lease is.
fn of_lines(text: &str) -> Vec<String> {
    let of = |wanted: &str| -> Vec<String> {
        let values = text.lines().filter_map(|line| line.strip_prefix(wanted)?.strip_prefix('='));
        values.flat_map(str::split_whitespace).map(str::to_owned).collect()
    };
    [of("DOMAINNAME"), of("DOMAIN_SEARCH_LIST")].concat()
}

/// Blocks of statements, as ISC's dhclient writes them, the newest last.
fn of_blocks(text: &str, now: Timestamp) -> Vec<String> {
    let mut blocks: Vec<Vec<String>> = Vec::new();
    for block in text.split("lease {").skip(1) {
        let (mut found, mut is_over) = (Vec::new(), false);
        for line in block.lines().map(str::trim).take_while(|line| *line != "}") {
            if line.starts_with("option domain-name ") || line.starts_with("option domain-search ") {
                // Every second part stands between quotation marks.
                let quoted = line.split('"').skip(1).step_by(2);
                found.extend(quoted.flat_map(str::split_whitespace).map(str::to_owned));
            } else if let Some(when) = line.strip_prefix("expire ") {
                is_over = end(when).is_some_and(|end| end < now);
            }
        }
        if !is_over {
            blocks.push(found);
        }
    }
    blocks.into_iter().rev().flatten().collect()
}

/// When a lease ends: `3 2026/11/25 08:30:00;` in UTC behind the day of the week, or `epoch 1795595400;`. Nothing for
/// `never;` and what is neither.
fn end(text: &str) -> Option<Timestamp> {
    let mut words = text.trim_end_matches(|c: char| c != ';').trim_end_matches(';').split_whitespace();
    let (first, second) = (words.next()?, words.next()?);
    if first == "epoch" {
        return second.trim_end_matches(';').parse().ok().map(Timestamp::from_secs);
    }
    let day = Timestamp::of_day(&second.replace('/', "-"))?;
    let mut parts = words.next()?.split(':').map(|part| part.parse::<u64>().ok());
    let (hours, minutes, secs) = (parts.next()??, parts.next()??, parts.next()??);
    (hours < 24 && minutes < 60 && secs <= 60).then(|| day.plus(hours * 3600 + minutes * 60 + secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(statements: &str) -> String {
        format!("lease {{\n  interface \"eth0\";\n  fixed-address 10.0.0.5;\n{statements}}}\n")
    }

    #[test]
    fn the_newest_lease_comes_first_and_one_that_ended_says_nothing() {
        let now = Timestamp::of_day("2026-11-23").unwrap().plus(8 * 3600);
        let old = "  option domain-name \"old.example\";\n";
        let new = "  option domain-name \"new.example\";\n  option domain-search \"a.example.\", \"b.example.\";\n";
        let ends = |when: &str| block(&format!("{old}  renew 1 2026/11/23 07:00:00;\n  expire {when}\n"));
        for (text, expected) in [
            (block(new), &["new.example", "a.example.", "b.example."][..]),
            (block("  option domain-name \"one.example two.example\";\n"), &["one.example", "two.example"]),
            (ends("1 2026/11/23 07:59:59;"), &[]),
            (ends("1 2026/11/23 08:00:00;"), &["old.example"]),
            (ends("never;"), &["old.example"]),
            (ends("epoch 1; # Thu Jan 1 00:00:01 1970"), &[]),
            (ends("epoch 99999999999; # later"), &["old.example"]),
            (ends("1 2026/13/23 08:00;"), &["old.example"]),
            (ends("1 2026/11/23 07:59:59;") + &block(new), &["new.example", "a.example.", "b.example."]),
            (block(old) + &block(new), &["new.example", "a.example.", "b.example.", "old.example"]),
            ("default-duid \"\\000\";\n".to_owned() + &block(old), &["old.example"]),
            ("lease {\n  option domain-name \"cut".to_owned(), &["cut"]),
            (block("  option domain-name-servers 10.0.0.53;\n  option domain-name x;\n"), &[]),
            ("DOMAINNAME=\nDOMAINNAMES=x\nDOMAIN_SEARCH_LIST=a.example\n".to_owned(), &["a.example"]),
            (String::new(), &[]),
        ] {
            assert_eq!(domains(&text, now), expected, "{text}");
        }
    }

    #[test]
    fn not_all_of_many_count() {
        let many: String = (0..1000).map(|n| format!("d{n}.example ")).collect();
        assert_eq!(domains(&format!("DOMAIN_SEARCH_LIST={many}"), Timestamp::default()).len(), DOMAINS_MAX);
    }
}

//! The order in which the targets of an SRV record are tried (RFC 2782): by priority, then at random by weight.

/// One target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Target {
    pub priority: u16,
    pub weight: u16,
    pub host: String,
    pub port: u16,
}

/// Puts targets into the order in which they are tried; `up_to(n)` draws a number from 0 to n, both included.
pub(crate) fn in_order(mut targets: Vec<Target>, mut up_to: impl FnMut(u64) -> u64) -> Vec<Target> {
    // Targets of weight 0 stand first, which gives them their very small chance.
    targets.sort_by_key(|target| (target.priority, target.weight != 0));
    let mut ordered = Vec::with_capacity(targets.len());
    while let Some(first) = targets.first() {
        let alike = targets.iter().take_while(|target| target.priority == first.priority);
        let weights: Vec<u64> = alike.map(|target| u64::from(target.weight)).collect();
        let drawn = up_to(weights.iter().sum());
        let running = weights.iter().scan(0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        let chosen = running.take_while(|sum| *sum < drawn).count();
        ordered.push(targets.remove(chosen));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Env;

    fn targets(list: &[(u16, u16)]) -> Vec<Target> {
        let target = |(place, (priority, weight)): (usize, &(u16, u16))| -> Target {
            Target { priority: *priority, weight: *weight, host: place.to_string(), port: 1688 }
        };
        list.iter().enumerate().map(target).collect()
    }

    fn names(targets: &[Target]) -> String {
        targets.iter().map(|target| target.host.as_str()).collect()
    }

    #[test]
    fn priority_comes_first_and_the_draw_decides_within_it() {
        for (list, drawn, expected) in [
            (&[][..], 0, ""),
            (&[(0, 0)], 0, "0"),
            (&[(2, 9), (1, 1), (3, 5)], 0, "102"),
            (&[(1, 10), (1, 20)], 0, "01"),
            (&[(1, 10), (1, 20)], 10, "01"),
            (&[(1, 10), (1, 20)], 11, "10"),
            (&[(1, 10), (1, 20)], 30, "10"),
            (&[(1, 10), (1, 0)], 0, "10"),
            (&[(1, 10), (1, 0)], 1, "01"),
        ] {
            let found = in_order(targets(list), |max| drawn.min(max));
            assert_eq!(names(&found), expected, "{list:?} with {drawn}");
        }
    }

    /// The probability of each order of these weights, by RFC 2782: a number from 0 to their sum is drawn, and the first
    /// whose running sum reaches it is next; those of weight 0 stand first.
    fn expected(weights: &[(usize, u64)]) -> Vec<(String, f64)> {
        if weights.is_empty() {
            return vec![(String::new(), 1.0)];
        }
        let sum: u64 = weights.iter().map(|(_, weight)| weight).sum();
        let mut orders = Vec::new();
        for place in 0..weights.len() {
            let reached = |end: usize| weights[..end].iter().map(|(_, weight)| weight).sum::<u64>();
            let draws =
                (0..=sum).filter(|drawn| *drawn <= reached(place + 1) && (place == 0 || *drawn > reached(place)));
            let share = draws.count() as f64 / (sum + 1) as f64;
            let mut rest = weights.to_vec();
            let (name, _) = rest.remove(place);
            orders.extend(
                expected(&rest).into_iter().map(|(after, further)| (format!("{name}{after}"), share * further)),
            );
        }
        orders.retain(|(_, share)| *share > 0.0);
        orders
    }

    const DRAWS: u32 = 50_000;

    /// Pearson's chi-square of the orders that `order` gives, against those that RFC 2782 asks for.
    fn chi_square(list: &[(u16, u16)], mut order: impl FnMut(Vec<Target>) -> Vec<Target>) -> (f64, usize) {
        let mut weights: Vec<(usize, u64)> = list.iter().map(|(_, weight)| u64::from(*weight)).enumerate().collect();
        weights.sort_by_key(|(_, weight)| *weight != 0);
        let expected = expected(&weights);
        let mut seen = std::collections::BTreeMap::<String, u32>::new();
        for _ in 0..DRAWS {
            *seen.entry(names(&order(targets(list)))).or_default() += 1;
        }
        let term = |(name, share): &(String, f64)| {
            let (expected, found) = (share * f64::from(DRAWS), f64::from(seen.get(name).copied().unwrap_or_default()));
            assert!(expected >= 5.0, "chi-square wants more draws for {name}");
            (found - expected).powi(2) / expected
        };
        assert!(seen.keys().all(|name| expected.iter().any(|(known, _)| known == name)), "an order that cannot be");
        (expected.iter().map(term).sum(), expected.len() - 1)
    }

    /// Where one in a thousand true distributions of so many degrees of freedom would lie beyond (Wilson and Hilferty).
    fn limit(degrees: usize) -> f64 {
        let degrees = degrees as f64;
        let spread = 2.0 / (9.0 * degrees);
        degrees * (1.0 - spread + 3.0902 * spread.sqrt()).powi(3)
    }

    #[test]
    fn weights_are_frequencies() {
        assert!((limit(23) - 49.73).abs() < 0.2, "as tables have it");
        for list in [
            &[(1, 60), (1, 30), (1, 10), (1, 0)][..],
            &[(1, 1), (1, 1), (1, 1)],
            &[(1, 0), (1, 5), (1, 0), (1, 5)],
            &[(1, 65535), (1, 32768), (1, 21845)],
        ] {
            let env = Env::fixed(keymuster_core::time::Timestamp::from_secs(0), 7);
            let (found, degrees) = chi_square(list, |targets| in_order(targets, |max| env.up_to(max)));
            assert!(found < limit(degrees), "{list:?}: {found} with {degrees} degrees of freedom");
        }
    }

    #[test]
    fn the_statistics_would_notice_another_distribution() {
        let env = Env::fixed(keymuster_core::time::Timestamp::from_secs(0), 7);
        let list = &[(1, 60), (1, 30), (1, 10), (1, 9)];
        // As if the weight counted for the first place alone, and the rest were shuffled.
        let (found, degrees) = chi_square(list, |targets| {
            let mut ordered = in_order(targets, |max| env.up_to(max));
            let (at, by) = (env.up_to(2) as usize, env.up_to(2) as usize);
            ordered.swap(1 + at, 1 + by);
            ordered
        });
        assert!(found > limit(degrees), "{found} with {degrees} degrees of freedom");
    }

    #[test]
    fn another_priority_comes_last_whatever_is_drawn() {
        let env = Env::fixed(keymuster_core::time::Timestamp::from_secs(0), 7);
        for _ in 0..1000 {
            let ordered = in_order(targets(&[(1, 1), (2, 65535), (1, 0)]), |max| env.up_to(max));
            assert_eq!(ordered.last().unwrap().host, "1");
        }
    }
}

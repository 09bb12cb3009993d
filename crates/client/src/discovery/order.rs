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

    #[test]
    fn weights_are_frequencies() {
        let env = Env::fixed(keymuster_core::time::Timestamp::from_secs(0), 7);
        let list = targets(&[(1, 60), (1, 30), (1, 10), (2, 1000), (1, 0)]);
        let mut firsts = [0_u32; 5];
        let draws = 20_000;
        for _ in 0..draws {
            let ordered = in_order(list.clone(), |max| env.up_to(max));
            assert_eq!(ordered.last().unwrap().host, "3", "the other priority comes last");
            firsts[ordered[0].host.parse::<usize>().unwrap()] += 1;
        }
        // Expected 60, 30 and 10 per cent, less what weight 0 gets (one in 101); five standard deviations are 2 per cent.
        for (place, expected) in [(0, 0.594), (1, 0.297), (2, 0.099), (3, 0.0), (4, 0.0099)] {
            let found = f64::from(firsts[place]) / f64::from(draws);
            assert!((found - expected).abs() < 0.02, "target {place} was first in {found}");
        }
    }
}

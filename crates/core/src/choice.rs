//! What a customer may choose within what its publisher signed.
//!
//! Nothing is clamped: a value outside the range is refused when it is chosen, and one that a later licence pack has put
//! outside counts for nothing, is kept, and is shown so.

use std::collections::BTreeMap;

use crate::catalogue::{Catalogue, Interval};
use crate::id::Label;
use crate::refusal::Refusal;

/// The most clients that a customer may raise a threshold to.
pub const THRESHOLD_MAX: u32 = 1_000_000;

/// A customer's choices for one publisher's products on one host; what is absent was not chosen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Choices {
    /// From one renewal to the next, in seconds.
    pub renew_secs: Option<u64>,
    /// From a refused or failed attempt to the next, in seconds.
    pub retry_secs: Option<u64>,
    /// Thresholds by edition number; they raise, and never lower.
    pub thresholds: BTreeMap<u16, u32>,
    /// Where the customer helps its own users.
    pub help_url: Option<Label>,
    /// Whether clients may ask over TLS only.
    pub is_tls_required: bool,
}

/// A value that counts, and who chose it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Effective<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub source: Source,
}

/// Who chose a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The publisher: the licence pack or the entitlement.
    Publisher,
    /// The customer.
    Customer,
    /// The publisher, because the customer's value is outside what is allowed by now.
    PublisherInstead,
}

impl Interval {
    /// The value that counts.
    ///
    /// ```
    /// use keymuster_core::{catalogue::Interval, choice::Source};
    /// let renew = Interval { default_secs: 604_800, min_secs: 86_400, max_secs: 2_592_000 };
    /// assert_eq!((renew.effective(None).value, renew.effective(None).source), (604_800, Source::Publisher));
    /// assert_eq!(renew.effective(Some(86_400)).source, Source::Customer);
    /// assert_eq!(renew.effective(Some(60)).source, Source::PublisherInstead);
    /// ```
    pub fn effective(&self, chosen: Option<u64>) -> Effective<u64> {
        match chosen {
            None => Effective { value: self.default_secs, source: Source::Publisher },
            Some(secs) if self.allows(secs) => Effective { value: secs, source: Source::Customer },
            Some(_) => Effective { value: self.default_secs, source: Source::PublisherInstead },
        }
    }

    /// Whether a customer may choose this value, in seconds; `name` is the setting's, for the refusal.
    pub fn check(&self, name: &'static str, secs: u64) -> Result<(), Refusal> {
        if self.allows(secs) {
            return Ok(());
        }
        Err(Refusal::SettingOutOfRange { name, value: secs, min: self.min_secs, max: self.max_secs })
    }

    fn allows(&self, secs: u64) -> bool {
        (self.min_secs..=self.max_secs).contains(&secs)
    }
}

impl Choices {
    /// The renewal interval that counts, in seconds.
    pub fn renew(&self, catalogue: &Catalogue) -> Effective<u64> {
        catalogue.policy.renew.effective(self.renew_secs)
    }

    /// The interval between failed attempts that counts, in seconds.
    pub fn retry(&self, catalogue: &Catalogue) -> Effective<u64> {
        catalogue.policy.retry.effective(self.retry_secs)
    }

    /// The threshold that counts, where the publisher demands `signed`.
    pub fn threshold(&self, edition: u16, signed: u32) -> Effective<u32> {
        match self.thresholds.get(&edition) {
            None => Effective { value: signed, source: Source::Publisher },
            Some(raised) if *raised >= signed => Effective { value: *raised, source: Source::Customer },
            Some(_) => Effective { value: signed, source: Source::PublisherInstead },
        }
    }
}

/// Whether a customer may choose this threshold, where the publisher demands `signed`.
pub fn check_threshold(chosen: u32, signed: u32) -> Result<(), Refusal> {
    if (signed..=THRESHOLD_MAX).contains(&chosen) {
        return Ok(());
    }
    let (value, min, max) = (u64::from(chosen), u64::from(signed), u64::from(THRESHOLD_MAX));
    Err(Refusal::SettingOutOfRange { name: "threshold", value, min, max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_raised_and_never_lowered() {
        let choices = Choices { thresholds: BTreeMap::from([(1, 40)]), ..Choices::default() };
        for (edition, signed, expected) in [
            (1, 25, (40, Source::Customer)),
            (1, 40, (40, Source::Customer)),
            (1, 41, (41, Source::PublisherInstead)),
            (2, 25, (25, Source::Publisher)),
        ] {
            let Effective { value, source } = choices.threshold(edition, signed);
            assert_eq!((value, source), expected, "edition {edition}, signed {signed}");
        }
        assert!(check_threshold(25, 25).is_ok() && check_threshold(THRESHOLD_MAX, 25).is_ok());
        for chosen in [0, 24, THRESHOLD_MAX + 1] {
            assert!(matches!(check_threshold(chosen, 25), Err(Refusal::SettingOutOfRange { min: 25, .. })), "{chosen}");
        }
    }
}

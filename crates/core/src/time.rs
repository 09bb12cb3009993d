//! Points in time, as whole POSIX seconds in UTC; time zones and leap seconds stay outside.

use std::fmt;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// One minute, in seconds.
pub const MINUTE: u64 = 60;
/// One hour, in seconds.
pub const HOUR: u64 = 60 * MINUTE;
/// One day, in seconds.
pub const DAY: u64 = 24 * HOUR;

/// Seconds since 1970-01-01T00:00:00Z, at most the last second of the year 9999.
///
/// Arithmetic saturates at both ends, so that a hostile or absurd clock leads to a wrong answer and never to a panic.
///
/// ```
/// use keymuster_core::time::{DAY, Timestamp};
/// let now = Timestamp::from_secs(1_700_000_000);
/// assert_eq!(now.plus(DAY).secs_since(now), DAY);
/// assert_eq!(now.secs_since(now.plus(DAY)), 0);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The last second of the year 9999: the largest value a document may carry.
    pub const MAX: Timestamp = Timestamp(253_402_300_799);

    /// The point `secs` seconds after 1970-01-01T00:00:00Z, cut at [`Timestamp::MAX`].
    pub const fn from_secs(secs: u64) -> Timestamp {
        if secs > Timestamp::MAX.0 { Timestamp::MAX } else { Timestamp(secs) }
    }

    /// The first second of a day that is written as in RFC 3339, if it is one of 1970 or later.
    ///
    /// ```
    /// use keymuster_core::time::Timestamp;
    /// assert_eq!(Timestamp::of_day("2027-01-15").unwrap().to_string(), "2027-01-15T00:00:00Z");
    /// assert_eq!(Timestamp::of_day("2027-02-29"), None);
    /// ```
    pub fn of_day(text: &str) -> Option<Timestamp> {
        let is_form = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let (year, rest) = text.split_once('-').filter(|_| is_form)?;
        let (month, day) = rest.split_once('-')?;
        let (year, month, day): (u64, u64, u64) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
        if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        // Years that begin in March end with the day that only some of them have.
        let (years, months) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let days = 365 * years + years / 4 - years / 100 + years / 400 + (153 * months + 2) / 5 + day - 1;
        // From the first of March of the year 0 to 1970 it is 719468 days.
        let found = Timestamp::from_secs((days - 719_468) * DAY);
        // A day that its month does not have is found as one of the next month.
        found.to_string().starts_with(text).then_some(found)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// This point and `secs` seconds more.
    #[must_use]
    pub const fn plus(self, secs: u64) -> Timestamp {
        Timestamp::from_secs(self.0.saturating_add(secs))
    }

    /// This point and `secs` seconds less.
    #[must_use]
    pub const fn minus(self, secs: u64) -> Timestamp {
        Timestamp(self.0.saturating_sub(secs))
    }

    /// Seconds from `earlier` to this point; 0 if `earlier` is later.
    pub const fn secs_since(self, earlier: Timestamp) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// RFC 3339, in UTC: `2026-11-22T18:48:00Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0 / DAY);
        let second = self.0 % DAY;
        let (hour, minute) = (second / HOUR, second % HOUR / MINUTE);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % MINUTE)
    }
}

impl<C> Encode<C> for Timestamp {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.u64(self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Timestamp {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let secs = d.u64()?;
        if secs > Timestamp::MAX.0 {
            return Err(decode::Error::message("time is after the year 9999"));
        }
        Ok(Timestamp(secs))
    }
}

/// Year, month and day of a count of days since 1970-01-01, in the proleptic Gregorian calendar.
///
/// Years are taken to begin in March, so that the leap day is the last of its year, and 400 of them have 146,097 days.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let since_march_of_year_0 = days + 719_468;
    let era = since_march_of_year_0 / 146_097;
    let day_of_era = since_march_of_year_0 % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

/// A length of time for people: `45 seconds`, `10 minutes`, `2 hours`, `180 days`; the largest unit that divides it evenly.
///
/// ```
/// assert_eq!(keymuster_core::time::duration_words(7200), "2 hours");
/// assert_eq!(keymuster_core::time::duration_words(86_400), "1 day");
/// ```
pub fn duration_words(secs: u64) -> String {
    let (amount, unit) = match secs {
        0 => (0, "second"),
        _ if secs.is_multiple_of(DAY) => (secs / DAY, "day"),
        _ if secs.is_multiple_of(HOUR) => (secs / HOUR, "hour"),
        _ if secs.is_multiple_of(MINUTE) => (secs / MINUTE, "minute"),
        _ => (secs, "second"),
    };
    format!("{amount} {unit}{}", if amount == 1 { "" } else { "s" })
}

/// The day of a moment as people say it, in UTC.
///
/// ```
/// use keymuster_core::time::{Timestamp, day_words};
/// assert_eq!(day_words(Timestamp::from_secs(1_796_300_000)), "3 December 2026");
/// ```
pub fn day_words(moment: Timestamp) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let (year, month, day) = civil_from_days(moment.as_secs() / DAY);
    let month = MONTHS.iter().zip(1..).find_map(|(name, number)| (number == month).then_some(*name));
    format!("{day} {} {year}", month.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_print_as_rfc_3339() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (2_147_483_648, "2038-01-19T03:14:08Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (u64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Timestamp::from_secs(secs).to_string(), text);
        }
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::MAX.plus(1), Timestamp::MAX);
        assert_eq!(Timestamp::from_secs(5).minus(6), Timestamp::from_secs(0));
    }
}

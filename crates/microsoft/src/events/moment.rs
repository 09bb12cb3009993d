//! Points in time as event logs write them: whole seconds since 1970, in UTC where the log says so.
//!
//! Exports as CSV write local time without a zone, in the order of day and month of the exporting system.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;

/// Seconds since 1970, until 2106.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Moment(u32);

/// A minute in seconds.
pub const MINUTE: u32 = 60;
/// An hour in seconds.
pub const HOUR: u32 = 3600;
/// A day in seconds.
pub const DAY: u32 = 86_400;

/// Volume activation is not older; what a log dates before is a mistake.
const YEAR_MIN: i64 = 2000;
const YEAR_MAX: i64 = 2100;

impl Moment {
    /// A moment by its seconds.
    pub const fn from_secs(secs: u32) -> Moment {
        Moment(secs)
    }

    /// A moment by its day, as counted by [`Moment::day`].
    pub const fn of_day(day: u32) -> Moment {
        Moment(day.saturating_mul(DAY))
    }

    /// Seconds since 1970.
    pub const fn secs(self) -> u32 {
        self.0
    }

    /// Days since 1970.
    pub const fn day(self) -> u32 {
        self.0 / DAY
    }

    /// Hours since 1970.
    pub const fn hour(self) -> u32 {
        self.0 / HOUR
    }

    /// So many seconds later.
    #[must_use]
    pub const fn plus(self, secs: u32) -> Moment {
        Moment(self.0.saturating_add(secs))
    }

    /// So many seconds earlier.
    #[must_use]
    pub const fn minus(self, secs: u32) -> Moment {
        Moment(self.0.saturating_sub(secs))
    }

    /// How many seconds have passed since an earlier moment.
    pub const fn since(self, earlier: Moment) -> u32 {
        self.0.saturating_sub(earlier.0)
    }

    /// `2026-11-23T10:15:00.1234567Z`, as XML has it; a zone is taken for UTC, which is what logs write.
    pub fn parse_xml(text: &str) -> Option<Moment> {
        let (numbers, _) = numbers(text);
        let [year, month, day, hour, minute, second, ..] = numbers;
        civil([year, month, day], [hour, minute, second])
    }

    /// `2010/9/29 21:46`, as clients write their time into the fields of an event.
    pub fn parse_client(text: &str) -> Option<Moment> {
        let (numbers, found) = numbers(text);
        let [year, month, day, hour, minute, second, ..] = numbers;
        let second = if found > 5 { second } else { 0 };
        (found >= 5).then(|| civil([year, month, day], [hour, minute, second])).flatten()
    }

    /// A date with a time as any system writes it for people. Where day and month could be either, the reading that is
    /// nearer to `near` counts; without that, the month is first before AM and PM and with slashes, else the day.
    pub fn parse_local(text: &str, near: Option<Moment>) -> Option<Moment> {
        let (numbers, found) = numbers(text);
        if found < 5 {
            return None;
        }
        let [first, second, third, hour, minute, secs, ..] = numbers;
        let secs = if found > 5 { secs } else { 0 };
        let upper = text.to_ascii_uppercase();
        let (is_am, is_pm) = (upper.contains("AM"), upper.contains("PM"));
        let hour = match (is_am, is_pm, hour) {
            (true, _, 12) => 0,
            (_, true, 1..=11) => hour + 12,
            _ => hour,
        };
        let time = [hour, minute, secs];
        if first >= YEAR_MIN {
            return civil([first, second, third], time);
        }
        let month_first = civil([third, first, second], time);
        let day_first = civil([third, second, first], time);
        let (Some(by_month), Some(by_day)) = (month_first, day_first) else { return month_first.or(day_first) };
        match near {
            Some(near) if by_month.0.abs_diff(near.0) <= by_day.0.abs_diff(near.0) => month_first,
            Some(_) => day_first,
            None if is_am || is_pm || text.contains('/') => month_first,
            None => day_first,
        }
    }

    /// The day alone, as `2026-11-23`.
    pub fn day_text(self) -> String {
        let at = Timestamp::from_second(self.0.into()).expect("every count of 32 bits is within the library's years");
        Offset::UTC.to_datetime(at).date().to_string()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0 % DAY;
        write!(f, "{} {:02}:{:02}", self.day_text(), secs / HOUR, secs % HOUR / MINUTE)
    }
}

/// The first seven whole numbers of a text, and how many there are. One that is absurdly long counts as very large.
fn numbers(text: &str) -> ([i64; 7], usize) {
    let mut numbers = [0_i64; 7];
    let (mut found, mut is_inside) = (0, false);
    for byte in text.bytes() {
        match (byte.is_ascii_digit(), is_inside) {
            (true, false) if found == numbers.len() => break,
            (true, _) => {
                found += usize::from(!is_inside);
                is_inside = true;
                if let Some(number) = numbers.get_mut(found - 1) {
                    *number = number.saturating_mul(10).saturating_add(i64::from(byte - b'0'));
                }
            }
            (false, _) => is_inside = false,
        }
    }
    (numbers, found)
}

fn civil([year, month, day]: [i64; 3], [hour, minute, second]: [i64; 3]) -> Option<Moment> {
    let is_time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    if !(YEAR_MIN..=YEAR_MAX).contains(&year) || !is_time {
        return None;
    }
    let date = Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    let midnight = Offset::UTC.to_timestamp(date.to_datetime(Time::midnight())).ok()?.as_second();
    // A leap second is the one behind it; the library knows none.
    u32::try_from(midnight + hour * 3600 + minute * 60 + second).ok().map(Moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_logs_write_them() {
        let shown = |found: Option<Moment>| found.map_or("nothing".to_owned(), |moment| moment.to_string());
        for (text, expected) in [
            ("2010-09-29T21:46:11.0000000Z", "2010-09-29 21:46"),
            ("2024-02-29T00:00:00Z", "2024-02-29 00:00"),
            ("2023-02-29T00:00:00Z", "nothing"),
            ("1601-01-01T00:00:00Z", "nothing"),
            ("", "nothing"),
            ("99999999999999999999999999-1-1T0:0:0", "nothing"),
        ] {
            assert_eq!(shown(Moment::parse_xml(text)), expected, "{text}");
        }
        for (text, expected) in [
            ("2010/9/29 21:46", "2010-09-29 21:46"),
            ("2010/09/29 17:52", "2010-09-29 17:52"),
            ("2010/13/29 17:52", "nothing"),
            ("2010/9/29", "nothing"),
        ] {
            assert_eq!(shown(Moment::parse_client(text)), expected, "{text}");
        }
        let near = Moment::parse_client("2026/3/4 12:00");
        for (text, near, expected) in [
            ("11/23/2026 10:15:00 AM", None, "2026-11-23 10:15"),
            ("11/23/2026 12:15:00 AM", None, "2026-11-23 00:15"),
            ("11/23/2026 12:15:00 PM", None, "2026-11-23 12:15"),
            ("23.11.2026 22:15:00", None, "2026-11-23 22:15"),
            ("04.03.2026 22:15:00", None, "2026-03-04 22:15"),
            ("4/3/2026 22:15:00", None, "2026-04-03 22:15"),
            ("4/3/2026 22:15:00", near, "2026-03-04 22:15"),
            ("3/4/2026 10:15:00 PM", near, "2026-03-04 22:15"),
            ("2026-11-23 10:15:00", None, "2026-11-23 10:15"),
            ("2026/11/23 10:15", None, "2026-11-23 10:15"),
            ("12290", None, "nothing"),
        ] {
            assert_eq!(shown(Moment::parse_local(text, near)), expected, "{text}");
        }
    }

    #[test]
    fn every_day_is_found_again() {
        for day in (10_957..47_000).step_by(7) {
            let text = format!("{}T00:00:00Z", Moment::of_day(day).day_text());
            assert_eq!(Moment::parse_xml(&text).map(Moment::day), Some(day), "{text}");
        }
    }
}

//! Events as XML: what `wevtutil /f:xml` and the Event Viewer write, and what a binary record is turned into.
//!
//! The file is cut into events by their tags and each is read by itself, so that a damaged one spoils no other and a file
//! without any end of a line takes no more memory than the longest event allowed.

use std::borrow::Cow;
use std::io::{self, Read};

use memchr::memmem;

use super::event::{Event, IDS, is_ours};
use super::moment::Moment;
use super::read::Tally;

/// An event of volume activation has about a thousand bytes; one that is longer than this is none.
const EVENT_BYTES_MAX: usize = 256 * 1024;
const BLOCK_BYTES: usize = 64 * 1024;
/// A rendered event has one field or about ten.
const DATA_MAX: usize = 32;

/// Reads a file and passes on each event that is meant.
pub fn read(mut reader: impl Read, tally: &mut Tally<'_>) -> io::Result<()> {
    let mut window = Vec::new();
    // How far the bytes are done with, and how far they were searched for the end of the event that begins there.
    let (mut done, mut searched) = (0, 0);
    let mut is_inside = false;
    loop {
        let rest: &[u8] = window.get(searched..).unwrap_or_default();
        let found = if is_inside { memmem::find(rest, b"</Event>") } else { start(rest) };
        match found {
            Some(place) if is_inside => {
                let end = searched + place + b"</Event>".len();
                take(window.get(done..end).unwrap_or_default(), tally);
                (done, searched, is_inside) = (end, end, false);
            }
            Some(place) => {
                done = searched + place;
                (searched, is_inside) = (done, true);
            }
            None if is_inside && window.len() - done > EVENT_BYTES_MAX => {
                tally.damaged += 1;
                (done, searched, is_inside) = (window.len(), window.len(), false);
            }
            None => {
                // The beginning of a tag may be cut off; nothing else of what was searched is needed again.
                searched = window.len().saturating_sub(b"</Event>".len()).max(done);
                if !is_inside {
                    done = searched;
                }
                window.drain(..done);
                searched -= done;
                done = 0;
                if !more(&mut reader, &mut window)? {
                    break;
                }
            }
        }
    }
    if is_inside {
        tally.damaged += 1;
        tally.is_cut = true;
    }
    Ok(())
}

fn more(reader: &mut impl Read, window: &mut Vec<u8>) -> io::Result<bool> {
    let kept = window.len();
    window.resize(kept + BLOCK_BYTES, 0);
    let read = reader.read(window.get_mut(kept..).unwrap_or_default())?;
    window.truncate(kept + read);
    Ok(read > 0)
}

/// Where the tag of an event begins; `<Events>`, `<EventID>` and `<EventData>` are others.
fn start(bytes: &[u8]) -> Option<usize> {
    memmem::find_iter(bytes, b"<Event").find(|place| {
        let after = bytes.get(place + b"<Event".len());
        after.is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b'>')
    })
}

/// One event. Where the end of the one before is missing, both came together, and only the last is whole.
fn take(bytes: &[u8], tally: &mut Tally<'_>) {
    let mut bytes = bytes;
    while let Some(next) = start(bytes.get(1..).unwrap_or_default()) {
        tally.damaged += 1;
        bytes = bytes.get(next + 1..).unwrap_or_default();
    }
    let text = String::from_utf8_lossy(bytes);
    take_one(&text, tally);
}

/// One event by itself.
pub fn take_one(xml: &str, tally: &mut Tally<'_>) {
    let Some(id) = element(xml, "EventID").and_then(|(_, id)| id.trim().parse::<u32>().ok()) else {
        tally.damaged += 1;
        return;
    };
    let provider = tag(xml, "Provider").unwrap_or_default();
    let is_meant = || is_ours(provider) || element(xml, "Channel").is_some_and(|(_, channel)| is_ours(channel));
    let Some(id) = u16::try_from(id).ok().filter(|id| IDS.contains(id) && is_meant()) else {
        tally.others += 1;
        return;
    };
    let at = tag(xml, "TimeCreated").and_then(|tag| attribute(tag, "SystemTime")).and_then(Moment::parse_xml);
    let (Some(at), Some((_, computer)), Some(info)) = (at, element(xml, "Computer"), data(xml)) else {
        tally.damaged += 1;
        return;
    };
    tally.take(Event { computer: unescaped(computer).trim(), id, at, info: &info });
}

/// The fields, joined by commas where each stands by itself.
fn data(xml: &str) -> Option<Cow<'_, str>> {
    let (mut rest, mut all) = (xml, None::<Cow<'_, str>>);
    for _ in 0..DATA_MAX {
        let Some((after, text)) = element(rest, "Data") else { break };
        let text = unescaped(text);
        all = Some(match all {
            None => text,
            Some(before) => Cow::Owned(format!("{before},{text}")),
        });
        rest = after;
    }
    all
}

/// The text of the first element of a name, and what follows it.
fn element<'a>(xml: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let (start, end) = tag_span(xml, name)?;
    let after = xml.get(end + 1..)?;
    if xml.get(start..end)?.ends_with('/') {
        return Some((after, ""));
    }
    let close = after.find("</")?;
    let rest = after.get(close + 2..)?;
    rest.starts_with(name).then_some((rest, after.get(..close)?))
}

/// The inside of the first tag of a name.
fn tag<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    tag_span(xml, name).and_then(|(start, end)| xml.get(start..end))
}

fn tag_span(xml: &str, name: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    loop {
        let start = from + memmem::find(xml.as_bytes().get(from..)?, name.as_bytes())?;
        let bytes = xml.as_bytes();
        let is_opened = start > 0 && bytes.get(start - 1) == Some(&b'<');
        let after = start + name.len();
        let is_ended = bytes.get(after).is_some_and(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'));
        if is_opened && is_ended {
            return Some((start, after + memchr::memchr(b'>', bytes.get(after..)?)?));
        }
        from = after;
    }
}

/// The value of an attribute, in either kind of quotation marks.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let rest = tag.split_once(name)?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    rest.get(1..)?.split_once(quote).map(|(value, _)| value)
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        match after.split_once(';').and_then(|(name, rest)| Some((character(name)?, rest))) {
            Some((found, after)) => {
                out.push(found);
                rest = after;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let digits = name.strip_prefix('#')?;
            let number = match digits.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => digits.parse(),
            };
            char::from_u32(number.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: u32, provider: &str, data: &str) -> String {
        format!(
            "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='{provider}'/>\
             <EventID Qualifiers='16384'>{id}</EventID><TimeCreated SystemTime='2026-03-04T05:06:07.1234567Z'/>\
             <EventRecordID>7</EventRecordID><Channel>Key Management Service</Channel>\
             <Computer>kms1.example</Computer></System><EventData>{data}</EventData></Event>"
        )
    }

    fn read_all(bytes: &[u8]) -> (Vec<String>, u64, u64, bool) {
        let mut found = Vec::new();
        let mut sink =
            |event: Event<'_>| found.push(format!("{} {} {} {}", event.computer, event.id, event.at, event.info));
        let mut tally = Tally::new(&mut sink);
        read(bytes, &mut tally).unwrap();
        let (others, damaged, is_cut) = (tally.others, tally.damaged, tally.is_cut);
        (found, others, damaged, is_cut)
    }

    #[test]
    fn events_are_found_in_whatever_surrounds_them() {
        let ours = event(12290, "Microsoft-Windows-Security-SPP", "<Data>0x0,5&amp;&#x41;</Data>");
        let apart = event(12294, "x", "<Data Name='a'>1</Data><Data/><Data>3</Data>");
        let other = event(4624, "Microsoft-Windows-Security-SPP", "<Data>x</Data>");
        let text = format!("<?xml version='1.0'?>\r\n<Events>{ours}\n{apart}{other}</Events>");
        let expected = ["kms1.example 12290 2026-03-04 05:06 0x0,5&A", "kms1.example 12294 2026-03-04 05:06 1,,3"];
        assert_eq!(read_all(text.as_bytes()), (expected.map(str::to_owned).to_vec(), 1, 0, false));
    }

    #[test]
    fn other_services_with_the_same_numbers_are_passed_over() {
        let text = event(12293, "VSS", "<Data>x</Data>").replace("Key Management Service", "Application");
        assert_eq!(read_all(text.as_bytes()), (vec![], 1, 0, false));
    }

    #[test]
    fn a_damaged_event_spoils_no_other() {
        let ours = event(12290, "Microsoft-Windows-Security-SPP", "<Data>0x0</Data>");
        let without_end = ours.replace("</Event>", "</Evont>");
        let without_time = ours.replace("SystemTime", "SystemTame");
        let long = ours.replace("0x0", &"x".repeat(3 * EVENT_BYTES_MAX));
        let text = [without_end.as_str(), &ours, &without_time, &ours, &long, &ours, &ours[..100]].concat();
        let (found, others, damaged, is_cut) = read_all(text.as_bytes());
        assert_eq!((found.len(), others, damaged, is_cut), (3, 0, 4, true));
    }

    #[test]
    fn no_piece_of_an_event_makes_the_reader_panic() {
        let text = event(12290, "Microsoft-Windows-Security-SPP", "<Data>0x0&lt;\u{e4}</Data>");
        for end in 0..text.len() {
            let _ = read_all(&text.as_bytes()[..end]);
            let mut bytes = text.clone().into_bytes();
            bytes[end] ^= 0x11;
            let _ = read_all(&bytes);
        }
    }
}

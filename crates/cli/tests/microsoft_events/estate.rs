//! An estate of made-up machines and the events that its hosts and clients would log, in the documented order of fields.
//!
//! It is the same every time. The faults that are planted are named where they are planted.

use std::fmt::Write as _;

use super::evtx_writer::{Record, evtx};

pub const PROVIDER: &str = "Microsoft-Windows-Security-SPP";
pub const CHANNEL: &str = "Key Management Service";
/// 2026-03-01.
pub const START: u32 = 20_513 * DAY;
pub const DAY: u32 = 86_400;
pub const WEEK: u32 = 7 * DAY;
/// Windows Pro for clients and Windows Server, by ids of this estate's own.
pub const CLIENT: &str = "a1000000-0000-4000-8000-00000000000a";
pub const SERVER: &str = "b2000000-0000-4000-8000-00000000000b";
const VALID_MINUTES: u32 = 180 * 24 * 60;

/// One event of a log.
#[derive(Clone, Debug)]
pub struct Logged {
    pub computer: String,
    pub id: u16,
    pub at: u32,
    pub info: String,
}

/// A request as a host logs it.
pub struct Asked<'a> {
    pub host: &'a str,
    pub at: u32,
    pub code: &'a str,
    pub machine: u32,
    pub name: &'a str,
    pub status: u8,
    /// By how many seconds the client's clock is ahead.
    pub ahead: i64,
}

pub fn cmid(machine: u32) -> String {
    format!("{machine:08x}-1111-4222-8333-{machine:012x}")
}

/// Every tenth machine is a server, and every fourth is virtual.
pub fn processed(asked: &Asked<'_>) -> Logged {
    let (minimum, product) = if asked.machine.is_multiple_of(10) { (5, SERVER) } else { (25, CLIENT) };
    let minutes = if asked.status == 1 { VALID_MINUTES - 7 * 24 * 60 } else { 30 * 24 * 60 };
    let info = format!(
        "{},{minimum},{},{},{},{},{},{minutes},{product}",
        asked.code,
        asked.name,
        cmid(asked.machine),
        client_time(asked.at, asked.ahead),
        u8::from(asked.machine.is_multiple_of(4)),
        asked.status,
    );
    Logged { computer: asked.host.to_owned(), id: 12290, at: asked.at, info }
}

/// A request as a client logs it.
pub fn sent(client: &str, server: &str, at: u32, code: &str) -> Logged {
    let info =
        format!("{code}, 0x00000000, {server}:1688, {}, {}, 0, 1, 250000, {CLIENT}, 25", cmid(7), client_time(at, 0));
    Logged { computer: client.to_owned(), id: 12288, at, info }
}

pub fn answered(client: &str, at: u32, count: u32) -> Logged {
    let info = format!("0x00000000, 0x00000000, 1, 0, {count}, 120, 10080, {}", client_time(at, 0));
    Logged { computer: client.to_owned(), id: 12289, at, info }
}

fn client_time(at: u32, ahead: i64) -> String {
    let [year, month, day, hour, minute, _] = civil(u32::try_from(i64::from(at) + ahead).unwrap());
    format!("{year}/{month}/{day} {hour:02}:{minute:02}")
}

/// Year, month, day, hour, minute, second.
pub fn civil(at: u32) -> [u32; 6] {
    let (mut day, mut year) = (at / DAY, 1970);
    let is_leap = |year: u32| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while day >= 365 + u32::from(is_leap(year)) {
        day -= 365 + u32::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for days in [31, 28 + u32::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    let secs = at % DAY;
    [year, month, day + 1, secs / 3600, secs / 60 % 60, secs % 60]
}

/// As Windows keeps a log.
pub fn as_evtx(events: &[Logged]) -> Vec<u8> {
    let records: Vec<Record<'_>> = events
        .iter()
        .map(|event| Record {
            provider: PROVIDER,
            id: event.id,
            at: event.at,
            channel: if event.id == 12290 { CHANNEL } else { "Application" },
            computer: &event.computer,
            data: &event.info,
        })
        .collect();
    evtx(&records)
}

/// As `wevtutil` writes it, in UTF-16.
pub fn as_xml(events: &[Logged]) -> Vec<u8> {
    let mut text = String::from("\u{feff}<?xml version=\"1.0\" encoding=\"utf-16\" standalone=\"yes\"?>\r\n<Events>");
    for (number, event) in (1..).zip(events) {
        let [year, month, day, hour, minute, second] = civil(event.at);
        let _ = write!(
            text,
            "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='{PROVIDER}' \
             Guid='{{E23B33B0-C8C9-472C-A5F9-F2BDFEA0F156}}' EventSourceName='Software Protection Platform Service'/>\
             <EventID Qualifiers='16384'>{}</EventID><Version>0</Version><Level>4</Level><Task>0</Task><Opcode>0</Opcode>\
             <Keywords>0x80000000000000</Keywords><TimeCreated \
             SystemTime='{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.1234567Z'/>\
             <EventRecordID>{number}</EventRecordID><Correlation/><Execution ProcessID='0' ThreadID='0'/>\
             <Channel>{CHANNEL}</Channel><Computer>{}</Computer><Security/></System><EventData><Data>{}</Data>\
             </EventData></Event>",
            event.id, event.computer, event.info
        );
    }
    text.push_str("</Events>\r\n");
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// As `Get-WinEvent | Export-Csv` writes it on an American system.
pub fn as_csv(events: &[Logged]) -> Vec<u8> {
    let mut text = String::from("#TYPE System.Diagnostics.Eventing.Reader.EventLogRecord\r\n");
    text.push_str("\"Message\",\"Id\",\"Level\",\"ProviderName\",\"LogName\",\"MachineName\",\"TimeCreated\",\"ContainerLog\"\r\n");
    for event in events {
        let [year, month, day, hour, minute, second] = civil(event.at);
        let (hour12, half) =
            (if hour.is_multiple_of(12) { 12 } else { hour % 12 }, if hour < 12 { "AM" } else { "PM" });
        let _ = write!(
            text,
            "\"An activation request has been processed.\r\nInfo:\r\n{}\",\"{}\",\"4\",\"{PROVIDER}\",\"{CHANNEL}\",\"{}\",\
             \"{month}/{day}/{year} {hour12}:{minute:02}:{second:02} {half}\",\"key management service\"\r\n",
            event.info, event.id, event.computer
        );
    }
    text.into_bytes()
}

/// The weekly renewals of a machine in a span, at a time of the week that is its own.
pub fn renewals(machine: u32, from: u32, until: u32) -> impl Iterator<Item = u32> {
    let begin = from + machine.wrapping_mul(2_654_435_761) % WEEK;
    (begin..until).step_by(usize::try_from(WEEK).unwrap())
}

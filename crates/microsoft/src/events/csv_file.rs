//! Events as CSV: what `Get-WinEvent … | Export-Csv` and the Event Viewer write.
//!
//! Columns are known by the names that PowerShell gives them; where a header is in another language, each row is read by what
//! stands in its fields. A row may be no longer than [`ROW_BYTES_MAX`], so that an open quotation mark swallows no file.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};

use super::event::{Event, IDS, fields_of_message, is_ours};
use super::moment::Moment;
use super::read::Tally;

/// More than any message has.
const ROW_BYTES_MAX: usize = 256 * 1024;
const FIELDS_MAX: usize = 64;

/// Where the columns are; nothing where the header's language is unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Columns {
    id: usize,
    time: usize,
    message: usize,
    computer: Option<usize>,
    source: Option<usize>,
}

/// Reads a file and passes on each event that is meant; `computer` is meant where no column says it.
pub fn read(reader: impl Read, computer: &str, tally: &mut Tally<'_>) -> io::Result<()> {
    let mut rows = Rows::new(reader);
    let mut head = None;
    while let Some(is_whole) = rows.next()? {
        let text = rows.text();
        let text = text.as_ref();
        if !is_whole {
            tally.damaged += 1;
            continue;
        }
        if text.trim().is_empty() || (head.is_none() && text.starts_with("#TYPE")) {
            continue;
        }
        let Some((separator, columns)) = head else {
            let separator = separator(text);
            let fields = fields(text, separator);
            head = Some((separator, columns(&fields)));
            // A file without a header begins with an event.
            if row_of(&fields, None).is_some() {
                take(&fields, None, computer, tally);
            }
            continue;
        };
        take(&fields(text, separator), columns, computer, tally);
    }
    Ok(())
}

/// The rows of a file, each with the line ends that stand between quotation marks.
pub struct Rows<R> {
    reader: BufReader<R>,
    row: Vec<u8>,
}

impl<R: Read> Rows<R> {
    pub fn new(reader: R) -> Rows<R> {
        Rows { reader: BufReader::with_capacity(64 * 1024, reader), row: Vec::new() }
    }

    /// The row that was read last, without its end.
    pub fn text(&self) -> Cow<'_, str> {
        let end = self.row.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |place| place + 1);
        String::from_utf8_lossy(self.row.get(..end).unwrap_or_default())
    }

    /// Reads a row: whether it is whole, or nothing at the end. What is too long is skipped to the end of its line.
    pub fn next(&mut self) -> io::Result<Option<bool>> {
        self.row.clear();
        let (mut is_quoted, mut is_too_long) = (false, false);
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                // An open quotation mark at the end is one of a file that was cut.
                return Ok((!self.row.is_empty() || is_too_long).then_some(!is_quoted && !is_too_long));
            }
            let mut used = buffer.len();
            let mut is_ended = false;
            for place in memchr::memchr2_iter(b'"', b'\n', buffer) {
                if buffer.get(place) == Some(&b'"') {
                    is_quoted = !is_quoted;
                } else if !is_quoted || is_too_long {
                    (used, is_ended) = (place + 1, true);
                    break;
                }
            }
            if is_too_long || self.row.len() + used > ROW_BYTES_MAX {
                // The quotation mark was a mistake then, and the next end of a line is one.
                let rest = buffer.get(ROW_BYTES_MAX.saturating_sub(self.row.len())..used).filter(|_| !is_too_long);
                if let Some(end) = rest.and_then(|rest| memchr::memchr(b'\n', rest)) {
                    (used, is_ended) = (ROW_BYTES_MAX - self.row.len() + end + 1, true);
                }
                is_too_long = true;
                self.row.clear();
            } else {
                self.row.extend_from_slice(buffer.get(..used).unwrap_or_default());
            }
            self.reader.consume(used);
            if is_ended {
                return Ok(Some(!is_too_long));
            }
        }
    }
}

/// What most often stands between the fields of the header.
pub fn separator(header: &str) -> char {
    let count = |separator: char| header.matches(separator).count();
    [',', ';', '\t'].into_iter().rev().max_by_key(|separator| count(*separator)).unwrap_or(',')
}

pub fn fields(row: &str, separator: char) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut is_quoted = false;
    let mut characters = row.chars().peekable();
    while let Some(character) = characters.next() {
        let Some(field) = fields.last_mut() else { break };
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                field.push('"');
                characters.next();
            }
            '"' => is_quoted = !is_quoted,
            other if other == separator && !is_quoted => {
                if fields.len() == FIELDS_MAX {
                    break;
                }
                fields.push(String::new());
            }
            other => field.push(other),
        }
    }
    fields
}

fn columns(header: &[String]) -> Option<Columns> {
    let place = |names: &[&str]| {
        let is_named = |field: &String| names.iter().any(|name| field.trim().eq_ignore_ascii_case(name));
        header.iter().position(is_named)
    };
    Some(Columns {
        id: place(&["Id", "EventID", "Event ID"])?,
        time: place(&["TimeCreated", "TimeGenerated", "Date and Time"])?,
        // The Event Viewer writes the message behind the last column that it names.
        message: place(&["Message"]).or_else(|| place(&["Task Category"]).map(|place| place + 1))?,
        computer: place(&["MachineName", "Computer"]),
        source: place(&["ProviderName", "Source"]),
    })
}

/// What a row says: the event's number, its time, its message, its computer.
struct Row<'a> {
    id: u16,
    time: &'a str,
    message: &'a str,
    computer: Option<&'a str>,
}

/// Reads a row by its columns, or by what stands in its fields; nothing where it is another event.
fn row_of(fields: &[String], columns: Option<Columns>) -> Option<Row<'_>> {
    let field = |place: usize| fields.get(place).map(|field| field.trim());
    let number = |text: &str| text.parse::<u16>().ok().filter(|id| IDS.contains(id));
    let Some(columns) = columns else {
        let (place, id) = fields.iter().enumerate().find_map(|(place, text)| Some((place, number(text.trim())?)))?;
        // The Event Viewer has the source before the number, and the time before both.
        let is_other_source = place > 0 && field(place - 1).is_some_and(|source| !is_ours(source));
        let mut others = fields.iter().map(|field| field.trim());
        let time = others.find(|text| text.len() < 64 && Moment::parse_local(text, None).is_some())?;
        let message = fields.last()?.trim();
        return (!is_other_source).then_some(Row { id, time, message, computer: None });
    };
    let is_meant = columns.source.and_then(field).is_none_or(is_ours);
    let id = field(columns.id).and_then(number).filter(|_| is_meant)?;
    Some(Row {
        id,
        time: field(columns.time)?,
        message: field(columns.message)?,
        computer: columns.computer.and_then(field).filter(|name| !name.is_empty()),
    })
}

/// Whether a row can be one of an event log: it has a date and a number.
fn is_some_event(fields: &[String]) -> bool {
    let has_date = fields.iter().any(|text| text.len() < 64 && Moment::parse_local(text, None).is_some());
    has_date && fields.iter().any(|text| text.trim().parse::<u16>().is_ok())
}

fn take(fields: &[String], columns: Option<Columns>, computer: &str, tally: &mut Tally<'_>) {
    let Some(row) = row_of(fields, columns) else {
        let is_event = match columns {
            Some(columns) => fields.len() > columns.id.max(columns.time),
            None => is_some_event(fields),
        };
        *(if is_event { &mut tally.others } else { &mut tally.damaged }) += 1;
        return;
    };
    let info = fields_of_message(row.message);
    // The client's own time in the fields shows which number of the date is the day.
    let near = info.split(',').find_map(|field| Moment::parse_client(field.trim()));
    match Moment::parse_local(row.time, near) {
        Some(at) => {
            tally.is_local_time = true;
            tally.take(Event { computer: row.computer.unwrap_or(computer), id: row.id, at, info });
        }
        None => tally.damaged += 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "0x0,25,pc1,36f27b39-2fd5-440b-be67-a09996d27a38,2026/3/4 5:06,0,1,9,68531fb9";

    fn read_all(text: &str) -> (Vec<String>, u64, u64) {
        let mut found = Vec::new();
        let mut sink =
            |event: Event<'_>| found.push(format!("{} {} {} {}", event.computer, event.id, event.at, event.info));
        let mut tally = Tally::new(&mut sink);
        read(text.as_bytes(), "file", &mut tally).unwrap();
        let (others, damaged) = (tally.others, tally.damaged);
        (found, others, damaged)
    }

    #[test]
    fn every_kind_of_export_is_read() {
        let expected = |computer: &str| format!("{computer} 12290 2026-03-04 05:07 {INFO}");
        let message = format!("An activation request has been processed.\r\nInfo:\r\n{INFO}");
        for (text, computer) in [
            (
                format!(
                    "#TYPE System.Diagnostics.Eventing.Reader.EventLogRecord\r\n\
                     \"Message\",\"Id\",\"ProviderName\",\"MachineName\",\"TimeCreated\"\r\n\
                     \"{message}\",\"12290\",\"Microsoft-Windows-Security-SPP\",\"kms1.example\",\"3/4/2026 5:07:08 AM\"\r\n"
                ),
                "kms1.example",
            ),
            (
                format!(
                    "Level,Date and Time,Source,Event ID,Task Category\r\n\
                     Information,3/4/2026 5:07:08 AM,Microsoft-Windows-Security-SPP,12290,None,\"{message}\"\r\n"
                ),
                "file",
            ),
            (
                format!(
                    "Ebene;Datum und Uhrzeit;Quelle;Ereignis-ID;Aufgabenkategorie\n\
                     Informationen;04.03.2026 05:07:08;Microsoft-Windows-Security-SPP;12290;Keine;\"{message}\"\n"
                ),
                "file",
            ),
            (
                format!(
                    "Niveau\tDate et heure\tSource\tID\tCat\u{e9}gorie\n\
                     Information\t04/03/2026 05:07:08\tSecurity-SPP\t12290\tAucun\t\"{message}\""
                ),
                "file",
            ),
        ] {
            assert_eq!(read_all(&text), (vec![expected(computer)], 0, 0), "{text}");
        }
    }

    #[test]
    fn other_events_and_damage_are_counted() {
        let head = "Level,Date and Time,Source,Event ID,Task Category\n";
        for (row, expected) in [
            ("Information,3/4/2026 5:07 AM,VSS,12290,None,\"x\"\n", (0, 1, 0)),
            ("Information,3/4/2026 5:07 AM,Security-SPP,4624,None,x\n", (0, 1, 0)),
            ("Information,yesterday,Security-SPP,12290,None,x\n", (0, 0, 1)),
            ("Information\n", (0, 0, 1)),
            ("Information,3/4/2026 5:07 AM,Security-SPP,12290,None,\"x", (0, 0, 1)),
            ("\"\"\"\",\"\n", (0, 0, 1)),
        ] {
            let (found, others, damaged) = read_all(&format!("{head}{row}"));
            assert_eq!((found.len(), others, damaged), expected, "{row}");
        }
    }

    #[test]
    fn an_open_quotation_mark_swallows_no_file() {
        let head = "Level,Date and Time,Source,Event ID,Task Category\n";
        let row = format!("Information,3/4/2026 5:07 AM,Security-SPP,12290,None,\"{INFO}\"\n");
        let text = format!("{head}Information,\"{}\n{row}{row}", row.repeat(4000).replace('"', ""));
        let (found, _, damaged) = read_all(&text);
        assert!(damaged >= 1 && found.len() >= 2, "{} {damaged}", found.len());
    }
}

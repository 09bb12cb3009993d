//! A list of machines: a CSV file with a header line, read whole or not at all, and written again with results.
//!
//! The file may come from a spreadsheet and may hold MAKs: every fault in it is reported with its line before anything is
//! run, and no text of a fault shows a product key.

mod cell;
mod results;

use std::collections::HashMap;
use std::fmt;

use csv::{ByteRecord, ReaderBuilder, Trim};
use keymuster_client::HostAddress;
use keymuster_core::id::Slug;
use keymuster_core::key::ProductKey;

pub use cell::{Destination, Place, StorePath};
pub use results::{Written, write};

/// A list is typed or exported by people; what is larger was not meant to be one.
pub const FILE_BYTES_MAX: usize = 8 << 20;
/// More machines than any run would reach.
pub const ROWS_MAX: usize = 100_000;

/// One machine of a list, and the product on it that is meant.
#[derive(Debug)]
pub struct Row {
    /// The line of the file on which it begins.
    pub line: u64,
    /// Which machine.
    pub place: Place,
    /// Which publisher's product, where there are several.
    pub publisher: Option<Slug>,
    /// Which edition, where there are several.
    pub edition: Option<Slug>,
    /// The store on that machine; without one the machine's own.
    pub store: Option<StorePath>,
    /// The host that the machine asks; without one it searches.
    pub host: Option<HostAddress>,
    /// The key to be installed; absent where keys are not needed.
    pub key: Option<ProductKey>,
}

/// Whether the column `key` is needed, or left unread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keys {
    /// Every row must have a setup key or a MAK.
    Needed,
    /// One list may serve several commands, so that the column may be there.
    Unread,
}

/// What is wrong with a list, and where.
#[derive(PartialEq, Eq, Debug)]
pub struct Fault {
    line: u64,
    message: String,
}

/// `line 3: machine is empty`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// Reads a list, or says everything that is wrong with it.
///
/// A byte order mark, line ends of Windows, blanks around a field and empty lines are taken for what they are: the ways of
/// spreadsheets.
/// An empty field of a column that a row may do without is the same as no such column.
pub fn read(bytes: &[u8], keys: Keys) -> Result<Vec<Row>, Vec<Fault>> {
    let mut reading = Reading { keys, line: 1, faults: Vec::new(), named: HashMap::new() };
    if bytes.len() > FILE_BYTES_MAX {
        reading.fault(format!("a list of machines has at most {} MiB", FILE_BYTES_MAX >> 20));
        return Err(reading.faults);
    }
    let rows = reading.all(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    if reading.faults.is_empty() { Ok(rows) } else { Err(reading.faults) }
}

/// What a row may say of its machine, in the order in which it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Column {
    Machine,
    Publisher,
    Edition,
    Store,
    Host,
    Key,
}

impl Column {
    const ALL: [Column; 6] =
        [Column::Machine, Column::Publisher, Column::Edition, Column::Store, Column::Host, Column::Key];

    fn name(self) -> &'static str {
        match self {
            Column::Machine => "machine",
            Column::Publisher => "publisher",
            Column::Edition => "edition",
            Column::Store => "store",
            Column::Host => "host",
            Column::Key => "key",
        }
    }

    fn named(name: &str) -> Option<Column> {
        Column::ALL.into_iter().find(|column| column.name() == name)
    }
}

/// What stands in which field; results of an earlier run are skipped.
type Header = Vec<Option<Column>>;

/// What is known while a list is read.
struct Reading {
    keys: Keys,
    line: u64,
    faults: Vec<Fault>,
    /// On which line a product of a machine was named.
    named: HashMap<String, u64>,
}

impl Reading {
    fn all(&mut self, bytes: &[u8]) -> Vec<Row> {
        // The lengths of rows are compared here, so that a wrong one has its line and hides no other fault.
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(bytes);
        let mut lines = Lines { bytes, offset: 0, line: 1 };
        // Reading from memory does not fail, and rows of any length are allowed.
        let mut records = reader.byte_records().map_while(Result::ok);
        let Some(header) = records.next().and_then(|first| {
            self.line = lines.of(&first);
            self.header(&first)
        }) else {
            if self.faults.is_empty() {
                self.fault("the list is empty; its first line names the columns");
            }
            return Vec::new();
        };
        let mut rows = Vec::new();
        let mut count = 0;
        for record in records {
            count += 1;
            self.line = lines.of(&record);
            if count > ROWS_MAX {
                self.fault(format!("a list has at most {ROWS_MAX} machines"));
                break;
            }
            rows.extend(self.row(&header, &record));
        }
        if count == 0 {
            self.fault("no machine follows the line that names the columns");
        }
        rows
    }

    fn fault(&mut self, message: impl Into<String>) {
        self.faults.push(Fault { line: self.line, message: message.into() });
    }

    /// Nothing where the rows cannot be understood.
    fn header(&mut self, record: &ByteRecord) -> Option<Header> {
        let Ok(names) = record.iter().map(std::str::from_utf8).collect::<Result<Vec<_>, _>>() else {
            self.fault("is not UTF-8 text: save the list as CSV in UTF-8");
            return None;
        };
        if names.len() == 1 && names.iter().any(|only| only.contains([';', '\t'])) {
            self.fault("columns are separated by commas, and not by semicolons or tabs");
            return None;
        }
        for (place, name) in names.iter().enumerate() {
            if names.iter().take(place).any(|earlier| earlier == name) {
                self.fault(format!("the column {} stands here twice", cell::shown(name)));
            } else if Column::named(name).is_none() && !results::COLUMNS.contains(name) {
                let known = Column::ALL.map(Column::name).join(", ");
                self.fault(format!("there is no column {}; there are {known}", cell::shown(name)));
            }
        }
        let header: Header = names.into_iter().map(Column::named).collect();
        if self.keys == Keys::Needed && !header.contains(&Some(Column::Key)) {
            self.fault("the column key is missing: it holds a setup key or MAK for each machine");
        }
        if !header.contains(&Some(Column::Machine)) {
            self.fault("the column machine is missing; the first line names the columns");
            return None;
        }
        Some(header)
    }

    fn row(&mut self, header: &Header, record: &ByteRecord) -> Option<Row> {
        if record.len() != header.len() {
            self.fault(format!("has {} fields, and the first line names {} columns", record.len(), header.len()));
            return None;
        }
        let faults_before = self.faults.len();
        let mut fields = Fields { header, record, reading: self };
        let slug = |text: &str| text.parse::<Slug>().map_err(|why| why.to_string());
        let place = fields.needed(Column::Machine, Place::parse);
        let publisher = fields.optional(Column::Publisher, slug);
        let edition = fields.optional(Column::Edition, slug);
        let store = fields.optional(Column::Store, StorePath::parse);
        let host = fields.optional(Column::Host, cell::host);
        let key = fields.key();
        if self.faults.len() > faults_before {
            return None;
        }
        let row = Row { line: self.line, place: place?, publisher, edition, store, host, key };
        let first = *self.named.entry(row.target()).or_insert(self.line);
        if first != self.line {
            self.fault(format!("names the same product of the same machine as line {first}"));
        }
        Some(row)
    }
}

impl Row {
    /// What must not occur twice. Names of machines do not depend on case.
    fn target(&self) -> String {
        let place = self.place.to_string().to_ascii_lowercase();
        format!("{place}\n{:?}\n{:?}\n{:?}", self.publisher, self.edition, self.store)
    }
}

/// The fields of one row. A fault is said once, and then the field counts as absent.
struct Fields<'a> {
    header: &'a Header,
    record: &'a ByteRecord,
    reading: &'a mut Reading,
}

impl Fields<'_> {
    fn needed<T>(&mut self, column: Column, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        match self.field(column) {
            Some([]) => {
                self.reading.fault(format!("{} is empty", column.name()));
                None
            }
            _ => self.optional(column, parse),
        }
    }

    fn optional<T>(&mut self, column: Column, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let field = self.field(column).filter(|field| !field.is_empty())?;
        let text = match column {
            Column::Key => cell::text(field),
            _ => cell::open_text(field),
        };
        match text.and_then(parse) {
            Ok(value) => Some(value),
            Err(why) => {
                self.reading.fault(format!("{}: {why}", column.name()));
                None
            }
        }
    }

    fn key(&mut self) -> Option<ProductKey> {
        match self.reading.keys {
            Keys::Needed => self.needed(Column::Key, cell::key),
            Keys::Unread => None,
        }
    }

    /// `None` where there is no such column, which has been said of the first line if it is needed.
    fn field(&self, column: Column) -> Option<&[u8]> {
        let place = self.header.iter().position(|name| *name == Some(column))?;
        self.record.get(place)
    }
}

/// Counts lines up to the beginnings of records, in whatever way the lines end.
struct Lines<'a> {
    bytes: &'a [u8],
    offset: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line on which a record begins; records come in their order.
    fn of(&mut self, record: &ByteRecord) -> u64 {
        let start = record.position().map_or(0, |position| position.byte());
        let mut start = usize::try_from(start).unwrap_or(usize::MAX);
        // The reader counts empty lines, and the second half of a line end of Windows, to the record that follows.
        while matches!(self.bytes.get(start), Some(b'\r' | b'\n')) {
            start += 1;
        }
        while self.offset < start {
            let is_end = match self.bytes.get(self.offset) {
                Some(b'\n') => true,
                Some(b'\r') => self.bytes.get(self.offset + 1) != Some(&b'\n'),
                Some(_) => false,
                None => break,
            };
            self.line += u64::from(is_end);
            self.offset += 1;
        }
        self.line
    }
}

#[cfg(test)]
mod tests {
    use keymuster_core::key::{KeyFields, KeyKind};

    use super::*;

    fn key(kind: KeyKind) -> ProductKey {
        let fields = |serial| KeyFields { kind, number: 1, mark: 7, serial };
        (0..100).find_map(|serial| ProductKey::assemble(fields(serial), [7; 6])).unwrap()
    }

    fn shown(row: &Row) -> String {
        let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let parts = [
            row.place.to_string(),
            text(row.publisher.as_ref().map(ToString::to_string)),
            text(row.edition.as_ref().map(ToString::to_string)),
            text(row.store.as_ref().map(ToString::to_string)),
            text(row.host.as_ref().map(ToString::to_string)),
            text(row.key.as_ref().map(|key| key.last_five())),
        ];
        format!("{} {}", row.line, parts.join(" "))
    }

    #[test]
    fn what_spreadsheets_and_people_write() {
        let table: &[(&[u8], &[&str])] = &[
            (b"machine\na.example\n", &["2 a.example - - - - -"]),
            (b"machine\nLocal\n", &["2 local - - - - -"]),
            (b"\xef\xbb\xbfmachine,edition\r\na,desk\r\n\r\nb,\r\n", &["2 a - desk - - -", "4 b - - - - -"]),
            (b"\"machine\",\"store\"\n\"a\",\"C:\\Program Files\\k\"\n", &["2 a - - C:\\Program Files\\k - -"]),
            (b" edition , machine \n desk , root@a_1.example \n", &["2 root@a_1.example - desk - - -"]),
            (
                b"machine,host\n2001:db8::1,[::1]:1700\nu@::1,kms\n",
                &["2 2001:db8::1 - - - [::1]:1700 -", "3 u@::1 - - - kms:1688 -"],
            ),
            (b"machine\ra\rb", &["2 a - - - - -", "3 b - - - - -"]),
            (b"machine,store\na,/x\na,/y\n", &["2 a - - /x - -", "3 a - - /y - -"]),
            (b"machine,result,code,message,remedy,key_ends_in,key\na,done,,,,,not read\n", &["2 a - - - - -"]),
        ];
        for (bytes, expected) in table {
            let rows = read(bytes, Keys::Unread).unwrap_or_else(|faults| panic!("{faults:?}"));
            assert_eq!(rows.iter().map(shown).collect::<Vec<_>>(), *expected);
        }
        let (mak, setup) = (key(KeyKind::Mak), key(KeyKind::Setup));
        let list = format!("machine,key\na,{}\nb,{}\n", mak.reveal(), setup.reveal().to_lowercase().replace('-', " "));
        let rows = read(list.as_bytes(), Keys::Needed).unwrap();
        assert_eq!(
            rows.iter().map(|row| row.key.as_ref().unwrap().reveal()).collect::<Vec<_>>(),
            [mak.reveal(), setup.reveal()]
        );
        assert!(!format!("{rows:?}").contains(&mak.reveal()));
    }

    #[test]
    fn every_fault_is_said_with_its_line() {
        let plain = "is not local, or a machine as NAME";
        let table: &[(&[u8], &[&str])] = &[
            (b"", &["line 1: the list is empty"]),
            (b"\r\n\r\n", &["line 1: the list is empty"]),
            (b"machine\n", &["line 1: no machine follows"]),
            (
                b"name,key\na,b\n",
                &["line 1: there is no column \"name\"; there are machine", "line 1: the column machine is"],
            ),
            (b"machine,store,machine\na,b,c\n", &["line 1: the column \"machine\" stands here twice"]),
            (b"machine;store\na;b\n", &["line 1: columns are separated by commas"]),
            (b"machine,\na,b\n", &["line 1: there is no column \"\""]),
            (b"\xff\xfem\0a\0", &["line 1: is not UTF-8 text"]),
            (
                b"machine\n\na\xe4\nb c\n",
                &["line 3: machine: is not UTF-8 text", "line 4: machine: \"b c\" is not local"],
            ),
            (
                b"machine,edition\na\nb,c,d\n",
                &["line 2: has 1 fields, and the first line names 2", "line 3: has 3 fields"],
            ),
            (b"machine,edition\n,x\n", &["line 2: machine is empty"]),
            (
                b"machine\n-oProxyCommand=x\na;b\n$(a)\n",
                &["line 2: machine: ", "line 3: machine: ", "line 4: machine: "],
            ),
            (b"machine\nu@-a\n@a\na@\na@b@c\n::g\na:22\nssh://a\n", &[plain; 7]),
            (b"machine,publisher\na,A B\n", &["line 2: publisher: "]),
            (b"machine,host\na,http://x\nb,-x\n", &["line 2: host: ", "line 3: host: \"-x\" begins with a dash"]),
            (
                b"machine,store\na,$HOME\nb,~/x\nc,=x\nd,a\\\\b\ne,a\\\nf,x%y\ng,x'y\nh,\"x\"\"y\"\ni,-x\n",
                &["store: "; 9],
            ),
            (b"machine,edition\na,\"x\nb,y\n", &["line 2: edition: goes over several lines: a quotation mark"]),
            (b"machine\r\na\r\nA\r\nb\r\n", &["line 3: names the same product of the same machine as line 2"]),
            (b"machine,host\na,x\na,y\n", &["line 3: names the same product of the same machine as line 2"]),
        ];
        for (bytes, expected) in table {
            let faults = read(bytes, Keys::Unread).expect_err(&String::from_utf8_lossy(bytes));
            let faults: Vec<String> = faults.iter().map(Fault::to_string).collect();
            assert_eq!(faults.len(), expected.len(), "{faults:?}");
            assert!(faults.iter().zip(*expected).all(|(fault, part)| fault.contains(part)), "{faults:?} {expected:?}");
        }
    }

    #[test]
    fn keys_are_checked_and_never_shown() {
        let (mak, host) = (key(KeyKind::Mak).reveal(), key(KeyKind::Host).reveal());
        let mistyped = format!("{}{}", if mak.starts_with('B') { 'C' } else { 'B' }, &mak[1..]);
        for (list, expected) in [
            ("machine\na\n".to_owned(), "line 1: the column key is missing"),
            ("machine,key\na,\n".to_owned(), "line 2: key is empty"),
            (format!("machine,key\na,{host}\n"), "line 2: key: this is a host key"),
            (format!("machine,key\na,{mistyped}\n"), "line 2: key: group 1, symbol 1: "),
            (format!("machine,key\n{mak},a\n"), "line 2: machine: holds a product key"),
            (format!("machine,store,key\na,{mistyped},{mak}\n"), "line 2: store: holds a product key"),
            (format!("a,{mak}\n"), "line 1: there is no column that looks like a product key"),
        ] {
            let faults = read(list.as_bytes(), Keys::Needed).expect_err(&list);
            let faults: Vec<String> = faults.iter().map(Fault::to_string).collect();
            assert!(faults.iter().any(|fault| fault.contains(expected)), "{faults:?}");
            assert!(!faults.concat().contains(&mak[6..17]), "{faults:?}");
        }
    }

    #[test]
    fn a_list_has_limits() {
        let large = [b"machine\n".as_slice(), &vec![b'\n'; FILE_BYTES_MAX]].concat();
        let long: String = (0..=ROWS_MAX).map(|number| format!("m{number}\n")).collect();
        for (list, expected) in [
            (large, "line 1: a list of machines has at most 8 MiB".to_owned()),
            (format!("machine\n{long}").into_bytes(), format!("line {}: a list has at most 100000", ROWS_MAX + 2)),
        ] {
            let faults = read(&list, Keys::Unread).unwrap_err();
            assert!(faults.len() == 1 && faults[0].to_string().starts_with(&expected), "{faults:?}");
        }
    }

    #[test]
    fn results_are_harmless_and_name_the_same_machines() {
        let list = "machine,publisher,edition,store,host\nu@a,aurora,desk,\"/x, y\",kms\nlocal,,,,\n";
        let rows = read(list.as_bytes(), Keys::Unread).unwrap();
        for (message, expected) in [
            ("12 of 25", "12 of 25"),
            ("=cmd|' /c calc'!A1", "'=cmd|' /c calc'!A1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@x", "'@x"),
            ("\t=x", "'=x"),
            ("＝x", "'＝x"),
            ("a\r\nb", "a  b"),
            ("a,b", "\"a,b\""),
        ] {
            let one = |row| Written { row, result: "failed", code: "", message, remedy: "" };
            let written = write(&rows.iter().map(one).collect::<Vec<_>>());
            let text = String::from_utf8(written.clone()).unwrap();
            assert!(text.ends_with(&format!("local,,,,,,failed,,{expected},\n")), "{text}");
            let again = read(&written, Keys::Unread).unwrap();
            assert_eq!(again.iter().map(shown).collect::<Vec<_>>(), rows.iter().map(shown).collect::<Vec<_>>());
        }
    }
}

//! A writer of `.evtx` files, as small as the documented format allows: chunks of 64 KiB with one template of binary XML and
//! a record for each event.
//!
//! No system but Windows writes such files, so the tests make their own. What real logs have beyond this, such as several
//! templates in a chunk or chunks that were overwritten, is left to the crate that reads them.

use std::collections::HashMap;

const CHUNK_BYTES: usize = 64 * 1024;
const CHUNK_HEADER_BYTES: usize = 512;
/// The types of values in binary XML.
const STRING: u8 = 0x01;
const UNSIGNED16: u8 = 0x06;
const UNSIGNED64: u8 = 0x0A;
const FILETIME: u8 = 0x11;

/// What of an event differs from one to the other.
pub struct Record<'a> {
    pub provider: &'a str,
    pub id: u16,
    /// Seconds since 1970.
    pub at: u32,
    pub channel: &'a str,
    pub computer: &'a str,
    pub data: &'a str,
}

/// The whole file.
pub fn evtx(records: &[Record<'_>]) -> Vec<u8> {
    let mut chunks: Vec<Vec<u8>> = Vec::new();
    let mut chunk = Chunk::new(1);
    for (number, record) in (1..).zip(records) {
        if !chunk.put(number, record) {
            chunks.push(std::mem::replace(&mut chunk, Chunk::new(number)).end());
            assert!(chunk.put(number, record), "a record fits into a chunk");
        }
    }
    if chunk.last >= chunk.first {
        chunks.push(chunk.end());
    }
    let mut file = vec![0; 4096];
    put(&mut file, 0, b"ElfFile\0");
    put(&mut file, 16, &(chunks.len() as u64 - 1).to_le_bytes());
    put(&mut file, 24, &(records.len() as u64 + 1).to_le_bytes());
    put(&mut file, 32, &128_u32.to_le_bytes());
    put(&mut file, 36, &1_u16.to_le_bytes());
    put(&mut file, 38, &3_u16.to_le_bytes());
    put(&mut file, 40, &4096_u16.to_le_bytes());
    put(&mut file, 42, &u16::try_from(chunks.len()).unwrap_or(u16::MAX).to_le_bytes());
    let sum = crc32(&[&file[..120]]);
    put(&mut file, 124, &sum.to_le_bytes());
    file.extend(chunks.concat());
    file
}

struct Chunk {
    bytes: Vec<u8>,
    first: u64,
    last: u64,
    last_at: usize,
    template_at: Option<u32>,
}

impl Chunk {
    fn new(first: u64) -> Chunk {
        Chunk { bytes: vec![0; CHUNK_HEADER_BYTES], first, last: first - 1, last_at: 0, template_at: None }
    }

    /// Adds a record, if there is room for it.
    fn put(&mut self, number: u64, record: &Record<'_>) -> bool {
        let start = self.bytes.len();
        let filetime = (u64::from(record.at) + 11_644_473_600) * 10_000_000;
        let mut bytes = vec![0x2A, 0x2A, 0, 0, 0, 0, 0, 0];
        bytes.extend(number.to_le_bytes());
        bytes.extend(filetime.to_le_bytes());
        // A fragment, and in it an instance of the template.
        bytes.extend([0x0F, 1, 1, 0, 0x0C, 1]);
        bytes.extend(1_u32.to_le_bytes());
        let defined_at = u32::try_from(start + bytes.len() + 4).unwrap();
        bytes.extend(self.template_at.unwrap_or(defined_at).to_le_bytes());
        if self.template_at.is_none() {
            bytes.extend(template(defined_at));
        }
        let text = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let values = [
            (STRING, text(record.provider)),
            (UNSIGNED16, record.id.to_le_bytes().to_vec()),
            (FILETIME, filetime.to_le_bytes().to_vec()),
            (UNSIGNED64, number.to_le_bytes().to_vec()),
            (STRING, text(record.channel)),
            (STRING, text(record.computer)),
            (STRING, text(record.data)),
        ];
        bytes.extend(u32::try_from(values.len()).unwrap().to_le_bytes());
        for (kind, value) in &values {
            bytes.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
            bytes.extend([*kind, 0]);
        }
        values.iter().for_each(|(_, value)| bytes.extend(value));
        bytes.push(0);
        let size = u32::try_from(bytes.len() + 4).unwrap();
        put(&mut bytes, 4, &size.to_le_bytes());
        bytes.extend(size.to_le_bytes());
        if start + bytes.len() > CHUNK_BYTES {
            return false;
        }
        self.template_at.get_or_insert(defined_at);
        self.last_at = start;
        self.last = number;
        self.bytes.extend(bytes);
        true
    }

    fn end(mut self) -> Vec<u8> {
        let free = self.bytes.len();
        let header = &mut self.bytes;
        put(header, 0, b"ElfChnk\0");
        for (place, number) in [(8, self.first), (16, self.last), (24, self.first), (32, self.last)] {
            put(header, place, &number.to_le_bytes());
        }
        put(header, 40, &128_u32.to_le_bytes());
        put(header, 44, &u32::try_from(self.last_at).unwrap().to_le_bytes());
        put(header, 48, &u32::try_from(free).unwrap().to_le_bytes());
        let sum = crc32(&[&header[CHUNK_HEADER_BYTES..]]);
        put(header, 52, &sum.to_le_bytes());
        let sum = crc32(&[&header[..120], &header[128..CHUNK_HEADER_BYTES]]);
        put(header, 124, &sum.to_le_bytes());
        self.bytes.resize(CHUNK_BYTES, 0);
        self.bytes
    }
}

/// The template of an event of one field, with its head, for this place in the chunk.
fn template(at: u32) -> Vec<u8> {
    let mut xml = Xml { at: at + 24, bytes: Vec::new(), names: HashMap::new() };
    xml.bytes.extend([0x0F, 1, 1, 0]);
    xml.element("Event", &[], |xml| {
        xml.element("System", &[], |xml| {
            xml.element("Provider", &[("Name", (0, STRING))], |_| {});
            xml.element("EventID", &[], |xml| xml.value(1, UNSIGNED16));
            xml.element("TimeCreated", &[("SystemTime", (2, FILETIME))], |_| {});
            xml.element("EventRecordID", &[], |xml| xml.value(3, UNSIGNED64));
            xml.element("Channel", &[], |xml| xml.value(4, STRING));
            xml.element("Computer", &[], |xml| xml.value(5, STRING));
        });
        xml.element("EventData", &[], |xml| xml.element("Data", &[], |xml| xml.value(6, STRING)));
    });
    xml.bytes.push(0);
    let mut template = 0_u32.to_le_bytes().to_vec();
    template.extend([0x4B; 16]);
    template.extend(u32::try_from(xml.bytes.len()).unwrap().to_le_bytes());
    template.extend(xml.bytes);
    template
}

/// Binary XML whose first byte lies at `at` in its chunk; each name is written where it is used first.
struct Xml {
    at: u32,
    bytes: Vec<u8>,
    names: HashMap<&'static str, u32>,
}

impl Xml {
    fn element(
        &mut self,
        name: &'static str,
        attributes: &[(&'static str, (u16, u8))],
        content: impl FnOnce(&mut Xml),
    ) {
        self.bytes.push(if attributes.is_empty() { 0x01 } else { 0x41 });
        self.bytes.extend(0xFFFF_u16.to_le_bytes());
        let size_at = self.bytes.len();
        self.bytes.extend(0_u32.to_le_bytes());
        self.name(name);
        if !attributes.is_empty() {
            let list_at = self.bytes.len();
            self.bytes.extend(0_u32.to_le_bytes());
            for (name, (number, kind)) in attributes {
                self.bytes.push(0x06);
                self.name(name);
                self.value(*number, *kind);
            }
            self.size(list_at);
        }
        self.bytes.push(0x02);
        content(self);
        self.bytes.push(0x04);
        self.size(size_at);
    }

    fn value(&mut self, number: u16, kind: u8) {
        self.bytes.push(0x0D);
        self.bytes.extend(number.to_le_bytes());
        self.bytes.push(kind);
    }

    fn name(&mut self, name: &'static str) {
        let here = self.at + u32::try_from(self.bytes.len()).unwrap() + 4;
        if let Some(known) = self.names.get(name) {
            self.bytes.extend(known.to_le_bytes());
            return;
        }
        self.names.insert(name, here);
        let hash =
            name.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(65_599).wrapping_add(u32::from(unit)));
        self.bytes.extend(here.to_le_bytes());
        self.bytes.extend(0_u32.to_le_bytes());
        self.bytes.extend((hash as u16).to_le_bytes());
        self.bytes.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        self.bytes.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
        self.bytes.extend([0, 0]);
    }

    /// Enters how many bytes follow a size.
    fn size(&mut self, at: usize) {
        let size = u32::try_from(self.bytes.len() - at - 4).unwrap();
        put(&mut self.bytes, at, &size.to_le_bytes());
    }
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}

fn crc32(parts: &[&[u8]]) -> u32 {
    let step = |byte: u32| (0..8).fold(byte, |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 });
    let table: [u32; 256] = std::array::from_fn(|byte| step(u32::try_from(byte).unwrap()));
    let bytes = parts.iter().copied().flatten();
    !bytes.fold(u32::MAX, |sum, byte| table[usize::from(sum as u8 ^ byte)] ^ sum >> 8)
}

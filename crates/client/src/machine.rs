//! Facts that tell a machine from a copy of its disk (`docs/spec/client-state.md`, 12).
//!
//! They are read when they are needed and kept nowhere: only [`salted`] hashes leave this module.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use keymuster_core::fingerprint::{BOARD_SERIAL, DISK_SERIAL, MACHINE_ID, NETWORK_CARDS, VM_GENERATION};
use keymuster_core::request::Fact;
use sha2::Sha256;

/// What makes the hashes of one state tell nothing to anybody else.
pub(crate) type Salt = [u8; 32];

/// A fact as the machine tells it.
#[derive(Clone)]
pub(crate) struct RawFact {
    pub kind: u8,
    pub value: Vec<u8>,
}

/// The kind alone, so that no fact gets into a log.
impl std::fmt::Debug for RawFact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RawFact({})", self.kind)
    }
}

/// More is not read of any file: all are far smaller, and some are not files at all.
const BYTES_MAX: u64 = 4096;
/// The place of the GUID in the page that QEMU hands to its guest.
const GENERATION: std::ops::Range<usize> = 40..56;
/// How many devices may be stacked below a file system: encryption on volumes on an array.
const STACKED_MAX: usize = 8;

/// What manufacturers leave in place of a serial number.
const PLACEHOLDERS: [&str; 12] = [
    "base board serial number",
    "chassis serial number",
    "default string",
    "n/a",
    "none",
    "not applicable",
    "not available",
    "not specified",
    "system serial number",
    "to be filled by o.e.m.",
    "03000200-0400-0500-0006-000700080009",
    "unknown",
];

/// The facts of the machine whose file system begins at `root`; what cannot be read is absent.
pub(crate) fn read(root: &Path) -> Vec<RawFact> {
    // On Windows such paths lead to the current drive, on which anybody may have made such files.
    let told_by_files = if cfg!(windows) { Vec::new() } else { of_files(root) };
    told_by_files.into_iter().chain(of_system()).collect()
}

fn of_files(root: &Path) -> Vec<RawFact> {
    let facts = [
        (MACHINE_ID, machine_id(root)),
        (BOARD_SERIAL, board(root)),
        (DISK_SERIAL, system_disk(root)),
        (NETWORK_CARDS, network_cards(root)),
        (VM_GENERATION, generation(root)),
    ];
    facts.into_iter().filter_map(|(kind, value)| Some(RawFact { kind, value: value? })).collect()
}

/// What the system tells otherwise than by files.
#[cfg(windows)]
fn of_system() -> Vec<RawFact> {
    crate::windows::facts()
}

#[cfg(not(windows))]
fn of_system() -> Vec<RawFact> {
    Vec::new()
}

/// The facts as they may be kept and sent.
pub(crate) fn salted(salt: &Salt, facts: &[RawFact]) -> Vec<Fact> {
    let hash = |fact: &RawFact| {
        let mut mac = Hmac::<Sha256>::new_from_slice(salt).expect("HMAC takes keys of any length");
        mac.update(&[fact.kind]);
        mac.update(&fact.value);
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        let mut hash = [0; 8];
        hash.copy_from_slice(&whole[..8]);
        Fact { kind: fact.kind, hash }
    };
    facts.iter().map(hash).collect()
}

fn machine_id(root: &Path) -> Option<Vec<u8>> {
    let places = ["etc/machine-id", "var/lib/dbus/machine-id"];
    // A system that is being started for the first time says "uninitialized".
    let is_id = |id: &String| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    places.iter().filter_map(|place| text(&root.join(place))).find(is_id).map(String::into_bytes)
}

fn board(root: &Path) -> Option<Vec<u8>> {
    let places = ["class/dmi/id/product_uuid", "class/dmi/id/board_serial", "firmware/devicetree/base/serial-number"];
    let serials: Vec<String> = places.iter().filter_map(|place| serial(&root.join("sys").join(place))).collect();
    (!serials.is_empty()).then(|| serials.join("\n").into_bytes())
}

/// The serial number of the disk on which `root` lies, below whatever is stacked on it.
fn system_disk(root: &Path) -> Option<Vec<u8>> {
    let mut device = fs::canonicalize(root.join("sys/dev/block").join(device_number(root)?)).ok()?;
    for _ in 0..STACKED_MAX {
        let below = entries(&device.join("slaves")).into_iter().next();
        match below {
            Some(below) => device = fs::canonicalize(below).ok()?,
            None if device.join("partition").exists() => device = device.parent()?.to_owned(),
            None => break,
        }
    }
    let places = ["serial", "device/serial", "wwid", "device/wwid"];
    places.iter().find_map(|place| serial(&device.join(place))).map(String::into_bytes)
}

#[cfg(target_os = "linux")]
fn device_number(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let device = fs::metadata(path).ok()?.dev();
    Some(format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device)))
}

#[cfg(not(target_os = "linux"))]
fn device_number(_: &Path) -> Option<String> {
    None
}

/// The addresses that the makers of the built-in cards gave them.
fn network_cards(root: &Path) -> Option<Vec<u8>> {
    let mut addresses: Vec<String> =
        entries(&root.join("sys/class/net")).iter().filter_map(|card| address(card)).collect();
    addresses.sort();
    addresses.dedup();
    (!addresses.is_empty()).then(|| addresses.join("\n").into_bytes())
}

fn address(card: &Path) -> Option<String> {
    // What is virtual has no device, and what is on USB comes and goes.
    let device = fs::canonicalize(card.join("device")).ok()?;
    let is_on_usb = device.iter().any(|part| part.to_string_lossy().starts_with("usb"));
    let is_permanent = text(&card.join("addr_assign_type")).is_none_or(|kind| kind == "0");
    let address = text(&card.join("address"))?.to_ascii_lowercase();
    let first = u8::from_str_radix(address.get(..2)?, 16).ok()?;
    // The two lowest bits tell groups, and addresses that a maker did not give.
    let is_of_maker = first & 3 == 0 && address.bytes().any(|byte| byte != b'0' && byte != b':');
    (!is_on_usb && is_permanent && is_of_maker).then_some(address)
}

fn generation(root: &Path) -> Option<Vec<u8>> {
    let page = bytes(&root.join("sys/firmware/qemu_fw_cfg/by_name/etc/vmgenid_guid/raw"))?;
    page.get(GENERATION).filter(|guid| guid.iter().any(|byte| *byte != 0)).map(<[u8]>::to_vec)
}

/// A serial number that somebody has filled in.
fn serial(path: &Path) -> Option<String> {
    let serial = text(path)?;
    let symbols = || serial.bytes().filter(u8::is_ascii_alphanumeric);
    let is_one_symbol = symbols().all(|symbol| Some(symbol) == symbols().next());
    let is_placeholder = PLACEHOLDERS.contains(&serial.to_ascii_lowercase().as_str());
    (!is_one_symbol && !is_placeholder).then_some(serial)
}

fn text(path: &Path) -> Option<String> {
    let text = String::from_utf8(bytes(path)?).ok()?;
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

fn bytes(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// What is in a directory, in the order of the names.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut entries: Vec<PathBuf> = found.map(|entry| entry.path()).collect();
    entries.sort();
    entries
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A file system with these files; what ends with `->` is a link to a place from the root on.
    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let number = device_number(root.path()).unwrap();
        for (place, content) in files {
            let place = place.replace("ROOT", &number);
            let link = place.strip_suffix("->");
            let path = root.path().join(link.unwrap_or(&place));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match link {
                Some(_) => {
                    fs::create_dir_all(root.path().join(content)).unwrap();
                    symlink(root.path().join(content), path).unwrap();
                }
                None => fs::write(path, content).unwrap(),
            }
        }
        root
    }

    fn check(files: &[(&str, &str)], expected: &[(u8, &str)]) {
        let facts = read(machine(files).path());
        let found: Vec<(u8, &str)> =
            facts.iter().map(|fact| (fact.kind, std::str::from_utf8(&fact.value).unwrap())).collect();
        assert_eq!(found, expected, "{files:?}");
    }

    const ID: &str = "3d1219c7c4c5404aaa1f6d2a48adfda4";

    #[test]
    fn machine_ids() {
        check(&[], &[]);
        check(&[("etc/machine-id", &format!("{ID}\n"))], &[(1, ID)]);
        check(&[("etc/machine-id", ""), ("var/lib/dbus/machine-id", ID)], &[(1, ID)]);
        check(&[("etc/machine-id", "uninitialized\n")], &[]);
    }

    #[test]
    fn boards() {
        let (uuid, board) = ("sys/class/dmi/id/product_uuid", "sys/class/dmi/id/board_serial");
        check(&[(uuid, "4c4c4544-0042\n"), (board, "/XYZ/\n")], &[(2, "4c4c4544-0042\n/XYZ/")]);
        for placeholder in
            ["To Be Filled By O.E.M.\n", "Default string", "00000000-0000", "FFFF-FFFF", "None", "...", ""]
        {
            check(&[(uuid, placeholder), (board, "XYZ")], &[(2, "XYZ")]);
        }
        check(&[("sys/firmware/devicetree/base/serial-number", "10000000abcd\0")], &[(2, "10000000abcd")]);
    }

    #[test]
    fn the_disk_below_everything_that_is_stacked_on_it() {
        let (sda, part) = ("sys/devices/pci/sda", "sys/devices/pci/sda/sda1");
        let in_sda = |name: &str| format!("{sda}/{name}");
        let (serial, partition) = (in_sda("device/wwid"), in_sda("sda1/partition"));
        check(&[("sys/dev/block/ROOT->", part), (&partition, "1"), (&serial, "naa.5000c5")], &[(3, "naa.5000c5")]);
        let crypt = "sys/devices/virtual/dm-0";
        let slave = format!("{crypt}/slaves/sda1->");
        let stacked = [("sys/dev/block/ROOT->", crypt), (&*slave, part), (&*partition, "1"), (&*serial, "naa.5000c5")];
        check(&stacked, &[(3, "naa.5000c5")]);
        check(&[("sys/dev/block/ROOT->", sda), (&in_sda("serial"), "S1"), (&serial, "naa")], &[(3, "S1")]);
        check(&[("sys/dev/block/0:0->", sda), (&serial, "naa.5000c5")], &[]);
    }

    #[test]
    fn only_cards_that_are_built_in_and_have_their_makers_address() {
        let card = |name: &str, device: &'static str, kind: &'static str, address: &'static str| {
            let file = |what: &str| format!("sys/class/net/{name}/{what}");
            let mut files = vec![(file("addr_assign_type"), kind), (file("address"), address)];
            if !device.is_empty() {
                files.push((file("device->"), device));
            }
            files
        };
        let cards = [
            card("eth1", "sys/devices/pci0/3", "0", "a4:bb:6d:00:00:02\n"),
            card("eth0", "sys/devices/pci0/2", "0", "00:1B:21:00:00:01\n"),
            card("wlan0", "sys/devices/pci0/4", "1", "00:1b:21:00:00:03"),
            card("set", "sys/devices/pci0/5", "3", "00:1b:21:00:00:04"),
            card("dock", "sys/devices/pci0/usb1/1-1", "0", "00:1b:21:00:00:05"),
            card("local", "sys/devices/pci0/6", "0", "02:fc:00:00:00:01"),
            card("docker0", "", "0", "00:1b:21:00:00:06"),
            card("none", "sys/devices/pci0/7", "0", "00:00:00:00:00:00"),
        ];
        let files: Vec<(&str, &str)> = cards.iter().flatten().map(|(place, content)| (&**place, *content)).collect();
        check(&files, &[(4, "00:1b:21:00:00:01\na4:bb:6d:00:00:02")]);
        check(&files[6..], &[]);
    }

    #[test]
    fn generations_of_virtual_machines() {
        let raw = "sys/firmware/qemu_fw_cfg/by_name/etc/vmgenid_guid/raw";
        let page = format!("{}0123456789abcdef{}", "\0".repeat(40), "\0".repeat(100));
        check(&[(raw, &page)], &[(5, "0123456789abcdef")]);
        check(&[(raw, &"\0".repeat(4096))], &[]);
        check(&[(raw, "short")], &[]);
    }

    #[test]
    fn hashes_depend_on_salt_kind_and_value() {
        let fact = |kind, value: &str| RawFact { kind, value: value.into() };
        let hashes = salted(&[7; 32], &[fact(1, "a"), fact(2, "a"), fact(1, "b"), fact(1, "a")]);
        assert_eq!(hashes[0], hashes[3]);
        assert!(hashes[0].hash != hashes[1].hash && hashes[0].hash != hashes[2].hash);
        assert_ne!(salted(&[8; 32], &[fact(1, "a")])[0], hashes[0]);
        // HMAC-SHA-256 by another implementation: key 07…07 (32 bytes), message 01 61.
        assert_eq!(hashes[0].hash, PYTHON);
    }

    const PYTHON: [u8; 8] = [150, 174, 134, 176, 166, 234, 103, 244];
}

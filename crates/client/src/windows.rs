//! What Windows knows of its machine, from the registry; what is not there is absent.

use keymuster_core::fingerprint::{BOARD_SERIAL, MACHINE_ID};
use windows_registry::LOCAL_MACHINE;

use crate::machine::RawFact;

/// The facts that tell this machine from a copy of its disk.
pub(crate) fn facts() -> Vec<RawFact> {
    let facts = [
        // Made at installation, and anew by sysprep.
        (MACHINE_ID, text(r"SOFTWARE\Microsoft\Cryptography", "MachineGuid")),
        // The UUID that the firmware tells.
        (BOARD_SERIAL, text(r"SYSTEM\HardwareConfig", "LastConfig")),
    ];
    facts.into_iter().filter_map(|(kind, value)| Some(RawFact { kind, value: value?.into_bytes() })).collect()
}

fn text(path: &str, name: &str) -> Option<String> {
    let text = LOCAL_MACHINE.open(path).and_then(|key| key.get_string(name)).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

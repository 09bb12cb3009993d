//! Lists of machines to convert: nothing panics, and no name reaches a script that could be more than a name.
#![no_main]

use keymuster_microsoft::convert::{Direction, cmd, file_name, powershell, read};
use keymuster_microsoft::text;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    // Nothing is accepted without a header line, which is rarely found by chance.
    check(&[b"machine,product,host\npc-1,windows 10 pro,\n", bytes].concat());
});

fn check(bytes: &[u8]) {
    let Ok(text) = text::decode(bytes) else { return };
    let Ok(machines) = read(&text) else { return };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    for machine in &machines {
        assert!(machine.name.chars().all(is_plain) && !machine.name.starts_with(['.', '-']), "{:?}", machine.name);
        assert!(file_name(machine).chars().all(is_plain));
        assert!(cmd(machine, Direction::ToMak, None).lines().all(|line| line.matches('"').count() % 2 == 0));
    }
    assert!(powershell(&machines, Direction::ToKms, None).ends_with("exit $failed\r\n"));
}

//! What the disk forgets, and what it may not forget: every crash test stands on this.

use std::ffi::OsStr;
use std::thread;
use std::time::Duration;

use keymuster_scenarios::crash::disk::{Counted, Disk, Event, Fate, Fault, Node, ROOT, Waited};
use keymuster_scenarios::crash::lot::Lot;

const PATIENCE: Duration = Duration::from_secs(20);

/// A disk with a file that has a lasting name.
fn disk() -> (Disk, u64) {
    let disk = Disk::new(Lot::new(1));
    let file = disk.create(ROOT, OsStr::new("a"), Node::file()).unwrap();
    disk.sync(ROOT).unwrap();
    (disk, file)
}

fn after(disk: &Disk, fate: Fate) -> Disk {
    disk.cut(fate);
    disk.release();
    disk.after_cut().unwrap()
}

/// The bytes of a file by its name, if it is there.
fn read(disk: &Disk, name: &str) -> Option<Vec<u8>> {
    let read = disk.look(|nodes| {
        let number = *nodes[&ROOT].names()?.get(OsStr::new(name)).ok_or(Fault::Missing)?;
        Ok(nodes[&number].bytes()?.to_vec())
    });
    read.ok()
}

#[test]
fn what_was_synced_outlives_every_power_cut_and_only_that_is_sure() {
    for fate in Fate::ALL {
        for seed in 0..50 {
            let disk = Disk::new(Lot::new(seed));
            let file = disk.create(ROOT, OsStr::new("a"), Node::file()).unwrap();
            disk.write(file, 0, &[1; 1000]).unwrap();
            disk.sync(file).unwrap();
            disk.sync(ROOT).unwrap();
            disk.write(file, 1000, &[2; 2000]).unwrap();
            let bytes = read(&after(&disk, fate), "a").unwrap();
            assert_eq!(bytes[..1000], [1; 1000], "{fate:?} {seed}");
            assert!(bytes[1000..].iter().all(|byte| [0, 2].contains(byte)), "{fate:?} {seed}");
            match fate {
                Fate::Forgotten => assert_eq!(bytes.len(), 1000),
                Fate::Unnamed => assert_eq!(bytes.len(), 3000),
                Fate::InPart => assert!([1000, 3000].contains(&bytes.len())),
                Fate::Torn => assert!(bytes.len() <= 3000),
            }
        }
    }
}

#[test]
fn writes_are_kept_in_any_combination_and_sectors_too() {
    let mut found = std::collections::BTreeSet::new();
    let mut torn = std::collections::BTreeSet::new();
    for seed in 0..200 {
        for (fate, found) in [(Fate::InPart, &mut found), (Fate::Torn, &mut torn)] {
            let disk = Disk::new(Lot::new(seed));
            let file = disk.create(ROOT, OsStr::new("a"), Node::file()).unwrap();
            disk.resize(file, 1024).unwrap();
            disk.sync(file).unwrap();
            disk.sync(ROOT).unwrap();
            disk.write(file, 0, &[1; 1024]).unwrap();
            disk.write(file, 1023, &[2]).unwrap();
            let bytes = read(&after(&disk, fate), "a").unwrap();
            found.insert((bytes[0], bytes[600], bytes[1023]));
        }
    }
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [(0, 0, 0), (0, 0, 2), (1, 1, 1), (1, 1, 2)]);
    assert_eq!(torn.len(), 8, "each sector by itself, and the last byte after it: {torn:?}");
}

#[test]
fn a_name_lasts_when_its_directory_was_synced() {
    for (fate, may_be_there) in
        [(Fate::Forgotten, false), (Fate::Unnamed, false), (Fate::InPart, true), (Fate::Torn, true)]
    {
        let mut times_there = 0;
        for seed in 0..50 {
            let disk = Disk::new(Lot::new(seed));
            let file = disk.create(ROOT, OsStr::new("new"), Node::file()).unwrap();
            disk.write(file, 0, b"x").unwrap();
            disk.sync(file).unwrap();
            times_there += u32::from(read(&after(&disk, fate), "new").is_some());
        }
        assert_eq!(times_there > 0, may_be_there, "{fate:?}");
        assert!(times_there < 50, "{fate:?}");
    }
}

#[test]
fn a_rename_that_was_not_synced_leaves_the_old_file_whole() {
    for is_synced in [false, true] {
        let (disk, old) = disk();
        disk.write(old, 0, b"old").unwrap();
        disk.sync(old).unwrap();
        let new = disk.create(ROOT, OsStr::new("a.new"), Node::file()).unwrap();
        disk.write(new, 0, b"new").unwrap();
        disk.sync(new).unwrap();
        disk.rename(ROOT, OsStr::new("a.new"), OsStr::new("a")).unwrap();
        assert_eq!(read(&disk, "a").unwrap(), b"new");
        if is_synced {
            disk.sync(ROOT).unwrap();
        }
        let left = after(&disk, Fate::Forgotten);
        let expected = if is_synced { b"new".to_vec() } else { b"old".to_vec() };
        assert_eq!((read(&left, "a").unwrap(), read(&left, "a.new")), (expected, None));
    }
}

#[test]
fn a_sync_that_failed_makes_nothing_last_nor_does_the_next_one() {
    let (disk, file) = disk();
    disk.write(file, 0, b"lost").unwrap();
    disk.set_trap(1, Counted::All, Event::Fail);
    assert_eq!(disk.sync(file), Err(Fault::Broken));
    assert_eq!(read(&disk, "a").unwrap(), b"lost", "it is read all the same");
    disk.write(file, 4, b"kept").unwrap();
    disk.sync(file).unwrap();
    assert_eq!(read(&after(&disk, Fate::Forgotten), "a").unwrap(), b"\0\0\0\0kept");
}

#[test]
fn a_disk_that_lies_forgets_what_it_said_was_synced() {
    let (disk, file) = disk();
    disk.lie_about("a");
    disk.write(file, 0, b"x").unwrap();
    disk.sync(file).unwrap();
    assert_eq!(read(&after(&disk, Fate::Forgotten), "a").unwrap(), b"");
}

#[test]
fn room_is_counted_and_comes_back() {
    let (disk, file) = disk();
    disk.leave_room(Some(10));
    disk.write(file, 0, &[1; 10]).unwrap();
    assert_eq!(disk.write(file, 10, &[1]), Err(Fault::Full));
    assert_eq!(disk.write(file, 0, &[2; 10]), Ok(()), "what is there may be written again");
    assert_eq!(disk.create(ROOT, OsStr::new("b"), Node::file()), Err(Fault::Full));
    disk.resize(file, 5).unwrap();
    assert_eq!(disk.free(), 5);
    disk.leave_room(None);
    disk.write(file, 10, &[1; 1000]).unwrap();
}

#[test]
fn the_trap_snaps_at_its_change_and_nothing_goes_on_before_the_release() {
    for (event, first, second) in [
        (Event::Stop { is_done: false }, Err(Fault::Broken), Ok(())),
        (Event::Stop { is_done: true }, Ok(()), Ok(())),
        (Event::Cut(Fate::Forgotten), Err(Fault::Broken), Err(Fault::Broken)),
    ] {
        let (disk, file) = disk();
        disk.set_trap(2, Counted::All, event);
        disk.write(file, 0, b"one").unwrap();
        let results = thread::scope(|scope| {
            let writer = scope.spawn(|| (disk.write(file, 3, b"two"), disk.write(file, 6, b"three")));
            assert_eq!(disk.wait(PATIENCE), Waited::Stopped);
            assert!(!writer.is_finished());
            disk.release();
            writer.join().unwrap()
        });
        assert_eq!(results, (first, second), "{event:?}");
        assert_eq!(disk.counted(), 2);
    }
}

#[test]
fn every_change_fails_from_one_on_and_reading_does_not() {
    let (disk, file) = disk();
    disk.write(file, 0, b"x").unwrap();
    disk.set_trap(2, Counted::Of("a"), Event::FailFromHere);
    disk.create(ROOT, OsStr::new("other"), Node::file()).unwrap();
    let results =
        [disk.write(file, 0, b"y"), disk.write(file, 0, b"z"), disk.sync(file), disk.remove(ROOT, OsStr::new("a"))];
    assert_eq!(results, [Ok(()), Err(Fault::Broken), Err(Fault::Broken), Err(Fault::Broken)]);
    assert_eq!(read(&disk, "a").unwrap(), b"y");
}

#[test]
fn shared_memory_is_not_counted_and_a_wait_ends_when_the_trap_is_gone() {
    let disk = Disk::new(Lot::new(1));
    let memory = disk.create(ROOT, OsStr::new("a-shm"), Node::file()).unwrap();
    disk.set_trap(1, Counted::All, Event::Cut(Fate::Forgotten));
    disk.write(memory, 0, b"x").unwrap();
    assert_eq!(disk.wait(Duration::ZERO), Waited::TimedOut);
    disk.dismiss();
    assert_eq!(disk.wait(PATIENCE), Waited::Dismissed);
}

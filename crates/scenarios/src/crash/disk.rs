//! A disk in memory that knows what was synced: at a power cut it forgets the rest, as a real one may.
//!
//! A file's bytes last when the file was synced, and its name lasts when its directory was. What was not synced is lost, or
//! kept in part, in no order. Only the memory that SQLite shares between processes (`-shm`) is never counted as a change:
//! it is mapped, and the kernel writes it when it likes.

mod files;
mod node;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use node::{Change, NameChange};
pub use node::{Content, Node};

use super::lot::Lot;

/// The number of the root directory.
pub const ROOT: u64 = 1;
/// Bytes that a disk writes as a whole.
pub const SECTOR: usize = 512;

/// What becomes of what was not synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// All of it is lost, names too.
    Forgotten,
    /// Any of the writes are kept, and of the names those up to some moment.
    InPart,
    /// Any of the sectors are kept, and of the names those up to some moment.
    Torn,
    /// Everything is kept but new names.
    Unnamed,
}

impl Fate {
    /// All of them.
    pub const ALL: [Fate; 4] = [Fate::Forgotten, Fate::InPart, Fate::Torn, Fate::Unnamed];

    /// One of them.
    pub fn drawn(lot: &Lot) -> Fate {
        Fate::ALL[lot.below(Fate::ALL.len() as u64) as usize]
    }
}

/// What happens at a change that was waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Everything stands still, to have a process killed, before the change or after it.
    Stop {
        /// Whether the change is still made.
        is_done: bool,
    },
    /// The power goes before the change.
    Cut(Fate),
    /// The change fails with EIO; all others succeed. What a failed sync was to make last does not last: the kernel has
    /// thrown it away, whatever is synced later.
    Fail,
    /// This and every later change fails with EIO.
    FailFromHere,
}

/// Which changes are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counted {
    /// All of them.
    All,
    /// Those of the file whose name ends so, which is how a checkpoint is met.
    Of(&'static str),
}

/// Why something was not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The disk does not work.
    Broken,
    /// There is no room.
    Full,
    /// There is no such name.
    Missing,
    /// The name is taken.
    Taken,
    /// The directory is not empty.
    NotEmpty,
    /// The disk does not know how.
    Unsupported,
}

/// A disk; clones are the same disk.
#[derive(Clone, Debug)]
pub struct Disk(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Somebody waits for a change of `mode`.
    moved: Condvar,
}

#[derive(Debug)]
struct State {
    nodes: BTreeMap<u64, Node>,
    next: u64,
    trap: Option<Trap>,
    mode: Mode,
    /// Counted since the trap was set, for whoever wants to know how many there were.
    counted: u64,
    /// Bytes that files may take, if there is a limit.
    room: Option<u64>,
    /// A name's end whose files are said to be synced and are not.
    lies_about: Option<&'static str>,
    /// What is left after the power cut.
    left: Option<BTreeMap<u64, Node>>,
    lot: Lot,
}

/// The change that is waited for.
#[derive(Clone, Copy, Debug)]
struct Trap {
    at: u64,
    counted: Counted,
    event: Event,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Works,
    /// Nothing is answered until it is released.
    Stopped,
    /// Every change fails.
    Failing,
    /// Nothing works any more.
    Off,
}

/// How a wait for the trap ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waited {
    /// The disk stands still.
    Stopped,
    /// The trap was taken away before.
    Dismissed,
    /// Nothing happened within the time.
    TimedOut,
}

impl Disk {
    /// An empty disk; what is left to chance follows from `lot`.
    pub fn new(lot: Lot) -> Disk {
        let root = Node::directory();
        Disk::of(BTreeMap::from([(ROOT, root)]), lot)
    }

    fn of(nodes: BTreeMap<u64, Node>, lot: Lot) -> Disk {
        let next = nodes.keys().next_back().map_or(ROOT, |last| *last) + 1;
        let (trap, mode, counted, room, lies_about, left) = (None, Mode::Works, 0, None, None, None);
        let state = State { nodes, next, trap, mode, counted, room, lies_about, left, lot };
        Disk(Arc::new(Shared { state: Mutex::new(state), moved: Condvar::new() }))
    }

    /// A thread that panicked has left nothing half done that matters: its test has failed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the change with this number, counted from here.
    pub fn set_trap(&self, at: u64, counted: Counted, event: Event) {
        let mut state = self.lock();
        (state.trap, state.counted) = (Some(Trap { at, counted, event }), 0);
    }

    /// Counted changes since the trap was set.
    pub fn counted(&self) -> u64 {
        self.lock().counted
    }

    /// Files whose names end so are said to be synced and are not.
    pub fn lie_about(&self, end: &'static str) {
        self.lock().lies_about = Some(end);
    }

    /// Leaves room for so many bytes more than there are, or as many as one likes.
    pub fn leave_room(&self, bytes: Option<u64>) {
        let mut state = self.lock();
        state.room = bytes.map(|bytes| state.used() + bytes);
    }

    /// Room that is left, in bytes.
    pub fn free(&self) -> u64 {
        let state = self.lock();
        state.room.map_or(1 << 40, |room| room.saturating_sub(state.used()))
    }

    /// Makes everything last, as if all had been synced.
    pub fn sync_all(&self) {
        self.lock().nodes.values_mut().for_each(Node::sync);
    }

    /// The power goes now: what is left is decided, and everything stands still until [`Disk::release`].
    pub fn cut(&self, fate: Fate) {
        let mut state = self.lock();
        if state.left.is_none() {
            state.cut(fate);
            self.0.moved.notify_all();
        }
    }

    /// Waits until the disk stands still.
    pub fn wait(&self, patience: Duration) -> Waited {
        let until = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            if state.mode == Mode::Stopped {
                return Waited::Stopped;
            }
            if state.trap.is_none() {
                return Waited::Dismissed;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Waited::TimedOut;
            }
            state = self.0.moved.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes the trap away, unless it has done its work; then everything stands still until [`Disk::release`].
    pub fn dismiss(&self) {
        let mut state = self.lock();
        state.trap = None;
        self.0.moved.notify_all();
    }

    /// Lets a disk that stands still go on, or fail everything where its power is off.
    pub fn release(&self) {
        let mut state = self.lock();
        if state.mode == Mode::Stopped {
            state.mode = if state.left.is_some() { Mode::Off } else { Mode::Works };
        }
        self.0.moved.notify_all();
    }

    /// The disk as it is found after the power cut.
    pub fn after_cut(&self) -> Option<Disk> {
        let mut state = self.lock();
        let nodes = state.left.take()?;
        Some(Disk::of(nodes, state.lot.branch()))
    }

    /// Whether the power has gone.
    pub fn is_off(&self) -> bool {
        self.lock().left.is_some()
    }

    /// Another disk that holds the same, of which everything lasts.
    pub fn copy(&self) -> Disk {
        let state = self.lock();
        let copy = Disk::of(state.nodes.clone(), state.lot.branch());
        drop(state);
        copy.sync_all();
        copy
    }

    /// Reads without changing anything.
    pub fn look<T>(&self, read: impl FnOnce(&BTreeMap<u64, Node>) -> Result<T, Fault>) -> Result<T, Fault> {
        let state = self.running()?;
        read(&state.nodes)
    }

    /// Waits while everything stands still.
    fn running(&self) -> Result<MutexGuard<'_, State>, Fault> {
        let mut state = self.lock();
        while state.mode == Mode::Stopped {
            state = self.0.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.mode == Mode::Off { Err(Fault::Broken) } else { Ok(state) }
    }

    /// Makes one change, at which the trap may snap. `name` is that of the file or directory that changes.
    fn change<T>(
        &self,
        name: &OsStr,
        fail: impl FnOnce(&mut State),
        make: impl FnOnce(&mut State) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut state = self.running()?;
        if ends_with(name, "-shm") {
            return make(&mut state);
        }
        if state.mode == Mode::Failing {
            fail(&mut state);
            return Err(Fault::Broken);
        }
        let Some(event) = state.snap(name) else { return make(&mut state) };
        match event {
            Event::Fail | Event::FailFromHere => {
                if event == Event::FailFromHere {
                    state.mode = Mode::Failing;
                }
                fail(&mut state);
                self.0.moved.notify_all();
                return Err(Fault::Broken);
            }
            Event::Stop { is_done: true } => {
                let made = make(&mut state);
                state.mode = Mode::Stopped;
                self.0.moved.notify_all();
                drop(state);
                drop(self.running()?);
                return made;
            }
            Event::Stop { is_done: false } => state.mode = Mode::Stopped,
            Event::Cut(fate) => state.cut(fate),
        }
        self.0.moved.notify_all();
        drop(state);
        drop(self.running()?);
        Err(Fault::Broken)
    }

    /// The name of a node, for the rules that go by names.
    fn name_of(&self, node: u64) -> OsString {
        let state = self.lock();
        let named = state.nodes.values().find_map(|directory| directory.name_of(node));
        named.unwrap_or_default()
    }

    /// Writes into a file.
    pub fn write(&self, file: u64, at: u64, bytes: &[u8]) -> Result<(), Fault> {
        let change = Change::Write { at: at as usize, bytes: bytes.to_vec() };
        self.change(&self.name_of(file), |_| {}, |state| state.change_file(file, change))
    }

    /// Makes a file shorter or longer.
    pub fn resize(&self, file: u64, len: u64) -> Result<(), Fault> {
        self.change(&self.name_of(file), |_| {}, |state| state.change_file(file, Change::Resize(len as usize)))
    }

    /// Makes what was changed in a file or a directory last.
    pub fn sync(&self, node: u64) -> Result<(), Fault> {
        let name = self.name_of(node);
        let doom = |state: &mut State| state.nodes.get_mut(&node).into_iter().for_each(Node::doom);
        self.change(&name, doom, |state| {
            if state.lies_about.is_none_or(|end| !ends_with(&name, end)) {
                state.node(node)?.sync();
            }
            Ok(())
        })
    }

    /// Makes an empty file or directory, and returns its number.
    pub fn create(&self, directory: u64, name: &OsStr, node: Node) -> Result<u64, Fault> {
        self.change(
            name,
            |_| {},
            |state| {
                if state.room.is_some_and(|room| room <= state.used()) {
                    return Err(Fault::Full);
                }
                let number = state.next;
                let parent = state.node(directory)?;
                if parent.names()?.contains_key(name) {
                    return Err(Fault::Taken);
                }
                parent.rename(NameChange::Set(name.to_owned(), number))?;
                state.nodes.insert(number, node);
                state.next += 1;
                Ok(number)
            },
        )
    }

    /// Removes a name. What has no name takes no room, and goes at the next power cut.
    pub fn remove(&self, directory: u64, name: &OsStr) -> Result<(), Fault> {
        self.change(
            name,
            |_| {},
            |state| {
                let number = *state.node(directory)?.names()?.get(name).ok_or(Fault::Missing)?;
                if state.node(number)?.names().is_ok_and(|names| !names.is_empty()) {
                    return Err(Fault::NotEmpty);
                }
                state.node(directory)?.rename(NameChange::Unset(name.to_owned()))
            },
        )
    }

    /// Gives a node another name in the same directory, which may be that of another, as a whole.
    pub fn rename(&self, directory: u64, from: &OsStr, to: &OsStr) -> Result<(), Fault> {
        self.change(
            to,
            |_| {},
            |state| {
                let parent = state.node(directory)?;
                let number = *parent.names()?.get(from).ok_or(Fault::Missing)?;
                parent.rename(NameChange::Move(from.to_owned(), to.to_owned(), number))
            },
        )
    }

    /// Changes mode or owner, which last at once here.
    pub fn own(&self, node: u64, change: impl FnOnce(&mut Node)) -> Result<(), Fault> {
        let mut state = self.running()?;
        change(state.node(node)?);
        Ok(())
    }
}

impl State {
    fn node(&mut self, number: u64) -> Result<&mut Node, Fault> {
        self.nodes.get_mut(&number).ok_or(Fault::Missing)
    }

    /// Counts a change, and says what happens at it.
    fn snap(&mut self, name: &OsStr) -> Option<Event> {
        let trap = self.trap?;
        let is_counted = match trap.counted {
            Counted::All => true,
            Counted::Of(end) => ends_with(name, end),
        };
        self.counted += u64::from(is_counted);
        if !is_counted || self.counted != trap.at {
            return None;
        }
        self.trap = None;
        Some(trap.event)
    }

    fn change_file(&mut self, file: u64, change: Change) -> Result<(), Fault> {
        let used = self.used();
        let room = self.room;
        let file = self.node(file)?;
        if room.is_some_and(|room| used + file.growth(&change) > room) {
            return Err(Fault::Full);
        }
        file.change(change)
    }

    /// Bytes of all files that have a name.
    fn used(&self) -> u64 {
        let named = self.nodes.values().filter_map(|node| node.names().ok()).flat_map(|names| names.values());
        named.filter_map(|number| self.nodes.get(number)).map(Node::len).sum()
    }

    fn cut(&mut self, fate: Fate) {
        let mut left = BTreeMap::new();
        let mut waiting = vec![ROOT];
        while let Some(number) = waiting.pop() {
            let Some(node) = self.nodes.get(&number) else { continue };
            let node = node.after_cut(fate, &self.lot);
            waiting.extend(node.names().into_iter().flat_map(|names| names.values().copied()));
            left.insert(number, node);
        }
        (self.left, self.mode, self.trap) = (Some(left), Mode::Stopped, None);
    }
}

fn ends_with(name: &OsStr, end: &str) -> bool {
    name.as_encoded_bytes().ends_with(end.as_bytes())
}

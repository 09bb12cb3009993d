//! A [`Disk`] as a file system that the kernel mounts (FUSE), so that real programs write to it.
//!
//! Locks and what is mapped are the kernel's own business: there is one kernel, and it is not what is cut off here.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use super::disk::{Disk, Fault, Node};

/// Nobody but the kernel changes anything, so what it was told stays true.
const FOR_EVER: Duration = Duration::from_secs(86_400);
const BLOCK: u64 = 4096;
const DEVICE: &str = "/dev/fuse";
/// Set for the run that has a mount namespace of its own.
const ALONE: &str = "KEYMUSTER_CRASH_ALONE";

/// A mounted disk.
#[derive(Debug)]
pub struct Mount(BackgroundSession);

impl Mount {
    /// Mounts a disk.
    pub fn new(disk: &Disk, at: &Path) -> anyhow::Result<Mount> {
        ensure!(
            Path::new(DEVICE).exists(),
            "{DEVICE} is missing, and these tests mount a file system of their own: run `modprobe fuse`, or give the \
             container that device"
        );
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("keymuster-crash".to_owned()), MountOption::NoAtime];
        let session = fuser::spawn_mount(Adapter(disk.clone()), at, &config);
        let session = session.with_context(|| format!("cannot mount a file system on {}", at.display()))?;
        Ok(Mount(session))
    }

    /// Takes it away; nobody may have a file open in it.
    pub fn end(self) -> anyhow::Result<()> {
        self.0.umount_and_join().context("cannot take the file system away")
    }
}

/// Runs the rest of a program in a mount namespace of its own, so that nothing stays mounted whatever becomes of it; the
/// exit code of that run, or nothing in that run itself.
pub fn alone() -> anyhow::Result<Option<i32>> {
    if std::env::var_os(ALONE).is_some() {
        return Ok(None);
    }
    let is_root = rustix::process::geteuid().is_root();
    let mut command = Command::new("unshare");
    command.arg("--mount").args((!is_root).then_some("--map-root-user"));
    command.arg(std::env::current_exe()?).args(std::env::args_os().skip(1)).env(ALONE, "1");
    let status = command.status().context("cannot start unshare(1), of the package util-linux")?;
    Ok(Some(status.code().unwrap_or(1)))
}

/// What the kernel asks, as the disk understands it.
#[derive(Debug)]
struct Adapter(Disk);

impl From<Fault> for Errno {
    fn from(fault: Fault) -> Errno {
        match fault {
            Fault::Broken => Errno::EIO,
            Fault::Full => Errno::ENOSPC,
            Fault::Missing => Errno::ENOENT,
            Fault::Taken => Errno::EEXIST,
            Fault::NotEmpty => Errno::ENOTEMPTY,
            Fault::Unsupported => Errno::EOPNOTSUPP,
        }
    }
}

impl Adapter {
    fn attributes(&self, number: u64) -> Result<FileAttr, Fault> {
        self.0.look(|nodes| Ok(attributes(number, nodes.get(&number).ok_or(Fault::Missing)?)))
    }

    fn find(&self, directory: u64, name: &OsStr) -> Result<FileAttr, Fault> {
        self.0.look(|nodes| {
            let number = *nodes.get(&directory).ok_or(Fault::Missing)?.names()?.get(name).ok_or(Fault::Missing)?;
            Ok(attributes(number, nodes.get(&number).ok_or(Fault::Missing)?))
        })
    }

    fn make(
        &self,
        asked: &Request,
        directory: u64,
        name: &OsStr,
        (mode, node): (u32, Node),
    ) -> Result<FileAttr, Fault> {
        let node = Node { mode: (mode & 0o7777) as u16, owner: (asked.uid(), asked.gid()), ..node };
        self.attributes(self.0.create(directory, name, node)?)
    }
}

fn attributes(number: u64, node: &Node) -> FileAttr {
    let kind = if node.names().is_ok() { FileType::Directory } else { FileType::RegularFile };
    let (epoch, (uid, gid)) = (SystemTime::UNIX_EPOCH, node.owner);
    FileAttr {
        ino: INodeNo(number),
        size: node.len(),
        blocks: node.len().div_ceil(512),
        atime: epoch,
        mtime: epoch,
        ctime: epoch,
        crtime: epoch,
        kind,
        perm: node.mode,
        nlink: 1,
        uid,
        gid,
        rdev: 0,
        blksize: BLOCK as u32,
        flags: 0,
    }
}

fn answer_entry(found: Result<FileAttr, Fault>, reply: ReplyEntry) {
    match found {
        Ok(found) => reply.entry(&FOR_EVER, &found, Generation(0)),
        Err(fault) => reply.error(fault.into()),
    }
}

fn answer(done: Result<(), Fault>, reply: ReplyEmpty) {
    match done {
        Ok(()) => reply.ok(),
        Err(fault) => reply.error(fault.into()),
    }
}

impl Filesystem for Adapter {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        answer_entry(self.find(parent.0, name), reply);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attributes(ino.0) {
            Ok(found) => reply.attr(&FOR_EVER, &found),
            Err(fault) => reply.error(fault.into()),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let owned = self.0.own(ino.0, |node| {
            node.mode = mode.map_or(node.mode, |mode| (mode & 0o7777) as u16);
            node.owner = (uid.unwrap_or(node.owner.0), gid.unwrap_or(node.owner.1));
        });
        let sized = owned.and_then(|()| size.map_or(Ok(()), |size| self.0.resize(ino.0, size)));
        match sized.and_then(|()| self.attributes(ino.0)) {
            Ok(found) => reply.attr(&FOR_EVER, &found),
            Err(fault) => reply.error(fault.into()),
        }
    }

    fn mkdir(&self, asked: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, reply: ReplyEntry) {
        answer_entry(self.make(asked, parent.0, name, (mode & !umask, Node::directory())), reply);
    }

    fn create(
        &self,
        asked: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        match self.make(asked, parent.0, name, (mode & !umask, Node::file())) {
            Ok(made) => reply.created(&FOR_EVER, &made, Generation(0), FileHandle(0), FopenFlags::empty()),
            Err(fault) => reply.error(fault.into()),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer(self.0.remove(parent.0, name), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer(self.0.remove(parent.0, name), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        // Nobody here moves files between directories, or asks for more than a plain move.
        let is_plain = parent == newparent && flags.is_empty();
        let moved = if is_plain { self.0.rename(parent.0, name, newname) } else { Err(Fault::Unsupported) };
        answer(moved, reply);
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let read = self.0.look(|nodes| {
            let bytes = nodes.get(&ino.0).ok_or(Fault::Missing)?.bytes()?;
            let begin = bytes.len().min(offset as usize);
            Ok(bytes[begin..bytes.len().min(begin + size as usize)].to_vec())
        });
        match read {
            Ok(bytes) => reply.data(&bytes),
            Err(fault) => reply.error(fault.into()),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.0.write(ino.0, offset, data) {
            Ok(()) => reply.written(data.len() as u32),
            Err(fault) => reply.error(fault.into()),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        answer(self.0.sync(ino.0), reply);
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        answer(self.0.sync(ino.0), reply);
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let listed = self.0.look(|nodes| {
            let names = nodes.get(&ino.0).ok_or(Fault::Missing)?.names()?;
            let kind = |number: &u64| match nodes.get(number).map(|node| node.names().is_ok()) {
                Some(true) => FileType::Directory,
                _ => FileType::RegularFile,
            };
            Ok(names.iter().map(|(name, number)| (name.clone(), *number, kind(number))).collect::<Vec<_>>())
        });
        match listed {
            Ok(listed) => {
                for (place, (name, number, kind)) in (1..).zip(listed).skip(offset as usize) {
                    if reply.add(INodeNo(number), place, kind, name) {
                        break;
                    }
                }
                reply.ok();
            }
            Err(fault) => reply.error(fault.into()),
        }
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let free = self.0.free() / BLOCK;
        reply.statfs(free + 1, free, free, 1 << 20, 1 << 20, BLOCK as u32, 255, BLOCK as u32);
    }
}

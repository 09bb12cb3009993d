//! Telling the service manager how this program stands, by the protocol of `sd_notify`: one datagram for each change.
//!
//! Without a manager that asked for it, by `NOTIFY_SOCKET`, nothing is told and nothing fails.

use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Names the manager's socket: a path, or behind `@` a name without a file.
const SOCKET_VARIABLE: &str = "NOTIFY_SOCKET";

/// Says that requests are answered; `status` is a line for people, which the manager shows.
pub fn ready(status: &str) {
    tell(&format!("READY=1\nSTATUS={status}"));
}

/// Says how this program stands, in a line for people.
pub fn status(status: &str) {
    tell(&format!("STATUS={status}"));
}

/// Says that what was begun is finished, and nothing new is taken.
pub fn stopping() {
    tell("STOPPING=1\nSTATUS=stopping");
}

/// A manager that does not listen costs a line in the log and no more: whoever is served does not depend on it.
fn tell(state: &str) {
    let Some(name) = env::var_os(SOCKET_VARIABLE).filter(|name| !name.is_empty()) else { return };
    if let Err(error) = send(name.as_bytes(), state) {
        tracing::warn!(%error, "cannot tell the service manager how this program stands");
    }
}

fn send(name: &[u8], state: &str) -> io::Result<()> {
    let address = match name {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        path => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(path))?,
    };
    let socket = UnixDatagram::unbound()?;
    // A manager whose queue is full must not stop a server.
    socket.set_nonblocking(true)?;
    socket.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_hears_by_path_and_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let abstract_name = format!("keymuster-notify-{}", std::process::id());
        let by_path = (UnixDatagram::bind(&path).unwrap(), path.as_os_str().as_bytes().to_vec());
        let abstract_address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        let by_name = (UnixDatagram::bind_addr(&abstract_address).unwrap(), format!("@{abstract_name}").into_bytes());
        for (manager, name) in [by_path, by_name] {
            send(&name, "READY=1\nSTATUS=here").unwrap();
            let mut heard = [0; 100];
            let length = manager.recv(&mut heard).unwrap();
            assert_eq!(&heard[..length], b"READY=1\nSTATUS=here");
        }
        assert!(send(b"/nowhere/notify", "READY=1").is_err());
    }
}

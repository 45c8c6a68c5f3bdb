//! Whether the other end of a connection is there.
#![allow(unsafe_code)]

use std::os::fd::RawFd;

/// Has the peer closed, of the socket with this number? Asks the system, without waiting; costs half
/// a microsecond. The number may be one that was in use: then the answer means nothing.
pub fn is_hung_up(fd: RawFd) -> bool {
    let gone = libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR | libc::POLLNVAL;
    let mut asked = libc::pollfd {
        fd,
        events: libc::POLLRDHUP,
        revents: 0,
    };
    // SAFETY: it reads and writes the one record that it is given; any number may stand in it.
    let answered = unsafe { libc::poll(&mut asked, 1, 0) };
    answered == 1 && asked.revents & gone != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::Shutdown;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn who_has_closed_is_noticed_behind_what_it_sent() {
        let (own, mut peer) = UnixStream::pair().expect("two sockets");
        assert!(!is_hung_up(own.as_raw_fd()));
        peer.write_all(b"PING").expect("there is room");
        assert!(!is_hung_up(own.as_raw_fd()));
        peer.shutdown(Shutdown::Write).expect("it is open");
        assert!(is_hung_up(own.as_raw_fd()));
        drop(peer);
        assert!(is_hung_up(own.as_raw_fd()));
    }
}

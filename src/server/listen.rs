//! Opens the listening sockets that the configuration asks for.

use super::Failure;
use crate::config::{BindAddress, Loaded};
use socket2::{Domain, Protocol, Socket, Type};
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

/// How clients of a listener are spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Plain.
    Plain,
    /// TLS.
    Tls,
}

/// Sockets that clients connect to.
#[derive(Default)]
pub struct ClientListeners {
    /// TCP, plain or with TLS.
    pub tcp: Vec<(TcpListener, Transport)>,
    /// A unix socket.
    pub unix: Option<UnixListener>,
}

/// Everything the server listens on.
pub struct Listeners {
    /// For clients.
    pub clients: ClientListeners,
    /// For health probes.
    pub health: Vec<TcpListener>,
    /// What the operator should know although it is no error.
    pub warnings: Vec<String>,
}

/// Opens all sockets.
pub fn open(loaded: &Loaded) -> Result<Listeners, Failure> {
    let server = &loaded.config.server;
    let security = &loaded.config.security;
    let mut clients = ClientListeners::default();
    let mut warnings = Vec::new();
    let both = security.tls_enabled && security.tls_port != 0;
    let plain = if security.tls_enabled && !both {
        Transport::Tls
    } else {
        Transport::Plain
    };
    let mut ports = vec![(server.port, plain)];
    if both {
        ports.push((security.tls_port, Transport::Tls));
    }
    for (port, transport) in ports.into_iter().filter(|(port, _)| *port != 0) {
        for listener in bind_all(&server.bind, port, server.backlog)? {
            clients.tcp.push((listener, transport));
        }
    }
    if let Some(path) = &server.unix_socket {
        clients.unix = Some(bind_unix(path, server.unix_socket_perm)?);
    }
    if clients.tcp.is_empty() && clients.unix.is_none() {
        return Err(Failure(
            "nothing to listen on: no port and no unix socket".into(),
        ));
    }
    let mut health = Vec::new();
    if server.health_check_port != 0 {
        match bind_all(
            server.health_addresses(),
            server.health_check_port,
            server.backlog,
        ) {
            Ok(listeners) => health = listeners,
            Err(failure) if !loaded.is_chosen("server.health_check_port") => {
                warnings.push(format!("no health endpoint: {failure}"));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(Listeners {
        clients,
        health,
        warnings,
    })
}

fn bind_all(hosts: &[BindAddress], port: u16, backlog: u32) -> Result<Vec<TcpListener>, Failure> {
    let mut listeners = Vec::new();
    for host in hosts {
        let addresses = host
            .resolve(port)
            .map_err(|error| Failure(format!("cannot resolve '{host}' to listen on: {error}")))?;
        for address in addresses {
            match bind(address, backlog) {
                Ok(listener) => listeners.push(listener),
                Err(error) if host.optional && error.kind() == io::ErrorKind::AddrNotAvailable => {}
                Err(error) => {
                    return Err(Failure(format!("cannot listen on {address}: {error}")));
                }
            }
        }
    }
    Ok(listeners)
}

fn bind(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restart must not wait for the last run's connections to be forgotten.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

fn bind_unix(path: &Path, mode: u32) -> Result<UnixListener, Failure> {
    let failure = |error: io::Error| {
        Failure(format!(
            "cannot listen on unix socket {}: {error}",
            path.display()
        ))
    };
    // A socket left behind by a run that was killed; anything else is not ours to remove.
    if fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket()) {
        fs::remove_file(path).map_err(failure)?;
    }
    let listener = UnixListener::bind(path).map_err(failure)?;
    if mode != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failure)?;
    }
    listener.set_nonblocking(true).map_err(failure)?;
    Ok(listener)
}

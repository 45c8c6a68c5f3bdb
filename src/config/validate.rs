//! Rules between options: each alone is valid, together they make no sense.

use super::{Config, TlsClientAuth};

/// A rule that a configuration breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The option to complain about.
    pub name: &'static str,
    /// What is wrong with it.
    pub message: &'static str,
}

/// The first rule that `config` breaks.
///
/// # Errors
/// When it breaks one.
pub fn validate(config: &Config) -> Result<(), Conflict> {
    let (server, security) = (&config.server, &config.security);
    let plain = server.port != 0 && !server.bind.is_empty();
    let tls = security.tls_port != 0 && !server.bind.is_empty();
    let rules = [
        (
            !plain && !tls && server.unix_socket.is_none(),
            "server.port",
            "there is nothing to listen on: set a port, a TLS port or a unix socket",
        ),
        (
            security.tls_port != 0 && !security.tls_enabled,
            "security.tls_port",
            "a TLS port needs tls_enabled = true",
        ),
        (
            security.tls_port != 0 && security.tls_port == server.port,
            "security.tls_port",
            "the TLS port must differ from server.port (0 makes that port speak TLS)",
        ),
        (
            security.tls_enabled && security.tls_cert_path.is_none(),
            "security.tls_enabled",
            "TLS needs a certificate: set tls_cert_path",
        ),
        (
            security.tls_enabled && security.tls_key_path.is_none(),
            "security.tls_enabled",
            "TLS needs the certificate's key: set tls_key_path",
        ),
        (
            security.tls_enabled
                && security.tls_client_auth != TlsClientAuth::No
                && security.tls_ca_path.is_none(),
            "security.tls_client_auth",
            "client certificates need an authority to check them: set tls_ca_path",
        ),
    ];
    let rules = rules.into_iter().chain([(
        config.acl.file.is_some() && !config.acl.users.is_empty(),
        "acl.users",
        "users are named here or in the file acl.file, not in both",
    )]);
    match { rules }.find(|(broken, ..)| *broken) {
        Some((_, name, message)) => Err(Conflict { name, message }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conflict(change: impl FnOnce(&mut Config)) -> &'static str {
        let mut config = Config::default();
        change(&mut config);
        validate(&config).err().map_or("", |conflict| conflict.name)
    }

    #[test]
    fn rules() {
        assert_eq!(conflict(|_| ()), "");
        assert_eq!(conflict(|config| config.server.port = 0), "server.port");
        assert_eq!(conflict(|config| config.server.bind.clear()), "server.port");
        assert_eq!(
            conflict(|config| config.security.tls_port = 1),
            "security.tls_port"
        );
        assert_eq!(
            conflict(|config| config.security.tls_enabled = true),
            "security.tls_enabled"
        );
        let socket_only = |config: &mut Config| {
            config.server.port = 0;
            config.server.unix_socket = Some("/tmp/s".into());
        };
        assert_eq!(conflict(socket_only), "");
        let tls = |config: &mut Config| {
            config.security.tls_enabled = true;
            config.security.tls_cert_path = Some("c".into());
            config.security.tls_key_path = Some("k".into());
        };
        assert_eq!(conflict(tls), "");
        let keyless = |config: &mut Config| {
            tls(config);
            config.security.tls_key_path = None;
        };
        assert_eq!(conflict(keyless), "security.tls_enabled");
        let mutual = |config: &mut Config| {
            tls(config);
            config.security.tls_client_auth = TlsClientAuth::Optional;
        };
        assert_eq!(conflict(mutual), "security.tls_client_auth");
        let same_port = |config: &mut Config| {
            tls(config);
            config.security.tls_port = config.server.port;
        };
        assert_eq!(conflict(same_port), "security.tls_port");
    }
}

//! Who may connect, and how connections are protected.

use super::{INT_MAX, Spec, boolean, choice, int, path, section};
use crate::config::secret::Secret;
use crate::config::types::{Permission, TlsClientAuth, TlsClientUser, TlsProtocols};
use crate::config::value::Kind;

section! {
    /// Who may connect, and how connections are protected.
    security: Security {
        /// Password that clients give with AUTH; empty asks for none. REDIS_PASSWORD_FILE names a
        /// file that holds it.
        password: Secret = Spec::new(Kind::Secret, "").live()
            .redis(&["requirepass"]).env("REDIS_PASSWORD");
        /// While there is no password, let only clients on this machine in.
        protected_mode: bool = boolean("true").live().redis(&["protected-mode"]);
        /// Seconds that a client has to authenticate; 0 is no limit.
        auth_timeout_secs: u32 = int(0, INT_MAX, "10").live();
        /// Who may run DEBUG: no, local (clients on this machine) or yes.
        enable_debug_command: Permission = choice::<Permission>("no")
            .redis(&["enable-debug-command"]);
        /// Speak TLS: on `tls_port`, or on `port` itself while `tls_port` is 0.
        tls_enabled: bool = boolean("false");
        /// TCP port for TLS beside the plain one.
        tls_port: u16 = int(0, 65535, "0").redis(&["tls-port"]);
        /// PEM file with the server's certificate and the chain up to its root.
        tls_cert_path: Option<std::path::PathBuf> = path().live().redis(&["tls-cert-file"]);
        /// PEM file with the certificate's private key.
        tls_key_path: Option<std::path::PathBuf> = path().live().redis(&["tls-key-file"]);
        /// PEM file with the authorities that sign clients' certificates.
        tls_ca_path: Option<std::path::PathBuf> = path().live().redis(&["tls-ca-cert-file"]);
        /// Whether TLS clients must show a certificate: no, yes or optional.
        tls_client_auth: TlsClientAuth = choice::<TlsClientAuth>("no").live()
            .redis(&["tls-auth-clients"]);
        /// Which name in a TLS client's certificate is that of the user it is, without a password:
        /// off, CN or URI.
        tls_client_user: TlsClientUser = choice::<TlsClientUser>("off").live()
            .redis(&["tls-auth-clients-user"]);
        /// TLS versions offered.
        tls_protocols: TlsProtocols = choice::<TlsProtocols>("TLSv1.2 TLSv1.3").live()
            .redis(&["tls-protocols"]);
        /// Seconds that a TLS handshake may take; 0 is no limit.
        tls_handshake_timeout_secs: u32 = int(0, INT_MAX, "5").live();
    }
}

//! A throw-away certificate for servers and the client side that trusts it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::Result;

/// A self-signed certificate for `localhost`, on disk as PEM.
#[derive(Clone)]
pub(crate) struct Certificate {
    pub(crate) chain_path: PathBuf,
    pub(crate) key_path: PathBuf,
    der: CertificateDer<'static>,
}

impl Certificate {
    /// Makes one and writes it into `directory`.
    pub(crate) fn generate(directory: &Path) -> Result<Certificate> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
        let chain_path = directory.join("server.crt");
        let key_path = directory.join("server.key");
        std::fs::write(&chain_path, made.cert.pem())?;
        std::fs::write(&key_path, made.signing_key.serialize_pem())?;
        Ok(Certificate {
            chain_path,
            key_path,
            der: made.cert.der().clone(),
        })
    }

    /// A client session that trusts only this certificate.
    pub(crate) fn client(&self) -> Result<ClientConnection> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(ClientConnection::new(
            Arc::new(config),
            ServerName::try_from("localhost")?,
        )?)
    }
}

//! TLS: from PEM files to a configuration that live connections can outlast.
//!
//! Everything an operator can get wrong in the files is found by [`load`], before a connection
//! is at stake, and told in one sentence that names the file. No error or log line ever carries
//! bytes of a file: what is in the wrong file may be the key.

mod error;
pub mod identity;

pub use error::TlsError;

use std::fs::File;
use std::future::Future;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use memchr::memmem;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{InconsistentKeys, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::{TlsClientAuth, TlsProtocols};

/// Largest PEM file read, in bytes; a system's whole CA bundle is a tenth of it.
const PEM_BYTES_MAX: u64 = 4 << 20;

/// Sessions remembered for TLS 1.2 clients that do not take tickets; the oldest go first.
const SESSIONS_MAX: usize = 1024;

/// Ciphertext held for one slow reader, in bytes (two full records), half of what rustls allows.
const SEND_BUFFER_BYTES_MAX: usize = 32 << 10;

/// The files and rules a TLS listener is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM file with the server's certificate, then any intermediates in order.
    pub cert: PathBuf,
    /// PEM file with the certificate's private key: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: PathBuf,
    /// PEM file with the authorities whose client certificates are accepted.
    pub ca: Option<PathBuf>,
    /// Whether clients must show a certificate.
    pub client_auth: TlsClientAuth,
    /// The protocol versions offered.
    pub protocols: TlsProtocols,
}

/// The configuration in force, exchangeable while connections are open.
///
/// A connection keeps the configuration it was accepted under; the next one gets the new.
#[derive(Debug)]
pub struct TlsSource {
    current: ArcSwap<ServerConfig>,
}

impl TlsSource {
    /// Loads the files.
    ///
    /// # Errors
    /// As [`load`].
    pub fn new(files: &TlsFiles) -> Result<TlsSource, TlsError> {
        Ok(TlsSource {
            current: ArcSwap::new(load(files)?),
        })
    }

    /// Reads the files again, for connections from now on.
    ///
    /// Sessions of the configuration before are not resumed: a client whose authority was taken
    /// away must not come back on an old ticket.
    ///
    /// # Errors
    /// As [`load`]; the configuration before stays in force.
    pub fn reload(&self, files: &TlsFiles) -> Result<(), TlsError> {
        self.current.store(load(files)?);
        Ok(())
    }

    /// The configuration for the next connection.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }

    /// Performs the server's side of a handshake, within `timeout`.
    ///
    /// The configuration is taken at once, not when the future is first polled.
    ///
    /// # Errors
    /// Any failure of the handshake, `TimedOut` included. The peer has then been sent an alert
    /// where the protocol has one, and `io` is closed.
    pub fn accept<IO>(
        &self,
        io: IO,
        timeout: Duration,
    ) -> impl Future<Output = io::Result<TlsStream<IO>>> + use<IO>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let handshake = TlsAcceptor::from(self.current()).accept_with(io, |connection| {
            connection.set_buffer_limit(Some(SEND_BUFFER_BYTES_MAX));
        });
        async move {
            match tokio::time::timeout(timeout, handshake).await {
                Ok(outcome) => outcome,
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            }
        }
    }
}

/// Reads and checks the files, and builds a configuration with session resumption.
///
/// Blocks on file I/O.
///
/// # Errors
/// The first thing wrong with the files, see [`TlsError`].
pub fn load(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let certified = certified_key(files, &provider)?;
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions(files.protocols))
        .map_err(TlsError::Setup)?;
    let builder = match client_verifier(files, &provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.ticketer = ring::Ticketer::new().map_err(TlsError::Setup)?;
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS_MAX);
    Ok(Arc::new(config))
}

fn versions(protocols: TlsProtocols) -> &'static [&'static SupportedProtocolVersion] {
    use rustls::version as v;
    static BOTH: &[&SupportedProtocolVersion] = &[&v::TLS13, &v::TLS12];
    static V12: &[&SupportedProtocolVersion] = &[&v::TLS12];
    static V13: &[&SupportedProtocolVersion] = &[&v::TLS13];
    match protocols {
        TlsProtocols::Both => BOTH,
        TlsProtocols::V12 => V12,
        TlsProtocols::V13 => V13,
    }
}

fn certified_key(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(&files.cert)?;
    let key = provider
        .key_provider
        .load_private_key(private_key(&files.key)?)
        .map_err(|_| TlsError::UnsupportedKey {
            file: files.key.clone(),
        })?;
    let certified = CertifiedKey::new(chain, key);
    check_match(files, &certified)?;
    Ok(certified)
}

fn check_match(files: &TlsFiles, certified: &CertifiedKey) -> Result<(), TlsError> {
    use rustls::Error::InconsistentKeys as Inconsistent;
    match certified.keys_match() {
        Ok(()) | Err(Inconsistent(InconsistentKeys::Unknown)) => Ok(()),
        Err(Inconsistent(_)) => Err(TlsError::KeyMismatch {
            cert: files.cert.clone(),
            key: files.key.clone(),
        }),
        Err(_) if carries_public_key(certified) => Ok(()),
        Err(_) => Err(TlsError::BadCertificate {
            file: files.cert.clone(),
            position: 1,
        }),
    }
}

/// Whether the key's public half stands in the certificate, byte for byte.
///
/// Certificates of X.509 version 1, which `openssl x509 -req` makes by default, are beyond what
/// rustls parses, but the server need not parse its own certificate and OpenSSL's clients accept
/// them. This keeps the guard against a foreign key for those too.
fn carries_public_key(certified: &CertifiedKey) -> bool {
    match (certified.key.public_key(), certified.cert.first()) {
        (Some(public), Some(leaf)) => memmem::find(leaf, &public).is_some(),
        _ => false,
    }
}

fn client_verifier(
    files: &TlsFiles,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    if files.client_auth == TlsClientAuth::No {
        return Ok(None);
    }
    let file = files.ca.as_ref().ok_or(TlsError::NoAuthority)?;
    let mut roots = RootCertStore::empty();
    for (index, authority) in certificates(file)?.into_iter().enumerate() {
        roots.add(authority).map_err(|_| TlsError::BadCertificate {
            file: file.clone(),
            position: index + 1,
        })?;
    }
    let mut builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    if files.client_auth == TlsClientAuth::Optional {
        builder = builder.allow_unauthenticated();
    }
    match builder.build() {
        Ok(verifier) => Ok(Some(verifier)),
        Err(error) => Err(TlsError::Setup(rustls::Error::General(error.to_string()))),
    }
}

/// The certificates of a PEM file, in order; at least one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(file)?;
    let chain = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, pem::Error>>()
        .map_err(|_| TlsError::NotPem { file: file.into() })?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { file: file.into() });
    }
    Ok(chain)
}

/// The first private key of a PEM file.
fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(file)?;
    if is_encrypted(&text) {
        return Err(TlsError::EncryptedKey { file: file.into() });
    }
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(TlsError::NoKey { file: file.into() }),
        Err(_) => Err(TlsError::NotPem { file: file.into() }),
    }
}

/// PKCS#8 says it in the label, the older kinds in a header below the label.
fn is_encrypted(text: &[u8]) -> bool {
    let header = |line: &[u8]| line.starts_with(b"Proc-Type:") && line.ends_with(b"ENCRYPTED");
    memmem::find(text, b"-----BEGIN ENCRYPTED PRIVATE KEY-----").is_some()
        || text
            .split(|&byte| byte == b'\n')
            .any(|line| header(line.trim_ascii_end()))
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    let mut text = Vec::new();
    File::open(file)
        .and_then(|opened| opened.take(PEM_BYTES_MAX + 1).read_to_end(&mut text))
        .map_err(|source| TlsError::Read {
            file: file.into(),
            source,
        })?;
    if text.len() as u64 > PEM_BYTES_MAX {
        return Err(TlsError::TooLarge { file: file.into() });
    }
    Ok(text)
}

#[cfg(test)]
mod tests;

//! What an operator is told about TLS files that cannot be used.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::PEM_BYTES_MAX;

/// What is wrong with the files, or with what they say together.
#[derive(Debug)]
pub enum TlsError {
    /// A file cannot be read.
    Read {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file is larger than any PEM file in use.
    TooLarge {
        /// The file.
        file: PathBuf,
    },
    /// A PEM section has no end, or its content is not base64.
    NotPem {
        /// The file.
        file: PathBuf,
    },
    /// A file that should hold certificates holds none.
    NoCertificate {
        /// The file.
        file: PathBuf,
    },
    /// The key file holds no private key.
    NoKey {
        /// The file.
        file: PathBuf,
    },
    /// The key is protected by a passphrase.
    EncryptedKey {
        /// The file.
        file: PathBuf,
    },
    /// The key is damaged, or of a kind or size the cryptography does not offer.
    UnsupportedKey {
        /// The file.
        file: PathBuf,
    },
    /// A certificate is not one.
    BadCertificate {
        /// The file.
        file: PathBuf,
        /// Which certificate of the file, from 1.
        position: usize,
    },
    /// The certificate was issued for another key.
    KeyMismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// Client certificates are asked for, with nothing to verify them by.
    NoAuthority,
    /// The cryptography could not be set up: no randomness, for instance.
    Setup(rustls::Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::Read { file, source } => {
                write!(f, "cannot read {}: {source}", file.display())
            }
            TlsError::TooLarge { file } => write!(
                f,
                "{} is larger than {PEM_BYTES_MAX} bytes, too large for a PEM file",
                file.display()
            ),
            TlsError::NotPem { file } => write!(
                f,
                "{} is not well-formed PEM: a section is cut short or is not base64",
                file.display()
            ),
            TlsError::NoCertificate { file } => write!(
                f,
                "{} holds no certificate (no \"BEGIN CERTIFICATE\" line: is it PEM?)",
                file.display()
            ),
            TlsError::NoKey { file } => write!(
                f,
                "{} holds no private key (no \"BEGIN PRIVATE KEY\" line: is it PEM?)",
                file.display()
            ),
            TlsError::EncryptedKey { file } => write!(
                f,
                "the private key in {} is encrypted; decrypt it first, \
                 for instance with `openssl pkey`",
                file.display()
            ),
            TlsError::UnsupportedKey { file } => write!(
                f,
                "the private key in {} is damaged or of an unsupported kind; supported are \
                 RSA of 2048 to 4096 bits, ECDSA on P-256 or P-384, and Ed25519",
                file.display()
            ),
            TlsError::BadCertificate { file, position } => write!(
                f,
                "certificate {position} in {} is malformed",
                file.display()
            ),
            TlsError::KeyMismatch { cert, key } => write!(
                f,
                "the certificate in {} does not match the private key in {} \
                 (the server's own certificate must come first in its file)",
                cert.display(),
                key.display()
            ),
            TlsError::NoAuthority => {
                f.write_str("client certificates are asked for, but no CA file is configured")
            }
            TlsError::Setup(error) => write!(f, "cannot set up TLS: {error}"),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TlsError::Read { source, .. } => Some(source),
            TlsError::Setup(error) => Some(error),
            _ => None,
        }
    }
}

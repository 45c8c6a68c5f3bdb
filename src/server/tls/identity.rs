//! Which user a client's certificate stands for.

use crate::config::TlsClientUser;
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Names looked at of one certificate.
const NAMES_MAX: usize = 16;

/// The names in a certificate that may be a user's, in order: its common name (the first, should
/// there be several), or the URIs among its alternative names. The certificate has been verified;
/// one that cannot be understood names nobody.
pub fn names(certificate: &CertificateDer<'_>, which: TlsClientUser) -> Vec<Vec<u8>> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    match which {
        TlsClientUser::Off => Vec::new(),
        TlsClientUser::CommonName => {
            let name = certificate.subject().iter_common_name().next();
            let text = name.and_then(|name| name.as_str().ok());
            text.map(|text| text.as_bytes().to_vec())
                .into_iter()
                .collect()
        }
        TlsClientUser::Uri => {
            let Ok(Some(alternatives)) = certificate.subject_alternative_name() else {
                return Vec::new();
            };
            let names = alternatives.value.general_names.iter();
            let uris = names.filter_map(|name| match name {
                GeneralName::URI(uri) => Some(uri.as_bytes().to_vec()),
                _ => None,
            });
            uris.take(NAMES_MAX).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        params
            .self_signed(&key)
            .expect("a certificate")
            .der()
            .clone()
    }

    fn texts(certificate: &CertificateDer<'_>, which: TlsClientUser) -> Vec<String> {
        let names = names(certificate, which).into_iter();
        names
            .map(|name| String::from_utf8(name).expect("text"))
            .collect()
    }

    #[test]
    fn the_common_name_or_the_uris() {
        let one = certificate(|params| {
            params.distinguished_name.push(DnType::CommonName, "alice");
            for uri in ["spiffe://a/b", "urn:x"] {
                let uri = SanType::URI(uri.try_into().expect("ASCII"));
                params.subject_alt_names.push(uri);
            }
            let dns = SanType::DnsName("host".try_into().expect("ASCII"));
            params.subject_alt_names.push(dns);
        });
        assert_eq!(texts(&one, TlsClientUser::CommonName), ["alice"]);
        assert_eq!(texts(&one, TlsClientUser::Uri), ["spiffe://a/b", "urn:x"]);
        assert!(texts(&one, TlsClientUser::Off).is_empty());
    }

    #[test]
    fn nobody() {
        let nameless = certificate(|params| params.distinguished_name = Default::default());
        for which in [TlsClientUser::CommonName, TlsClientUser::Uri] {
            assert!(names(&nameless, which).is_empty());
            for end in 0..nameless.len() {
                assert!(names(&nameless[..end].to_vec().into(), which).is_empty());
            }
        }
    }
}

//! Handshakes in memory against certificates made for the occasion.

use super::*;

use std::fs;
use std::pin::pin;
use std::process::Command;
use std::task::Poll;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::client::{Resumption, Tls12Resumption};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::{TlsConnector, client};

/// A certificate authority and a folder for what it issues.
struct Authority {
    dir: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Authority {
    fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(authority_params("test root"), key).unwrap();
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("ca.crt"), issuer.pem()).unwrap();
        Authority { dir, issuer }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// A certificate for `localhost` and its key, both as PEM.
    fn issue(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        (cert.pem(), key.serialize_pem())
    }

    /// The files of a listener with a fresh certificate.
    fn files(&self) -> TlsFiles {
        let (cert, key) = self.issue();
        TlsFiles {
            cert: self.write("server.crt", cert),
            key: self.write("server.key", key),
            ca: Some(self.path("ca.crt")),
            client_auth: TlsClientAuth::No,
            protocols: TlsProtocols::Both,
        }
    }

    /// A client that trusts this authority.
    fn client(&self, protocols: TlsProtocols) -> ClientConfig {
        client_trusting(&self.path("ca.crt"), protocols)
    }

    /// The same, with a certificate that `issuer` gave it.
    fn client_certified_by(&self, issuer: &Authority, protocols: TlsProtocols) -> ClientConfig {
        let (cert, key) = issuer.issue();
        let cert = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        client_builder(&self.path("ca.crt"), protocols)
            .with_client_auth_cert(vec![cert], key)
            .unwrap()
    }

    fn openssl(&self, command: &str) {
        let output = Command::new("openssl")
            .args(command.split_whitespace())
            .current_dir(self.dir.path())
            .output()
            .expect("openssl is installed");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {command}: {complaint}");
    }
}

type ClientBuilder = rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

fn client_builder(root: &Path, protocols: TlsProtocols) -> ClientBuilder {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(root).unwrap())
        .unwrap();
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions(protocols))
        .unwrap()
        .with_root_certificates(roots)
}

fn client_trusting(root: &Path, protocols: TlsProtocols) -> ClientConfig {
    client_builder(root, protocols).with_no_client_auth()
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

type Server = TlsStream<DuplexStream>;
type Client = client::TlsStream<DuplexStream>;

/// One handshake, each side's outcome on its own.
async fn handshake(
    source: &TlsSource,
    client: &Arc<ClientConfig>,
) -> (io::Result<Server>, io::Result<Client>) {
    let (near, far) = tokio::io::duplex(64 << 10);
    let name = ServerName::try_from("localhost").unwrap();
    tokio::join!(
        source.accept(far, Duration::from_secs(60)),
        TlsConnector::from(client.clone()).connect(name, near)
    )
}

async fn echo(server: &mut Server, client: &mut Client) {
    let mut buffer = [0; 4];
    client.write_all(b"ping").await.unwrap();
    client.flush().await.unwrap();
    server.read_exact(&mut buffer).await.unwrap();
    assert_eq!(&buffer, b"ping");
    server.write_all(b"pong").await.unwrap();
    server.flush().await.unwrap();
    client.read_exact(&mut buffer).await.unwrap();
    assert_eq!(&buffer, b"pong");
}

/// A connection that has carried data both ways (and so its session tickets too).
async fn connected(source: &TlsSource, client: &Arc<ClientConfig>) -> (Server, Client) {
    let (server, client) = handshake(source, client).await;
    let (mut server, mut client) = (server.unwrap(), client.unwrap());
    echo(&mut server, &mut client).await;
    (server, client)
}

async fn refusal(source: &TlsSource, client: &Arc<ClientConfig>) -> String {
    let (server, _client) = handshake(source, client).await;
    server
        .expect_err("the server refuses the client")
        .to_string()
}

fn failure(files: &TlsFiles) -> TlsError {
    load(files).expect_err("the files are refused")
}

#[test]
fn both_versions_are_spoken() {
    let authority = Authority::new();
    let source = TlsSource::new(&authority.files()).unwrap();
    for (protocols, version) in [
        (TlsProtocols::V12, ProtocolVersion::TLSv1_2),
        (TlsProtocols::V13, ProtocolVersion::TLSv1_3),
        (TlsProtocols::Both, ProtocolVersion::TLSv1_3),
    ] {
        let client = Arc::new(authority.client(protocols));
        let (server, _client) = block_on(connected(&source, &client));
        assert_eq!(server.get_ref().1.protocol_version(), Some(version));
    }
}

#[test]
fn a_version_not_offered_is_refused() {
    let authority = Authority::new();
    for (offered, asked) in [
        (TlsProtocols::V12, TlsProtocols::V13),
        (TlsProtocols::V13, TlsProtocols::V12),
    ] {
        let protocols = offered;
        let files = TlsFiles {
            protocols,
            ..authority.files()
        };
        let source = TlsSource::new(&files).unwrap();
        let refused = block_on(refusal(&source, &Arc::new(authority.client(asked))));
        assert!(refused.contains("incompatible"), "{refused}");
        block_on(connected(&source, &Arc::new(authority.client(offered))));
    }
}

#[test]
fn sessions_are_resumed_in_every_way() {
    let authority = Authority::new();
    let source = TlsSource::new(&authority.files()).unwrap();
    let by_ticket = |protocols| authority.client(protocols);
    let mut by_id = authority.client(TlsProtocols::V12);
    by_id.resumption =
        Resumption::in_memory_sessions(4).tls12_resumption(Tls12Resumption::SessionIdOnly);
    for client in [
        by_ticket(TlsProtocols::V12),
        by_ticket(TlsProtocols::V13),
        by_id,
    ] {
        let client = Arc::new(client);
        let kinds = block_on(async {
            let (first, _client) = connected(&source, &client).await;
            let (second, _client) = connected(&source, &client).await;
            [
                first.get_ref().1.handshake_kind(),
                second.get_ref().1.handshake_kind(),
            ]
        });
        assert_eq!(
            kinds,
            [Some(HandshakeKind::Full), Some(HandshakeKind::Resumed)]
        );
    }
}

#[test]
fn a_reload_spares_connections_and_forgets_sessions() {
    let authority = Authority::new();
    let source = TlsSource::new(&authority.files()).unwrap();
    let client = Arc::new(authority.client(TlsProtocols::Both));
    block_on(async {
        let (mut old_server, mut old_client) = connected(&source, &client).await;
        let old_leaf = old_client.get_ref().1.peer_certificates().unwrap()[0].clone();

        source.reload(&authority.files()).unwrap();
        let (server, new_client) = connected(&source, &client).await;
        assert_eq!(
            server.get_ref().1.handshake_kind(),
            Some(HandshakeKind::Full)
        );
        let new_leaf = &new_client.get_ref().1.peer_certificates().unwrap()[0];
        assert_ne!(&old_leaf, new_leaf);
        echo(&mut old_server, &mut old_client).await;
    });
}

#[test]
fn a_failed_reload_changes_nothing() {
    let authority = Authority::new();
    let files = authority.files();
    let source = TlsSource::new(&files).unwrap();
    let before = source.current();
    authority.write("server.crt", "");
    let error = source.reload(&files).unwrap_err();
    assert!(matches!(error, TlsError::NoCertificate { .. }), "{error}");
    assert!(Arc::ptr_eq(&before, &source.current()));
}

#[test]
fn a_chain_is_sent_whole() {
    let authority = Authority::new();
    let middle_params = authority_params("test intermediate");
    let middle_key = KeyPair::generate().unwrap();
    let middle = CertifiedIssuer::signed_by(middle_params, middle_key, &authority.issuer).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &middle)
        .unwrap();
    let mut files = authority.files();
    files.key = authority.write("server.key", key.serialize_pem());

    files.cert = authority.write("server.crt", leaf.pem());
    let client = Arc::new(authority.client(TlsProtocols::Both));
    let source = TlsSource::new(&files).unwrap();
    let (_server, incomplete) = block_on(handshake(&source, &client));
    assert!(incomplete.is_err(), "the leaf alone leads nowhere");

    files.cert = authority.write("server.crt", leaf.pem() + &middle.pem());
    let source = TlsSource::new(&files).unwrap();
    let (_server, client) = block_on(connected(&source, &client));
    assert_eq!(client.get_ref().1.peer_certificates().unwrap().len(), 2);

    files.cert = authority.write("server.crt", middle.pem() + &leaf.pem());
    assert!(matches!(failure(&files), TlsError::KeyMismatch { .. }));
}

#[test]
fn keys_of_every_usual_kind_are_read() {
    let authority = Authority::new();
    authority.write(
        "leaf.cnf",
        "[req]\ndistinguished_name = dn\nx509_extensions = leaf\n[dn]\n\
         [leaf]\nbasicConstraints = CA:FALSE\nsubjectAltName = DNS:localhost\n",
    );
    for (label, command) in [
        (
            "PRIVATE",
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out k.pem",
        ),
        (
            "PRIVATE",
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out k.pem",
        ),
        ("PRIVATE", "genpkey -algorithm ed25519 -out k.pem"),
        ("RSA PRIVATE", "genrsa -traditional -out k.pem 2048"),
        // With an "EC PARAMETERS" section ahead of the key.
        ("EC PRIVATE", "ecparam -name prime256v1 -genkey -out k.pem"),
        (
            "EC PRIVATE",
            "ecparam -name secp384r1 -genkey -noout -out k.pem",
        ),
    ] {
        authority.openssl(command);
        let text = fs::read_to_string(authority.path("k.pem")).unwrap();
        assert!(text.contains(&format!("-----BEGIN {label} KEY-----")));
        authority
            .openssl("req -x509 -new -key k.pem -subj /CN=localhost -config leaf.cnf -out c.pem");
        let files = TlsFiles {
            cert: authority.path("c.pem"),
            key: authority.path("k.pem"),
            ..authority.files()
        };
        let source = TlsSource::new(&files).expect(command);
        for protocols in [TlsProtocols::V12, TlsProtocols::V13] {
            let client = client_trusting(&files.cert, protocols);
            block_on(connected(&source, &Arc::new(client)));
        }
    }
}

#[test]
fn a_version_1_certificate_is_served_if_it_is_of_the_key() {
    let authority = Authority::new();
    authority.openssl("genpkey -algorithm ed25519 -out k.pem");
    authority.openssl("req -new -key k.pem -subj /CN=localhost -out request.pem");
    authority.openssl("x509 -req -in request.pem -signkey k.pem -out c.pem");
    let mut files = authority.files();
    files.cert = authority.path("c.pem");
    let foreign = failure(&files);
    assert!(
        matches!(foreign, TlsError::BadCertificate { .. }),
        "{foreign}"
    );
    files.key = authority.path("k.pem");
    load(&files).unwrap();
}

#[test]
fn one_file_may_hold_certificate_and_key_with_other_text_between() {
    let authority = Authority::new();
    let (cert, key) = authority.issue();
    let both = format!("subject=localhost\r\n{cert}\nnotes: K3y\n{key}").replace('\n', "\r\n");
    let mut files = authority.files();
    files.cert = authority.write("both.pem", both);
    files.key = files.cert.clone();
    let source = TlsSource::new(&files).unwrap();
    block_on(connected(
        &source,
        &Arc::new(authority.client(TlsProtocols::Both)),
    ));
}

#[test]
fn client_certificates_are_verified() {
    let authority = Authority::new();
    let stranger = Authority::new();
    let mut files = authority.files();
    for protocols in [TlsProtocols::V12, TlsProtocols::V13] {
        let certified = Arc::new(authority.client_certified_by(&authority, protocols));
        let forged = Arc::new(authority.client_certified_by(&stranger, protocols));
        let anonymous = Arc::new(authority.client(protocols));

        files.client_auth = TlsClientAuth::Yes;
        let source = TlsSource::new(&files).unwrap();
        let (server, _client) = block_on(connected(&source, &certified));
        assert_eq!(server.get_ref().1.peer_certificates().unwrap().len(), 1);
        let refused = block_on(refusal(&source, &anonymous));
        assert!(refused.contains("sent no certificates"), "{refused}");
        let refused = block_on(refusal(&source, &forged));
        assert!(refused.contains("invalid peer certificate"), "{refused}");

        files.client_auth = TlsClientAuth::Optional;
        let source = TlsSource::new(&files).unwrap();
        let (server, _client) = block_on(connected(&source, &anonymous));
        assert!(server.get_ref().1.peer_certificates().is_none());
        let (server, _client) = block_on(connected(&source, &certified));
        assert!(server.get_ref().1.peer_certificates().is_some());
        let refused = block_on(refusal(&source, &forged));
        assert!(refused.contains("invalid peer certificate"), "{refused}");
    }
}

#[test]
fn client_certificates_need_an_authority() {
    let authority = Authority::new();
    let mut files = authority.files();
    files.client_auth = TlsClientAuth::Yes;
    files.ca = None;
    assert!(matches!(failure(&files), TlsError::NoAuthority));
    files.ca = Some(authority.write("empty.crt", "# none yet\n"));
    assert!(matches!(failure(&files), TlsError::NoCertificate { .. }));

    let (good, _key) = authority.issue();
    let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    files.ca = Some(authority.write("bad.crt", good + bad));
    let error = failure(&files).to_string();
    let expected = format!(
        "certificate 2 in {} is malformed",
        authority.path("bad.crt").display()
    );
    assert_eq!(error, expected);
}

#[test]
fn a_foreign_key_is_refused_by_name() {
    let authority = Authority::new();
    let mut files = authority.files();
    let (_cert, other) = authority.issue();
    files.key = authority.write("other.key", other);
    let error = failure(&files);
    assert!(matches!(error, TlsError::KeyMismatch { .. }));
    let text = error.to_string();
    assert!(text.contains("server.crt does not match"), "{text}");
    assert!(text.contains("other.key"), "{text}");
}

#[test]
fn encrypted_keys_are_told_apart() {
    let authority = Authority::new();
    let mut files = authority.files();
    files.key = authority.path("locked.key");
    for command in [
        "genpkey -algorithm ed25519 -aes256 -pass pass:secret -out locked.key",
        "genrsa -traditional -aes256 -passout pass:secret -out locked.key 2048",
    ] {
        authority.openssl(command);
        let error = failure(&files);
        assert!(matches!(error, TlsError::EncryptedKey { .. }), "{error}");
        assert!(error.to_string().contains("locked.key is encrypted"));
    }
}

#[test]
fn unsupported_keys_are_told_apart() {
    let authority = Authority::new();
    let mut files = authority.files();
    files.key = authority.path("odd.key");
    for command in [
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out odd.key",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out odd.key",
        "genpkey -algorithm ed448 -out odd.key",
    ] {
        authority.openssl(command);
        let error = failure(&files);
        assert!(matches!(error, TlsError::UnsupportedKey { .. }), "{error}");
    }
}

#[test]
fn files_that_hold_nothing_are_told_apart() {
    let authority = Authority::new();
    let files = authority.files();

    let missing = TlsFiles {
        cert: authority.path("none.crt"),
        ..files.clone()
    };
    let error = failure(&missing);
    assert!(matches!(error, TlsError::Read { .. }));
    assert!(error.to_string().contains("none.crt"), "{error}");

    let swapped = TlsFiles {
        cert: files.key.clone(),
        key: files.cert.clone(),
        ..files.clone()
    };
    assert!(matches!(failure(&swapped), TlsError::NoCertificate { .. }));

    let keyless = TlsFiles {
        key: files.cert.clone(),
        ..files.clone()
    };
    assert!(matches!(failure(&keyless), TlsError::NoKey { .. }));

    let endless = TlsFiles {
        key: PathBuf::from("/dev/zero"),
        ..files
    };
    assert!(matches!(failure(&endless), TlsError::TooLarge { .. }));
}

#[test]
fn no_error_repeats_what_stands_in_a_file() {
    let authority = Authority::new();
    let mut files = authority.files();
    let secret = "MC4CAQAwBQYDK2VwBCIEIJ";
    files.key = authority.path("broken.key");
    for text in [
        format!("-----BEGIN PRIVATE KEY-----\n{secret}\n"),
        format!("-----BEGIN PRIVATE KEY-----\n{secret}!!\n-----END PRIVATE KEY-----\n"),
        format!("-----BEGIN PRIVATE KEY-----\n{secret}==\n-----END PRIVATE KEY-----\n"),
        format!("-----BEGIN {secret}\n"),
        secret.to_owned(),
    ] {
        authority.write("broken.key", text);
        let error = failure(&files);
        let all = format!("{error} {error:?}");
        assert!(all.contains("broken.key"), "{all}");
        assert!(!all.contains(secret), "{all}");
        // Nor as a list of byte values, which is how Debug shows a slice.
        assert!(!all.contains("77, 67, 52"), "{all}");
    }
}

#[test]
fn a_silent_peer_is_cut_off() {
    let authority = Authority::new();
    let source = TlsSource::new(&authority.files()).unwrap();
    let error = block_on(async {
        let (_near, far) = tokio::io::duplex(1024);
        source.accept(far, Duration::from_millis(10)).await
    });
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[test]
fn a_slow_reader_is_not_buffered_without_end() {
    let authority = Authority::new();
    let source = TlsSource::new(&authority.files()).unwrap();
    let client = Arc::new(authority.client(TlsProtocols::Both));
    let accepted = block_on(async {
        let (mut server, _client) = connected(&source, &client).await;
        let chunk = [7; 8 << 10];
        let mut accepted = 0;
        loop {
            let mut write = pin!(server.write(&chunk));
            match std::future::poll_fn(|cx| Poll::Ready(write.as_mut().poll(cx))).await {
                Poll::Ready(written) => accepted += written.unwrap(),
                Poll::Pending => break accepted,
            }
        }
    });
    let pipe = 64 << 10;
    assert!(accepted >= pipe / 2);
    assert!(accepted <= pipe + SEND_BUFFER_BYTES_MAX, "{accepted}");
}

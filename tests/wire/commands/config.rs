//! CONFIG GET, SET, RESETSTAT, REWRITE, HELP.

use crate::support::{Conn, Options, Reply, Server, check, on_oracle, poll_until, run, run_both};
use std::sync::Arc;

fn start() -> Server {
    Server::start(Options::new())
}

fn value(conn: &mut Conn, name: &str) -> String {
    let reply = conn.cmd(&["CONFIG", "GET", name]);
    let pairs = reply.pairs();
    assert_eq!(pairs.len(), 1, "{name}: {reply}");
    pairs[0].1.text()
}

#[test]
fn values_are_found_by_name_and_by_pattern() {
    run_both(
        &start(),
        r#"
        CONFIG GET maxmemory -> {maxmemory 0}
        config get MAXMEMORY -> {MAXMEMORY 0}
        CONFIG GET maxmemory-policy databases -> {maxmemory-policy noeviction databases 16}
        CONFIG GET maxmemory maxmemory -> {maxmemory 0}
        CONFIG GET save appendonly -> {save "" appendonly no}
        CONFIG GET maxmemory-s* maxmemory-p* -> {maxmemory-samples 5 maxmemory-policy noeviction}
        CONFIG GET *-ZIPLIST-ENTRIES -> {hash-max-ziplist-entries * zset-max-ziplist-entries *}
        CONFIG GET lfu-[dl]* -> {lfu-decay-time 1 lfu-log-factor 10}
        CONFIG GET latency-monitor-threshol? -> {latency-monitor-threshold 0}
        CONFIG GET nosuch -> {}
        CONFIG GET nosuch* -> {}
        CONFIG GET "" -> {}
        CONFIG GET -> -ERR wrong number of arguments for 'config|get' command
        CONFIG -> -ERR wrong number of arguments for 'config' command
        CONFIG NOSUCH -> -ERR unknown subcommand 'NOSUCH'. Try CONFIG HELP.
        "#,
    );
    let all = start().connect().line("CONFIG GET *").pairs();
    assert!(all.len() > 50, "{}", all.len());
    let mut names: Vec<String> = all.iter().map(|(name, _)| name.text()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all.len(), "each name once");
}

#[test]
fn our_names_are_as_good_as_those_of_redis() {
    if on_oracle() {
        return;
    }
    run_both(
        &start(),
        "
        CONFIG SET memory.max_memory 300mb -> +OK
        CONFIG GET maxmemory memory.max_memory -> {maxmemory 314572800 memory.max_memory *}
        CONFIG SET maxmemory 0 -> +OK
        CONFIG GET memory.max_memory -> {memory.max_memory 0}
        CONFIG SET maxmemory 1 memory.max_memory 2 -> -…duplicate parameter
        CONFIG GET server.batch_size -> {server.batch_size 64}
        CONFIG SET server.batch_size 1 -> +OK
        PING -> +PONG
        CONFIG SET server.batch_size 64 -> +OK
        CONFIG SET server.workers 3 -> -…can't set immutable config
        CONFIG SET appendonly no -> +OK
        CONFIG SET appendonly yes -> -…can't set immutable config
        ",
    );
}

#[test]
fn refusals_change_nothing() {
    run_both(
        &start(),
        "
        CONFIG SET maxmemory 5mb nosuch 1 -> -ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'
        CONFIG SET nosuch 1 nosuch2 2 -> -ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'
        CONFIG SET maxmemory 5mb maxmemory-samples 0 -> -ERR CONFIG SET failed (possibly related to argument 'maxmemory-samples') - argument must be between 1 and 2147483647 inclusive
        CONFIG SET maxmemory 1 MaxMemory 2 -> -ERR CONFIG SET failed (possibly related to argument 'MaxMemory') - duplicate parameter
        CONFIG SET maxmemory-policy sometimes -> -ERR CONFIG SET failed (possibly related to argument 'maxmemory-policy') - argument(s) must be one of the following: …
        CONFIG SET maxmemory abc -> -ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value
        CONFIG SET databases 5 -> -ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config
        CONFIG GET maxmemory maxmemory-samples -> {maxmemory 0 maxmemory-samples 5}
        CONFIG SET a -> -ERR wrong number of arguments for 'config|set' command
        CONFIG SET a b c -> -ERR syntax error
        CONFIG RESETSTAT x -> -ERR wrong number of arguments for 'config|resetstat' command
        CONFIG REWRITE x -> -ERR wrong number of arguments for 'config|rewrite' command
        ",
    );
}

#[test]
fn several_options_change_together_and_at_once() {
    let server = start();
    run_both(
        &server,
        "
        CONFIG SET maxmemory 250mb maxmemory-policy allkeys-lfu lfu-log-factor 3 -> +OK
        CONFIG GET maxmemory maxmemory-policy lfu-log-factor -> {maxmemory 262144000 maxmemory-policy allkeys-lfu lfu-log-factor 3}
        SET k v -> +OK
        OBJECT FREQ k -> :1..10
        CONFIG SET maxmemory 0 maxmemory-policy noeviction lfu-log-factor 10 -> +OK
        OBJECT FREQ k -> -ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.
        MULTI -> +OK
        CONFIG SET maxmemory-samples 7 -> +QUEUED
        CONFIG GET maxmemory-samples -> +QUEUED
        CONFIG SET nosuch 1 -> +QUEUED
        EXEC -> [+OK * !]
        CONFIG GET maxmemory-samples -> {maxmemory-samples 7}
        CONFIG SET maxmemory-samples 5 -> +OK
        ",
    );
}

#[test]
fn a_limit_holds_as_soon_as_it_is_set() {
    let server = start();
    let mut conn = server.connect();
    run(&mut conn, "CONFIG SET maxmemory 8mb -> +OK");
    let value = "x".repeat(1_000_000);
    let refused = "OOM command not allowed when used memory > 'maxmemory'.";
    poll_until("writes are refused", || {
        let reply = conn.cmd(&["SET", "k", &value]);
        (reply == Reply::Error(refused.into())).then_some(())
    });
    run(&mut conn, "CONFIG SET maxmemory 0 -> +OK");
    poll_until("writes are accepted", || {
        (!conn.cmd(&["SET", "k", &value]).is_error()).then_some(())
    });
}

#[test]
fn a_password_is_asked_of_those_who_come_later() {
    let server = start();
    let mut before = server.connect();
    run(&mut before, "CONFIG SET requirepass s3cret -> +OK");
    run(
        &mut before,
        "CONFIG GET requirepass -> {requirepass s3cret}",
    );
    let mut after = Conn::open(server.addr());
    run(&mut after, "PING -> -NOAUTH Authentication required.");
    run(&mut after, "AUTH s3cret -> +OK\n PING -> +PONG");
    run(&mut before, r#"CONFIG SET requirepass "" -> +OK"#);
    run(&mut Conn::open(server.addr()), "PING -> +PONG");
}

#[test]
fn statistics_start_again() {
    let server = start();
    let mut conn = server.connect();
    run(&mut conn, "SET k v\n GET k\n GET none\n GET a b -> !");
    run(&mut conn, "CONFIG RESETSTAT -> +OK");
    let stats = conn.line("INFO stats").text();
    for line in [
        "keyspace_hits:0\r\n",
        "keyspace_misses:0\r\n",
        "total_error_replies:0\r\n",
        "total_commands_processed:1\r\n",
        "total_connections_received:0\r\n",
    ] {
        assert!(stats.contains(line), "{line} in {stats}");
    }
    let commands = conn.line("INFO commandstats").text();
    assert!(!commands.contains("cmdstat_get"), "{commands}");
    run(
        &mut conn,
        "GET k -> v\n LATENCY HISTOGRAM get -> {get {calls :1 histogram_usec *}}",
    );
}

#[test]
fn the_file_is_brought_up_to_date() {
    if on_oracle() {
        return;
    }
    let server = Server::start(Options::new().toml("# mine\n[memory]\nmax_memory = \"1gb\" # all"));
    let file = server.dir().join("redistill.toml");
    let mut conn = server.connect();
    assert_eq!(value(&mut conn, "maxmemory"), (1 << 30).to_string());
    run(
        &mut conn,
        "CONFIG SET maxmemory 200mb slowlog-max-len 7 -> +OK\n CONFIG REWRITE -> +OK",
    );
    let text = std::fs::read_to_string(&file).expect("the file is there");
    for part in ["# mine", "# all", "\"200mb\"", "slowlog_max_len = 7"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    std::fs::remove_file(&file).expect("the file is ours");
    std::fs::create_dir(&file).expect("nothing is in the way");
    check(&mut conn, "CONFIG REWRITE", "-ERR Rewriting config file: …");
    run(
        &mut conn,
        "MULTI -> +OK\n CONFIG REWRITE -> +QUEUED\n EXEC -> [!]\n PING -> +PONG",
    );
}

#[test]
fn certificates_are_renewed() {
    if on_oracle() {
        return;
    }
    let server = Server::start(Options::new().tls());
    let mut conn = server.connect();
    run(&mut server.connect_tls(), "PING -> +PONG");
    let certificate = value(&mut conn, "tls-cert-file");
    check(
        &mut conn,
        "CONFIG SET tls-cert-file /no/such/file",
        "-ERR CONFIG SET failed (possibly related to argument 'tls-cert-file') - …/no/such/file…",
    );
    assert_eq!(value(&mut conn, "tls-cert-file"), certificate);
    run(&mut server.connect_tls(), "PING -> +PONG");

    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])
        .expect("a certificate for localhost");
    std::fs::write(&certificate, made.cert.pem()).expect("write the certificate");
    let key = value(&mut conn, "tls-key-file");
    std::fs::write(key, made.signing_key.serialize_pem()).expect("write the key");
    let trusting = Arc::new(client_config(made.cert.der().clone()));
    let connect = || Conn::try_open_tls(server.tls_addr(), Arc::clone(&trusting));
    assert!(connect().is_err(), "the old certificate is still in use");
    let renew = conn.cmd(&["CONFIG", "SET", "tls-cert-file", &certificate]);
    assert_eq!(
        renew,
        Reply::Simple(b"OK".to_vec()),
        "the same name, other contents"
    );
    run(
        &mut connect().expect("the new certificate"),
        "PING -> +PONG",
    );
}

fn client_config(root: rustls::pki_types::CertificateDer<'static>) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root).expect("a fresh certificate is valid");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring serves the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[test]
fn help_lists_the_subcommands() {
    for protocol in [2, 3] {
        let server = start();
        let mut conn = server.connect();
        conn.hello(protocol);
        let help = conn.line("CONFIG HELP");
        let lines: Vec<String> = help.items().iter().map(Reply::text).collect();
        let head = "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:";
        assert_eq!(lines[0], head);
        for name in ["GET ", "SET ", "RESETSTAT", "REWRITE"] {
            assert!(lines.iter().any(|line| line.starts_with(name)), "{help}");
        }
        assert_eq!(lines[lines.len() - 2..], ["HELP", "    Prints this help."]);
        check(
            &mut conn,
            "CONFIG HELP x",
            "-ERR wrong number of arguments for 'config|help' command",
        );
    }
}

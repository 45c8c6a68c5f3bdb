//! LATENCY HISTOGRAM, LATEST, HISTORY, RESET, GRAPH, DOCTOR, HELP.

use crate::support::{Conn, Options, Reply, Server, check, run, run_both};

fn start() -> Server {
    Server::start(Options::new())
}

fn field(map: &Reply, name: &str) -> Reply {
    let found = map.pairs().into_iter().find(|(key, _)| key.text() == name);
    found.unwrap_or_else(|| panic!("no {name} in {map}")).1
}

#[test]
fn histograms_count_every_call() {
    for protocol in [2, 3] {
        let server = start();
        let mut conn = server.connect();
        conn.hello(protocol);
        for n in 0..20 {
            conn.cmd(&["SET", "k", &n.to_string()]);
        }
        run(
            &mut conn,
            "CONFIG GET port\n CONFIG RESETSTAT x -> !\n GET k -> 19",
        );
        let all = conn.line("LATENCY HISTOGRAM");
        let set = field(&all, "set");
        assert_eq!(field(&set, "calls").int(), 20);
        let steps: Vec<(i64, i64)> = field(&set, "histogram_usec")
            .pairs()
            .iter()
            .map(|(bound, count)| (bound.int(), count.int()))
            .collect();
        assert!(steps.is_sorted() && !steps.is_empty(), "{steps:?}");
        assert_eq!(steps[steps.len() - 1].1, 20, "cumulative: {steps:?}");
        assert_eq!(field(&field(&all, "config|get"), "calls").int(), 1);
        run(
            &mut conn,
            "
            LATENCY HISTOGRAM get nosuch -> {get {calls :1 histogram_usec *}}
            LATENCY HISTOGRAM CONFIG -> {config|get {calls :1 histogram_usec *}}
            LATENCY HISTOGRAM config|get -> {config|get *}
            LATENCY HISTOGRAM nosuch nosuch|x -> {}
            LATENCY HISTOGRAM dbsize -> {}
            ",
        );
    }
}

#[test]
fn slow_events_are_remembered() {
    for protocol in [2, 3] {
        let server = start();
        let mut conn = server.connect();
        conn.hello(protocol);
        run(
            &mut conn,
            "LATENCY LATEST -> []\n LATENCY DOCTOR -> =…latency-monitor-threshold…",
        );
        run(&mut conn, "DEBUG SLEEP 0.03 -> +OK\n LATENCY LATEST -> []");
        run(&mut conn, "CONFIG SET latency-monitor-threshold 20 -> +OK");
        run(&mut conn, "DEBUG SLEEP 0.03 -> +OK");
        let latest = conn.line("LATENCY LATEST");
        let event = latest.items()[0].items();
        assert_eq!(event[0].text(), "command", "{latest}");
        assert!(
            event[2].int() >= 30 && event[3].int() >= event[2].int(),
            "{latest}"
        );
        let history = conn.line("LATENCY HISTORY command");
        let sample = history.items()[0].items();
        assert_eq!(sample[0].int(), event[1].int());
        assert!(sample[1].int() >= 30, "{history}");
        let graph = conn.line("LATENCY GRAPH command").text();
        assert!(
            graph.starts_with("command - high ") && graph.contains("(all time high "),
            "{graph}"
        );
        run(
            &mut conn,
            "LATENCY DOCTOR -> =…command: 1 latency spikes (average …",
        );
        run(
            &mut conn,
            "
            LATENCY RESET nosuch -> :0
            LATENCY RESET COMMAND -> :0
            LATENCY RESET fast-command command -> :1
            LATENCY LATEST -> []
            DEBUG SLEEP 0.03 -> +OK
            LATENCY RESET -> :1
            LATENCY HISTORY command -> []
            ",
        );
    }
}

#[test]
fn transactions_are_measured_command_by_command() {
    let server = start();
    let mut conn = server.connect();
    run(&mut conn, "CONFIG SET latency-monitor-threshold 20 -> +OK");
    run(
        &mut conn,
        "MULTI\n DEBUG SLEEP 0.03 -> +QUEUED\n EXEC -> [+OK]",
    );
    assert!(!events(&mut conn).is_empty());
    run(
        &mut conn,
        "SLOWLOG GET 1 -> [[* * * [DEBUG SLEEP 0.03] * *]]",
    );
}

fn events(conn: &mut Conn) -> Vec<String> {
    let latest = conn.line("LATENCY LATEST");
    latest
        .items()
        .iter()
        .map(|event| event.items()[0].text())
        .collect()
}

#[test]
fn without_tracking_there_are_no_histograms() {
    let server = start();
    let mut conn = server.connect();
    run(&mut conn, "SET k v\n CONFIG SET latency-tracking no -> +OK");
    let stats = conn.line("INFO latencystats").text();
    assert_eq!(stats, "# Latencystats\r\n");
    run(
        &mut conn,
        "CONFIG SET latency-tracking yes -> +OK\n SET k v -> +OK",
    );
    let stats = conn.line("INFO latencystats").text();
    assert!(
        stats.contains("latency_percentiles_usec_set:p50="),
        "{stats}"
    );
    run(
        &mut conn,
        "CONFIG SET latency-tracking-info-percentiles '0 99.99' -> +OK",
    );
    let stats = conn.line("INFO latencystats").text();
    assert!(stats.contains("latency_percentiles_usec_set:p0=") && stats.contains(",p99.99="));
}

#[test]
fn refusals() {
    let server = start();
    run_both(
        &server,
        "
        LATENCY GRAPH nosuch -> -ERR No samples available for event 'nosuch'
        LATENCY GRAPH command -> -ERR No samples available for event 'command'
        LATENCY HISTORY nosuch -> []
        LATENCY HISTORY command -> []
        LATENCY RESET -> :0
        LATENCY GRAPH -> -ERR wrong number of arguments for 'latency|graph' command
        LATENCY HISTORY -> -ERR wrong number of arguments for 'latency|history' command
        LATENCY LATEST x -> -ERR wrong number of arguments for 'latency|latest' command
        LATENCY DOCTOR x -> -ERR wrong number of arguments for 'latency|doctor' command
        LATENCY NOSUCH -> -ERR unknown subcommand 'NOSUCH'. Try LATENCY HELP.
        LATENCY -> -ERR wrong number of arguments for 'latency' command
        LATENCY HELP -> *
        ",
    );
    check(&mut server.connect3(), "LATENCY DOCTOR", "=…");
}

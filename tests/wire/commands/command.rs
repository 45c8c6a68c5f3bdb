//! COMMAND and its subcommands: the shapes of their replies, and where keys are found. What the rows
//! say is compared with published facts beside the table.

use crate::support::{Conn, Options, Reply, Server, run, run_both};

fn start() -> Server {
    Server::start(Options::new())
}

fn names(reply: &Reply) -> Vec<String> {
    reply.items().iter().map(Reply::text).collect()
}

#[test]
fn command_count_and_list_agree_with_command() {
    let server = start();
    for protocol in [2, 3] {
        let mut conn = server.connect();
        conn.hello(protocol);
        let all = conn.line("COMMAND");
        let count = conn.line("COMMAND COUNT").int();
        assert_eq!(all.items().len() as i64, count);
        let described: Vec<String> = all
            .items()
            .iter()
            .map(|row| row.items()[0].text())
            .collect();
        let mut listed = names(&conn.line("COMMAND LIST"));
        assert!(
            listed.contains(&"config|get".to_owned()),
            "subcommands are listed as well"
        );
        listed.retain(|name| !name.contains('|'));
        listed.sort();
        let mut described_sorted = described.clone();
        described_sorted.sort();
        assert_eq!(listed, described_sorted);
        assert_eq!(conn.line("COMMAND INFO").items().len() as i64, count);
    }
}

#[test]
fn command_list_filters() {
    run_both(
        &start(),
        "
        COMMAND LIST FILTERBY PATTERN mge* -> [mget]
        COMMAND LIST FILTERBY PATTERN xyz* -> []
        COMMAND LIST FILTERBY ACLCAT nosuch -> []
        COMMAND LIST FILTERBY MODULE nosuch -> []
        COMMAND LIST FILTERBY -> -ERR syntax error
        COMMAND LIST FILTERBY FOO x -> -ERR syntax error
        COMMAND LIST FOO -> -ERR syntax error
        ",
    );
}

#[test]
fn command_info_describes_a_command() {
    let server = start();
    run_both(
        &server,
        "
        COMMAND INFO nosuch -> [nil]
        COMMAND INFO get -> [[get :2 ~[+readonly +fast] :1 :1 :1 ~[+@read +@string +@fast] * * *]]
        COMMAND INFO GET nosuch MSET -> [* nil *]
        COMMAND INFO set -> [[set :-3 ~[+write +denyoom] :1 :1 :1 ~[+@write +@string +@slow] ~[] ~[{notes \"RW and ACCESS due to the optional `GET` argument\" flags ~[+RW +access +update +variable_flags] begin_search {type index spec {index :1}} find_keys {type range spec {lastkey :0 keystep :1 limit :0}}}] ~[]]]
        COMMAND INFO getex -> [[getex :-2 * :1 :1 :1 * * ~[{notes * flags ~[+RW +access +update] begin_search * find_keys *}] ~[]]]
        COMMAND INFO config|get -> [[config|get :-3 * :0 :0 :0 * * * *]]
        ",
    );
    let mut conn = server.connect();
    let reply = conn.line("COMMAND INFO config");
    let row = reply.items()[0].items();
    assert_eq!(row[0].text(), "config");
    assert!(
        row[9]
            .items()
            .iter()
            .any(|sub| sub.items()[0].text() == "config|get")
    );
}

#[test]
fn command_docs_of_one_of_some_and_of_none() {
    let server = start();
    for protocol in [2, 3] {
        let mut conn = server.connect();
        conn.hello(protocol);
        let docs = conn.line("COMMAND DOCS GET nosuch");
        let pairs = docs.pairs();
        assert_eq!(pairs.len(), 1, "{docs}");
        assert_eq!(pairs[0].0.text(), "get");
        let fields = pairs[0].1.pairs();
        let field = |name: &str| {
            let found = fields.iter().find(|(key, _)| key.text() == name);
            found
                .unwrap_or_else(|| panic!("no {name} in {docs}"))
                .1
                .clone()
        };
        assert_eq!(field("group").text(), "string");
        assert_eq!(field("since").text(), "1.0.0");
        assert_eq!(field("complexity").text(), "O(1)");
        assert!(!field("summary").text().is_empty());
        assert!(conn.line("COMMAND DOCS nosuch").pairs().is_empty());
    }
}

#[test]
fn command_getkeys_finds_the_keys_of_a_request() {
    run_both(
        &start(),
        "
        COMMAND GETKEYS GET k -> [k]
        COMMAND GETKEYS set k v ex 10 -> [k]
        COMMAND GETKEYS MSET a 1 b 2 c 3 -> [a b c]
        COMMAND GETKEYS DEL a b a -> [a b a]
        COMMAND GETKEYS COPY a b REPLACE -> [a b]
        COMMAND GETKEYS OBJECT ENCODING k -> [k]
        COMMAND GETKEYS PING x -> -ERR The command has no key arguments
        COMMAND GETKEYS NOSUCH x -> -ERR Invalid command specified
        COMMAND GETKEYS GET a b -> -ERR Invalid number of arguments specified for command
        COMMAND GETKEYS -> -ERR wrong number of arguments for 'command|getkeys' command
        ",
    );
}

#[test]
fn command_getkeysandflags_says_what_is_done_with_them() {
    run_both(
        &start(),
        "
        COMMAND GETKEYSANDFLAGS GET k -> [[k ~[+RO +access]]]
        COMMAND GETKEYSANDFLAGS SET k v -> [[k ~[+OW +update]]]
        COMMAND GETKEYSANDFLAGS SET k v GET -> [[k ~[+RW +access +update]]]
        COMMAND GETKEYSANDFLAGS SET k v PX 10 get -> [[k ~[+RW +access +update]]]
        COMMAND GETKEYSANDFLAGS SET k GET XX -> [[k ~[+OW +update]]]
        COMMAND GETKEYSANDFLAGS SET k v EX GET -> [[k ~[+RW +access +update]]]
        COMMAND GETKEYSANDFLAGS GETDEL k -> [[k ~[+RW +access +delete]]]
        COMMAND GETKEYSANDFLAGS RENAME a b -> [[a ~[+RW +access +delete]] [b ~[+OW +update]]]
        COMMAND GETKEYSANDFLAGS PING x -> -ERR The command has no key arguments
        COMMAND GETKEYSANDFLAGS NOSUCH x -> -ERR Invalid command specified
        ",
    );
}

#[test]
fn command_refuses_what_it_does_not_have() {
    let server = start();
    run_both(
        &server,
        "
        COMMAND NOSUCH -> -ERR unknown subcommand 'NOSUCH'. Try COMMAND HELP.
        COMMAND COUNT x -> -ERR wrong number of arguments for 'command|count' command
        ",
    );
    let mut conn: Conn = server.connect();
    run(
        &mut conn,
        "MULTI\n COMMAND COUNT -> +QUEUED\n EXEC -> [:1..1000]",
    );
}

//! `ACL`, and what it does to all other commands: ACL CAT, DELUSER, DRYRUN, GENPASS, GETUSER, HELP,
//! LIST, LOAD, LOG, SAVE, SETUSER, USERS, WHOAMI.

use crate::support::{Conn, Options, Reply, Server, check, on_oracle, poll_until, run, run_both};

const WRONGPASS: &str = "-WRONGPASS invalid username-password pair or user is disabled.";
const NO_KEY: &str =
    "-NOPERM this user has no permissions to access one of the keys used as arguments";
const NO_CHANNEL: &str =
    "-NOPERM this user has no permissions to access one of the channels used as arguments";

/// Made by ACL SETUSER for a user `u` with the password `p` and these rules.
fn with_user(server: &Server, rules: &str) -> Conn {
    let mut admin = server.connect();
    check(
        &mut admin,
        &format!("ACL SETUSER u reset on >p {rules}"),
        "+OK",
    );
    let mut conn = Conn::open(server.addr());
    check(&mut conn, "AUTH u p", "+OK");
    conn
}

#[test]
fn users_come_and_go() {
    let server = Server::start(Options::new());
    run_both(
        &server,
        r#"
        ACL WHOAMI -> default
        ACL WHOAMI x -> -ERR wrong number of arguments for 'acl|whoami' command
        ACL USERS -> [default]
        ACL LIST -> ["user default on nopass ~* &* +@all"]
        ACL SETUSER a -> +OK
        ACL LIST -> ["user a off resetchannels -@all" "user default on nopass ~* &* +@all"]
        ACL SETUSER a reset on >a ~a:* %R~r %W~w &c +get (~s +set) -> +OK
        ACL LIST -> ["user a on sanitize-payload #ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb ~a:* %R~r %W~w resetchannels &c -@all +get (~s resetchannels -@all +set)" "user default on nopass ~* &* +@all"]
        ACL USERS -> [a default]
        ACL DELUSER default -> -ERR The 'default' user cannot be removed
        ACL DELUSER a default -> -ERR The 'default' user cannot be removed
        ACL DELUSER nobody a -> :1
        ACL DELUSER a -> :0
        ACL SETUSER "a b" -> -ERR Usernames can't contain spaces or null characters
        ACL SETUSER "a\x00" -> -ERR Usernames can't contain spaces or null characters
        ACL SETUSER "" -> +OK
        ACL DELUSER "" -> :1
        ACL FOO -> -ERR unknown subcommand 'FOO'. Try ACL HELP.
        ACL -> -ERR wrong number of arguments for 'acl' command
        "#,
    );
    if on_oracle() {
        return;
    }
    let long = "x".repeat(257);
    let mut conn = server.connect();
    check(
        &mut conn,
        &format!("ACL SETUSER {long}"),
        "-ERR Too many users or too long a username",
    );
    check(&mut conn, "ACL USERS", "[default]");
}

#[test]
fn getuser_tells_the_rules() {
    let server = Server::start(Options::new());
    run_both(
        &server,
        r#"
        ACL GETUSER nobody -> nil
        ACL GETUSER default -> {flags ~[on nopass] passwords [] commands "+@all" keys "~*" channels "&*" selectors []}
        ACL SETUSER a reset on >a ~a %R~b &c +get (~s &t +set) () -> +OK
        ACL GETUSER a -> {flags ~[on sanitize-payload] passwords [ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb] commands "-@all +get" keys "~a %R~b" channels "&c" selectors [{commands "-@all +set" keys "~s" channels "&t"} {commands "-@all" keys "" channels ""}]}
        ACL SETUSER a clearselectors resetpass resetkeys resetchannels -> +OK
        ACL GETUSER a -> {flags ~[on sanitize-payload] passwords [] commands "-@all +get" keys "" channels "" selectors []}
        "#,
    );
}

#[test]
fn rules_that_are_none() {
    let server = Server::start(Options::new());
    let all = "Adding a pattern after the * pattern (or the";
    let mut script = String::new();
    for (rules, why) in [
        ("+foo", "Unknown command or category name in ACL"),
        ("+@foo", "Unknown command or category name in ACL"),
        ("-@read|x", "Unknown command or category name in ACL"),
        ("+config|foo", "Unknown command or category name in ACL"),
        (
            "+config|get|x",
            "Allowing first-arg of a subcommand is not supported",
        ),
        ("-get|x", "Unknown command or category name in ACL"),
        ("+get|", "Syntax error"),
        ("%~x", "Syntax error"),
        ("(nopass)", "Syntax error"),
        ("xx", "Syntax error"),
        (
            "<none",
            "The password you are trying to remove from the user does not exist",
        ),
        (
            "#abc",
            "The password hash must be exactly 64 characters and contain only lowercase \
             hexadecimal characters",
        ),
        (
            "!ABC",
            "The password hash must be exactly 64 characters and contain only lowercase \
             hexadecimal characters",
        ),
        (
            "~* ~x",
            &format!(
                "{all} 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' \
                 to start with an empty list of patterns"
            ),
        ),
        (
            "&* &x",
            &format!(
                "{all} 'allchannels' flag) is not valid and does not have any effect. Try \
                 'resetchannels' to start with an empty list of channels"
            ),
        ),
    ] {
        let rule = rules.rsplit(' ').next().expect("a rule");
        script.push_str(&format!(
            "ACL SETUSER a on >secret {rules} -> -ERR Error in ACL SETUSER modifier '{rule}': {why}\n"
        ));
    }
    script.push_str(
        "ACL SETUSER a on (+get ~x -> -ERR Unmatched parenthesis in acl selector starting at '(+get'.
        ACL GETUSER a -> nil",
    );
    run_both(&server, &script);
}

#[test]
fn logging_in() {
    let server = Server::start(Options::new());
    let mut admin = server.connect();
    run(
        &mut admin,
        "ACL SETUSER a on >one >two +@all
        ACL SETUSER b >one +@all
        ACL SETUSER c on nopass +ping",
    );
    for protocol in [2, 3] {
        let mut conn = Conn::open(server.addr());
        conn.hello(protocol);
        run(
            &mut conn,
            &format!(
                "AUTH a wrong -> {WRONGPASS}
                ACL WHOAMI -> default
                AUTH a one -> +OK
                ACL WHOAMI -> a
                AUTH a two -> +OK
                AUTH b one -> {WRONGPASS}
                AUTH nobody one -> {WRONGPASS}
                ACL WHOAMI -> a
                HELLO {protocol} AUTH c anything -> *
                PING -> +PONG
                ACL WHOAMI -> -NOPERM this user has no permissions to run the 'acl|whoami' command
                RESET -> +RESET
                ACL WHOAMI -> default",
            ),
        );
    }
}

#[test]
fn the_default_user_without_permission_or_password() {
    let server = Server::start(Options::new());
    let mut admin = server.connect();
    run(
        &mut admin,
        "ACL SETUSER root on >r ~* &* +@all -> +OK
        AUTH root r -> +OK
        ACL SETUSER default -@all +ping +get -> +OK",
    );
    let mut guest = Conn::open(server.addr());
    run(
        &mut guest,
        "PING -> +PONG
        GET k -> nil
        SET k v -> -NOPERM this user has no permissions to run the 'set' command",
    );
    check(&mut admin, "ACL SETUSER default off", "+OK");
    // Who is in stays in.
    check(&mut guest, "PING", "+PONG");
    let mut stranger = Conn::open(server.addr());
    run(
        &mut stranger,
        &format!(
            "PING -> -NOAUTH Authentication required.
            AUTH default x -> {WRONGPASS}
            HELLO 3 -> -NOAUTH…
            AUTH root r -> +OK
            PING -> +PONG"
        ),
    );
}

#[test]
fn requirepass_is_the_default_users_password() {
    let server = Server::start(Options::new().password("first"));
    let mut admin = server.connect();
    run(
        &mut admin,
        "CONFIG GET requirepass -> {requirepass first}
        ACL GETUSER default -> {flags ~[on] passwords [a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e] commands \"+@all\" keys \"~*\" channels \"&*\" selectors []}
        CONFIG SET requirepass second -> +OK",
    );
    let mut conn = Conn::open(server.addr());
    run(
        &mut conn,
        &format!(
            "AUTH first -> {WRONGPASS}
            AUTH second -> +OK
            CONFIG SET requirepass \"\" -> +OK
            AUTH second -> -ERR AUTH <password> called without any password configured…"
        ),
    );
    check(&mut Conn::open(server.addr()), "PING", "+PONG");
}

#[test]
fn keys_and_commands_are_checked() {
    let server = Server::start(Options::new());
    let mut conn = with_user(&server, "~a:* %R~r:* %W~w:* +@all -@dangerous -lpush");
    let script = format!(
        "SET a:1 1 -> +OK
        GET a:1 -> 1
        GET b -> {NO_KEY}
        SET r:1 x -> {NO_KEY}
        GET r:1 -> nil
        SET w:1 x -> +OK
        GET w:1 -> {NO_KEY}
        SET w:1 x GET -> {NO_KEY}
        EXISTS w:1 -> :1
        EXISTS z -> {NO_KEY}
        MGET a:1 r:1 z -> {NO_KEY}
        COPY r:1 a:2 -> :0
        LPUSH a:l x -> -NOPERM this user has no permissions to run the 'lpush' command
        FLUSHALL -> -NOPERM this user has no permissions to run the 'flushall' command
        CONFIG GET port -> -NOPERM this user has no permissions to run the 'config|get' command
        CONFIG NOSUB -> -ERR unknown subcommand 'NOSUB'. Try CONFIG HELP.
        NOSUCH -> -ERR unknown command 'NOSUCH'…
        GET -> -ERR wrong number of arguments for 'get' command
        DEL a:1 a:2 -> :1
        DEL w:1 -> :1"
    );
    run(&mut conn, &script);
    run(conn.hello(3), &script);
}

#[test]
fn selectors_first_arguments_and_subcommands() {
    let server = Server::start(Options::new());
    let mut conn = with_user(&server, "~a +get (~b +set) +select|0 +config|get");
    run(
        &mut conn,
        &format!(
            "GET a -> nil
            SET b x -> +OK
            SET a x -> {NO_KEY}
            GET b -> {NO_KEY}
            DEL a -> -NOPERM this user has no permissions to run the 'del' command
            SELECT 0 -> +OK
            SELECT 1 -> -NOPERM this user has no permissions to run the 'select' command
            CONFIG GET port -> *
            CONFIG SET maxmemory 0 -> -NOPERM this user has no permissions to run the 'config|set' command"
        ),
    );
}

#[test]
fn sort_reads_other_keys_only_for_who_may_read_all() {
    let server = Server::start(Options::new());
    server.connect().line("RPUSH l 2 1");
    let by = "-ERR BY option of SORT denied due to insufficient ACL permissions.";
    let get = "-ERR GET option of SORT denied due to insufficient ACL permissions.";
    let mut conn = with_user(&server, "~l +@all");
    run(
        &mut conn,
        &format!(
            "SORT l -> [1 2]
            SORT l BY w* -> {by}
            SORT l BY nosort -> [2 1]
            SORT l GET # -> {get}
            SORT_RO l GET w* -> {get}
            SORT l LIMIT 0 1 DESC GET w* -> {get}
            SORT l FOO GET w* -> -ERR syntax error
            MULTI -> +OK
            SORT l GET w* -> +QUEUED"
        ),
    );
    assert_eq!(conn.line("EXEC").items()[0].to_string(), get);
    for rules in ["%R~* +@all", "~l +@all (allkeys +sort)"] {
        let mut conn = with_user(&server, rules);
        check(&mut conn, "SORT l BY w* GET # GET w*", "[1 nil 2 nil]");
    }
}

#[test]
fn transactions_are_checked_twice() {
    let server = Server::start(Options::new());
    let mut conn = with_user(&server, "~a:* &* +@all");
    run(
        &mut conn,
        &format!(
            "MULTI -> +OK
            SET a:1 x -> +QUEUED
            SET b x -> {NO_KEY}
            EXEC -> -EXECABORT Transaction discarded because of previous errors.
            GET a:1 -> nil
            MULTI -> +OK
            SET a:1 x -> +QUEUED
            SET a:2 x -> +QUEUED
            PUBLISH c x -> +QUEUED
            PING -> +QUEUED"
        ),
    );
    let mut admin = server.connect();
    check(
        &mut admin,
        "ACL SETUSER u resetkeys ~a:1 resetchannels -ping",
        "+OK",
    );
    let changed = "-NOPERM ACLs rules changed between the moment the transaction was accumulated and \
                   the EXEC call. This command is no longer allowed for the following reason:";
    let replies = conn.line("EXEC");
    let expected = [
        "+OK".to_owned(),
        format!("{changed} no permission to touch the specified keys"),
        format!(
            "{changed} no permission to access one of the channels used as arguments to the command"
        ),
        format!("{changed} no permission to execute the command or subcommand"),
    ];
    let replies: Vec<String> = replies.items().iter().map(Reply::to_string).collect();
    assert_eq!(replies, expected);
    check(&mut admin, "MGET a:1 a:2", "[x nil]");
    // Another user in the middle: what follows is checked as that one.
    run(
        &mut conn,
        "MULTI -> +OK
        AUTH u wrong -> +QUEUED
        AUTH default x -> +QUEUED
        SET a:1 y -> +QUEUED
        ACL WHOAMI -> +QUEUED
        EXEC -> [! +OK +OK default]",
    );
}

#[test]
fn channels_are_checked() {
    let server = Server::start(Options::new());
    let mut conn = with_user(&server, "&c:* +@all");
    let script = format!(
        "PUBLISH c:1 x -> :0
        PUBLISH d x -> {NO_CHANNEL}
        SPUBLISH d x -> {NO_CHANNEL}
        SUBSCRIBE c:1 d -> {NO_CHANNEL}
        SSUBSCRIBE d -> {NO_CHANNEL}
        PSUBSCRIBE * -> {NO_CHANNEL}
        PSUBSCRIBE c:a* -> {NO_CHANNEL}
        PUBSUB CHANNELS -> []"
    );
    run(&mut conn, &script);
    run(conn.hello(3), &script);
    conn.hello(2);
    check(&mut conn, "PSUBSCRIBE c:*", "[psubscribe c:* :1]");
}

#[test]
fn subscribers_lose_what_they_may_no_longer_hear() {
    let server = Server::start(Options::new());
    let mut admin = server.connect();
    for (subscribe, rules) in [
        ("SUBSCRIBE c:1", "resetchannels &d"),
        ("PSUBSCRIBE c:*", "resetchannels &c:1"),
        ("SSUBSCRIBE c:1", "resetchannels"),
    ] {
        let mut conn = with_user(&server, "&c:* &d +@all");
        let mut other = Conn::open(server.addr());
        check(&mut other, "AUTH u p", "+OK");
        check(&mut conn, subscribe, "*");
        check(&mut other, "SUBSCRIBE d", "*");
        // What takes nothing away disconnects nobody.
        check(&mut admin, "ACL SETUSER u &e -get", "+OK");
        check(&mut conn, "PING", "[pong \"\"]");
        let keeps_d = rules.contains("&d");
        check(&mut admin, &format!("ACL SETUSER u {rules}"), "+OK");
        assert_eq!(conn.read_to_close(), b"");
        match keeps_d {
            true => check(&mut other, "PING", "[pong \"\"]"),
            false => assert_eq!(other.read_to_close(), b""),
        }
    }
}

#[test]
fn clients_of_a_deleted_user_are_disconnected() {
    let server = Server::start(Options::new());
    let mut conn = with_user(&server, "~* +@all");
    let mut admin = server.connect();
    check(&mut conn, "PING", "+PONG");
    check(&mut admin, "ACL DELUSER u", ":1");
    assert_eq!(conn.read_to_close(), b"");
    // One that deletes itself hears of it first.
    let mut conn = with_user(&server, "~* +@all");
    check(&mut conn, "ACL DELUSER u", ":1");
    assert_eq!(conn.read_to_close(), b"");
    check(&mut admin, "PING", "+PONG");
}

#[test]
fn a_change_is_in_force_with_the_next_request() {
    let server = Server::start(Options::new());
    let mut conn = with_user(&server, "~* +@all");
    let mut admin = server.connect();
    for _ in 0..20 {
        check(&mut admin, "ACL SETUSER u -get", "+OK");
        check(
            &mut conn,
            "GET k",
            "-NOPERM this user has no permissions to run the 'get' command",
        );
        check(&mut admin, "ACL SETUSER u +get", "+OK");
        check(&mut conn, "GET k", "nil");
    }
    // Also within one pipeline of the one who makes it.
    let replies = conn.pipeline(&[
        vec!["GET", "k"],
        vec!["ACL", "SETUSER", "u", "-get"],
        vec!["GET", "k"],
    ]);
    assert!(replies[0].is_null() && replies[2].is_error(), "{replies:?}");
}

#[test]
fn dryrun_tells_without_doing() {
    let server = Server::start(Options::new());
    run_both(
        &server,
        r#"
        ACL SETUSER u reset ~a:* %R~r &c +@all -lpush -> +OK
        ACL DRYRUN u GET a:1 -> +OK
        ACL DRYRUN u set a:1 x -> +OK
        ACL DRYRUN u get b -> "This user has no permissions to access the 'b' key"
        ACL DRYRUN u set r x -> "This user has no permissions to access the 'r' key"
        ACL DRYRUN u LPUSH a:1 x -> "This user has no permissions to run the 'lpush' command"
        ACL DRYRUN u publish d x -> "This user has no permissions to access the 'd' channel"
        ACL DRYRUN u config get x -> +OK
        ACL DRYRUN u config nosub -> -ERR Command 'config' not found
        ACL DRYRUN u nosuch -> -ERR Command 'nosuch' not found
        ACL DRYRUN nobody get a -> -ERR User 'nobody' not found
        ACL DRYRUN u get -> -ERR wrong number of arguments for 'get' command
        GET a:1 -> nil
        "#,
    );
}

#[test]
fn categories_and_passwords() {
    let server = Server::start(Options::new());
    run_both(
        &server,
        "
        ACL CAT -> [keyspace read write set sortedset list hash string bitmap hyperloglog geo stream pubsub admin fast slow blocking dangerous connection transaction scripting]
        ACL CAT nosuch -> -ERR Unknown category 'nosuch'
        ACL CAT a b -> -ERR unknown subcommand or wrong number of arguments for 'CAT'. Try ACL HELP.
        ACL CAT transaction -> ?[multi exec discard watch unwatch]
        ACL GENPASS 0 -> -ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096
        ACL GENPASS 4097 -> -ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096
        ACL GENPASS x -> -ERR value is not an integer or out of range
        ACL GENPASS 1 2 -> -ERR unknown subcommand or wrong number of arguments for 'GENPASS'. Try ACL HELP.
        ",
    );
    let mut conn = server.connect();
    for (request, digits) in [
        ("ACL GENPASS", 64),
        ("ACL GENPASS 5", 2),
        ("ACL GENPASS 4096", 1024),
    ] {
        let texts = [(); 2].map(|()| conn.line(request).text());
        assert!(texts.iter().all(|text| text.len() == digits), "{texts:?}");
        assert!(texts[0].bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(digits < 64 || texts[0] != texts[1]);
    }
    let help = conn.line("ACL HELP").items().len();
    assert!(help > 20, "{help} lines");
}

fn fields(entry: &Reply) -> Vec<(String, String)> {
    let pairs = entry.pairs();
    let text = |reply: &Reply| match reply {
        Reply::Int(number) => number.to_string(),
        Reply::Double(text) => text.clone(),
        other => other.text(),
    };
    pairs
        .iter()
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

#[test]
fn the_log_tells_what_was_refused() {
    let server = Server::start(Options::new());
    let mut admin = server.connect();
    check(&mut admin, "ACL LOG", "[]");
    let mut conn = with_user(&server, "~a &c +@all -lpush");
    for _ in 0..3 {
        conn.line("GET b");
    }
    conn.line("LPUSH a x");
    conn.line("PUBLISH d x");
    conn.line("CLIENT SETNAME me");
    conn.line("MULTI");
    conn.line("GET b");
    conn.line("DISCARD");
    conn.line("AUTH nobody x");
    let log = admin.line("ACL LOG");
    let seen: Vec<String> = log
        .items()
        .iter()
        .map(|entry| {
            let texts: Vec<String> = fields(entry).into_iter().take(5).map(|(_, v)| v).collect();
            texts.join(" ")
        })
        .collect();
    assert_eq!(
        seen,
        [
            "1 auth toplevel AUTH nobody",
            "1 key multi b u",
            "1 channel toplevel d u",
            "1 command toplevel lpush u",
            "3 key toplevel b u",
        ]
    );
    let entry = fields(&log.items()[1]);
    let names: Vec<&str> = entry.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names[5..],
        [
            "age-seconds",
            "client-info",
            "entry-id",
            "timestamp-created",
            "timestamp-last-updated"
        ]
    );
    let client = &entry[6].1;
    for part in ["id=", " name=me ", " user=u ", " cmd=get ", " multi=0 "] {
        assert!(client.contains(part), "{part}: {client}");
    }
    assert_eq!(admin.line("ACL LOG 2").items().len(), 2);
    check(&mut admin, "ACL LOG RESET", "+OK");
    check(&mut admin, "ACL LOG", "[]");
    let mut resp3 = server.connect3();
    conn.line("GET b");
    let Reply::Array(entries) = resp3.line("ACL LOG 1") else {
        panic!("an array")
    };
    assert!(matches!(entries[0], Reply::Map(_)), "{entries:?}");
}

#[test]
fn the_log_is_bounded_and_refusals_are_counted() {
    let server = Server::start(Options::new());
    let mut admin = server.connect();
    let mut conn = with_user(&server, "~a &c +@all -lpush");
    for request in [
        "GET b",
        "GET c",
        "GET d",
        "LPUSH a x",
        "PUBLISH d x",
        "AUTH u x",
    ] {
        conn.line(request);
    }
    run(
        &mut admin,
        "ACL LOG x -> -ERR value is not an integer or out of range
        ACL LOG 1 2 -> -ERR unknown subcommand or wrong number of arguments for 'LOG'. Try ACL HELP.
        ACL LOG -1 -> []
        CONFIG SET acllog-max-len 2 -> +OK",
    );
    conn.line("GET b");
    assert_eq!(admin.line("ACL LOG").items().len(), 2);
    let stats = admin.line("INFO stats").text();
    for line in ["auth:1", "cmd:1", "key:4", "channel:1"] {
        let line = format!("acl_access_denied_{line}\r\n");
        assert!(stats.contains(&line), "{stats}");
    }
}

#[test]
fn passwords_are_nowhere_to_be_seen() {
    let server = Server::start(Options::new().set("monitoring.slowlog_log_slower_than", 0));
    let mut admin = server.connect();
    let mut monitor = server.connect();
    check(&mut monitor, "MONITOR", "+OK");
    run(
        &mut admin,
        "ACL SETUSER u on >geheim +@all
        ACL SETUSER u on >geheim +nosuch -> !
        AUTH u geheim
        AUTH u geheimer -> !
        HELLO 3 AUTH u geheim SETNAME x -> *",
    );
    admin.protocol = 3;
    let slow = admin.line("SLOWLOG GET 100").to_string();
    assert!(
        slow.contains("SETUSER") && !slow.contains("geheim"),
        "{slow}"
    );
    let log = admin.line("ACL LOG").to_string();
    assert!(!log.contains("geheim") && !admin.line("ACL LIST").to_string().contains("geheim"));
    admin.line("ECHO end");
    loop {
        let line = monitor.read().text();
        assert!(!line.contains("geheim"), "{line}");
        if line.contains("\"ECHO\" \"end\"") {
            break;
        }
    }
    assert!(!server.log().contains("geheim"));
}

#[test]
fn clients_are_told_apart_by_user() {
    let server = Server::start(Options::new());
    let mut conn = with_user(&server, "+@all");
    let mut admin = server.connect();
    assert!(conn.line("CLIENT INFO").text().contains(" user=u "));
    assert!(admin.line("CLIENT INFO").text().contains(" user=default "));
    if !on_oracle() {
        let listed = admin.line("CLIENT LIST USER u").text();
        assert_eq!(listed.lines().count(), 1, "{listed}");
    }
    run(
        &mut admin,
        "CLIENT KILL USER nobody -> -ERR No such user 'nobody'
        CLIENT KILL USER u -> :1",
    );
    assert_eq!(conn.read_to_close(), b"");
}

#[test]
fn channels_of_users_without_rules_on_them() {
    let server = Server::start(Options::new());
    run(
        &mut server.connect(),
        r#"
        CONFIG GET acl-pubsub-default -> {acl-pubsub-default resetchannels}
        CONFIG SET acl-pubsub-default allchannels -> +OK
        ACL SETUSER a (+get) -> +OK
        ACL LIST -> ["user a off &* -@all (&* -@all +get)" …]
        CONFIG SET acl-pubsub-default resetchannels -> +OK
        ACL SETUSER a reset -> +OK
        ACL LIST -> ["user a off sanitize-payload resetchannels -@all" …]
        "#
        .replace(" …]", " \"user default on nopass ~* &* +@all\"]")
        .as_str(),
    );
}

const NO_FILE: &str = "-ERR This Redis instance is not configured to use an ACL file.…";

#[test]
fn without_a_file_nothing_is_loaded_or_saved() {
    let server = Server::start(Options::new());
    run_both(
        &server,
        &format!("ACL SAVE -> {NO_FILE}\nACL LOAD -> {NO_FILE}"),
    );
}

#[test]
fn users_are_saved_and_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("users.acl");
    std::fs::write(&path, "user a on >a ~a &a +@all\nuser b on nopass +@all\n").expect("written");
    let server = Server::start(Options::new().set("acl.file", path.display()));
    let mut admin = server.connect();
    let login = |name: &str| {
        let mut conn = Conn::open(server.addr());
        check(&mut conn, &format!("AUTH {name} a"), "+OK");
        conn
    };
    let (mut a, mut b) = (login("a"), login("b"));
    run(
        &mut admin,
        "ACL USERS -> [a b default]
        ACL SETUSER c reset on >c ~c -> +OK
        ACL SAVE -> +OK
        ACL DELUSER c -> :1
        ACL LOAD -> +OK
        ACL USERS -> [a b c default]",
    );
    let text = std::fs::read_to_string(&path).expect("readable");
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(!text.contains(">a"), "{text}");
    check(&mut a, "GET a", "nil");
    // Who is gone is disconnected; who has changed has the new rules.
    std::fs::write(&path, "user a on >a ~x +@all\n").expect("written");
    check(&mut admin, "ACL LOAD", "+OK");
    assert_eq!(b.read_to_close(), b"");
    check(&mut a, "GET a", NO_KEY);
    // A mistake changes nothing.
    std::fs::write(&path, "user z on\nuser a on +nosuch\n").expect("written");
    let file = path.display();
    check(
        &mut admin,
        "ACL LOAD",
        &format!(
            "-ERR {file}:2: Error in applying operation '+nosuch': Unknown command or category name \
             in ACL. WARNING: ACL errors detected, no change to the previously active ACL rules was \
             performed"
        ),
    );
    check(&mut admin, "ACL USERS", "[a default]");
    std::fs::remove_file(&path).expect("removed");
    check(
        &mut admin,
        "ACL LOAD",
        &format!("-ERR Error loading ACLs, opening file '{file}': No such file or directory"),
    );
    std::fs::remove_dir_all(folder.path()).expect("removed");
    check(
        &mut admin,
        "ACL SAVE",
        "-ERR There was an error trying to save the ACLs.…",
    );
}

#[test]
fn who_waits_in_a_command_it_may_no_longer_run_waits_no_more() {
    let server = Server::start(Options::new());
    let mut conn = with_user(&server, "~a +@all");
    let mut admin = server.connect();
    conn.send(&["BLPOP", "a", "0"]);
    let blocked = |admin: &mut Conn| {
        let info = admin.line("INFO clients").text();
        info.contains("blocked_clients:1").then_some(())
    };
    poll_until("the client waits", || blocked(&mut admin));
    check(&mut admin, "ACL SETUSER u resetkeys ~b", "+OK");
    check(&mut admin, "RPUSH a x", ":1");
    assert_eq!(conn.read().to_string(), NO_KEY);
    check(&mut admin, "LLEN a", ":1");
}

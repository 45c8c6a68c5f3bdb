//! The harness itself: what it accepts, and that it can fail.

use crate::support::{Options, Oracle, Reply, decode, split_line, verdict};

#[test]
fn decodes_every_kind_of_reply_at_every_split() {
    let frame =
        b"*13\r\n+OK\r\n-ERR no\r\n:-5\r\n$2\r\n\r\n\r\n$-1\r\n*-1\r\n_\r\n%1\r\n+a\r\n:1\r\n\
~1\r\n#t\r\n,1.5\r\n(123\r\n=5\r\ntxt:x\r\n!3\r\nERR\r\n";
    let (reply, used) = decode(frame).expect("well formed").expect("complete");
    assert_eq!(used, frame.len());
    let shown = r#"[+OK -ERR no :-5 "\r\n" nil nil[] nil3 {+a :1} ~[#t] ,1.5 (123 =txt:x -ERR]"#;
    assert_eq!(reply.to_string(), shown);
    for end in 0..frame.len() {
        assert_eq!(decode(&frame[..end]), Ok(None), "cut at {end}");
    }
}

#[test]
fn refuses_malformed_replies() {
    for frame in [
        "+a\rb\r\n",
        "+a\nb\r\n",
        "\r\n",
        ":\r\n",
        ":01\r\n",
        ":+1\r\n",
        "$-2\r\n",
        "$1\r\nabc\r\n",
        "*-2\r\n",
        "#x\r\n",
        "_x\r\n",
        "=1\r\nx\r\n",
        "!-1\r\n",
        ",x\r\n",
        "PONG\r\n",
    ] {
        assert!(decode(frame.as_bytes()).is_err(), "{frame:?}");
    }
}

#[test]
fn splits_lines_as_redis_cli_does() {
    let words = |line| {
        let args: Vec<Vec<u8>> = split_line(line);
        args.iter()
            .map(|a| a.escape_ascii().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        words(r#" SET  k "a \x00\"\n" 'it\'s' "" "#),
        ["SET", "k", r#"a \x00\"\n"#, r"it\'s", ""]
    );
}

#[test]
fn expectations_match_what_they_say_and_nothing_else() {
    let bulk = |s: &str| Reply::Bulk(s.as_bytes().to_vec());
    let array = Reply::Array(vec![bulk("a"), bulk("b"), Reply::Int(3), Reply::NullBulk]);
    let map = Reply::Map(vec![(bulk("k"), bulk("v")), (bulk("l"), Reply::Int(1))]);
    let error = Reply::Error(b"ERR no such key".to_vec());
    for (reply, expected, protocol) in [
        (&array, "[a b :3 nil]", 2),
        (&array, r#"?[:1..3 nil "b" a]"#, 2),
        (&array, "*", 3),
        (&array, "{a b :3 nil}", 2),
        (&map, "{l :1 k v}", 3),
        (&error, "-ERR no such key", 2),
        (&error, "-…such…", 2),
        (&error, "!", 3),
        (&error, "@2 -ERR… @3 +OK", 2),
        (&Reply::Null, "nil[]", 3),
        (&bulk("1.5"), ",1.5", 2),
        (&Reply::Double("1.5".into()), ",1.5", 3),
        (&bulk("nil"), r#""nil""#, 2),
    ] {
        verdict(reply, expected, protocol).unwrap_or_else(|e| panic!("{expected}: {e}"));
    }
    for (reply, expected, protocol) in [
        (&array, "[a b :3]", 2),
        (&array, "[b a :3 nil]", 2),
        (&array, "?[a a :3 nil]", 2),
        (&array, "{a b :3 nil}", 3),
        (&map, "{l :2 k v}", 3),
        (&error, "-ERR no such", 2),
        (&error, "-…keys", 2),
        (&Reply::NullArray, "nil", 2),
        (&Reply::NullBulk, "nil", 3),
        (&bulk("1.5"), ",1.5", 3),
        (&bulk("OK"), "+OK", 2),
        (&Reply::Int(11), ":1..10", 2),
    ] {
        assert!(
            verdict(reply, expected, protocol).is_err(),
            "{expected} matches {reply}"
        );
    }
}

#[test]
fn the_oracle_is_the_version_the_expectations_come_from() {
    let info = Oracle::start(Options::new())
        .connect()
        .line("INFO server")
        .text();
    assert!(info.contains("redis_version:7.0."), "{info}");
}

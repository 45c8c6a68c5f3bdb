//! Users: rules there and back, and what they permit.

use super::*;
use crate::commands::table;
use crate::protocol::Span;
use proptest::prelude::*;

fn user(rules: &str) -> User {
    let words: Vec<&[u8]> = rules.split(' ').map(str::as_bytes).collect();
    let merged = merge(words.into_iter()).expect("balanced");
    let with = User::new(b"u", false).with(merged.iter().map(Vec::as_slice));
    with.unwrap_or_else(|(at, error)| panic!("{rules}, {at}: {error}"))
}

fn check(user: &User, request: &str) -> Result<(), Denial> {
    on_request(request, |command, args| user.check(command, args))
}

fn on_request<T>(request: &str, ask: impl FnOnce(&Registered, Args<'_>) -> T) -> T {
    let words: Vec<&str> = request.split(' ').collect();
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    for word in &words {
        spans.push(Span::new(bytes.len(), word.len()));
        bytes.extend_from_slice(word.as_bytes());
    }
    let top = table::find(words[0].as_bytes()).expect(request);
    let sub = words
        .get(1)
        .and_then(|name| top.subcommand(name.as_bytes()));
    ask(sub.unwrap_or(top), Args::new(&bytes, &spans))
}

#[track_caller]
fn refused(user: &User, request: &str, refusal: Refusal, at: usize) {
    assert_eq!(
        check(user, request),
        Err(Denial { refusal, at }),
        "{request}"
    );
}

#[test]
fn keys_are_permitted_by_what_is_done_with_them() {
    let u = user("on ~a:* %R~r:* %W~w:* +@all");
    for request in [
        "GET a:1",
        "GET r:1",
        "SET w:1 x",
        "SET a:1 x",
        "EXISTS w:1",
        "COPY r:1 w:1",
        "MGET a:1 r:1",
        "RPOPLPUSH a:1 w:1",
        "PING",
    ] {
        assert_eq!(check(&u, request), Ok(()), "{request}");
    }
    refused(&u, "GET b", Refusal::Key, 1);
    refused(&u, "GET w:1", Refusal::Key, 1);
    refused(&u, "SET r:1 x", Refusal::Key, 1);
    refused(&u, "SET w:1 x GET", Refusal::Key, 1);
    refused(&u, "GETSET w:1 x", Refusal::Key, 1);
    refused(&u, "MGET a:1 r:1 b", Refusal::Key, 3);
    refused(&u, "EXISTS z", Refusal::Key, 1);
    refused(&u, "ZUNIONSTORE a:d 2 a:1 z", Refusal::Key, 4);
    refused(&u, "SORT a:1 STORE z", Refusal::Key, 3);
}

#[test]
fn channels() {
    let u = user("on &c:* &p.* ~* +@all");
    for request in [
        "PUBLISH c:1 x",
        "SUBSCRIBE c:1",
        "PSUBSCRIBE c:*",
        "UNSUBSCRIBE z",
    ] {
        assert_eq!(check(&u, request), Ok(()), "{request}");
    }
    refused(&u, "PUBLISH d x", Refusal::Channel, 1);
    refused(&u, "SUBSCRIBE c:1 d", Refusal::Channel, 2);
    refused(&u, "SSUBSCRIBE d", Refusal::Channel, 1);
    refused(&u, "PSUBSCRIBE c:* c:a*", Refusal::Channel, 2);
}

#[test]
fn one_selector_must_permit_all_of_it() {
    let u = user("on ~a +get (~b +set) (~c +get +set)");
    for request in ["GET a", "SET b x", "GET c", "SET c x"] {
        assert_eq!(check(&u, request), Ok(()), "{request}");
    }
    refused(&u, "SET a x", Refusal::Key, 1);
    refused(&u, "DEL a", Refusal::Command, 0);
    assert!(!u.is_unrestricted());
    assert!(user("(allkeys allchannels +@all)").is_unrestricted());
    assert!(!user("allkeys +@all").is_unrestricted());
    // Before it is known who somebody is, this much is always allowed.
    assert_eq!(check(&user("off"), "AUTH x"), Ok(()));
}

#[test]
fn passwords() {
    let u = user("on >a >b >a <a");
    assert!(u.accepts(&digest(b"b")) && !u.accepts(&digest(b"a")));
    assert!(user("on nopass").accepts(&digest(b"x")) && !user("nopass").accepts(&digest(b"x")));
    assert!(!user("on nopass >x").accepts(&digest(b"y")));
    assert!(!user("on nopass resetpass").accepts(&digest(b"")));
    let hash = hexadecimal(&digest(b"b"));
    let u = user(&format!("on #{hash}"));
    assert!(u.accepts(&digest(b"b")));
    assert!(!String::from_utf8_lossy(&u.rules()).contains(" >"));
    assert!(!format!("{u:?}").contains(&hash));
    assert!(user(&format!("on >b !{hash}")).hashes().is_empty());
}

#[test]
fn what_is_refused() {
    use RuleError::*;
    let long = format!("~{}", "x".repeat(4097));
    for (rules, error) in [
        ("xx", Syntax),
        ("", Syntax),
        (")", Syntax),
        ("(nopass)", Syntax),
        ("((+get))", Syntax),
        ("(+get))", Unknown),
        ("(allkeys +foo)", Unknown),
        ("%~x", Syntax),
        ("%", Syntax),
        ("%RR~x", Syntax),
        ("%X~", Syntax),
        ("~a\tb", Syntax),
        ("&a\0b", Syntax),
        ("~* ~x", KeysAfterAll),
        ("&* &x", ChannelsAfterAll),
        ("<none", NoSuchPassword),
        ("#abc", Hash),
        ("!abc", Hash),
        (&long, Limit),
    ] {
        let words: Vec<&[u8]> = rules.split(' ').map(str::as_bytes).collect();
        let rules = merge(words.into_iter()).expect("balanced");
        let rules = rules.iter().map(Vec::as_slice);
        let outcome = User::new(b"u", false).with(rules.clone()).map(|_| ());
        assert_eq!(
            outcome.map_err(|(_, error)| error),
            Err(error),
            "{:?}",
            rules.clone().next_back()
        );
    }
    let many = |prefix: &str, count: usize| {
        let rules: Vec<String> = (0..count)
            .map(|n| prefix.replace('N', &n.to_string()))
            .collect();
        let user = User::new(b"u", false);
        user.with(rules.iter().map(String::as_bytes))
            .map(|_| ())
            .map_err(|(_, error)| error)
    };
    for (rule, most) in [
        (">N", PASSWORDS_MAX),
        ("(~N)", SELECTORS_MAX),
        ("~N", 10_000),
    ] {
        assert_eq!(many(rule, most), Ok(()), "{rule}");
        assert_eq!(many(rule, most + 1), Err(Limit), "{rule}");
    }
}

#[test]
fn selectors_are_merged_from_several_arguments() {
    let words = |text: &str| -> Vec<Vec<u8>> {
        text.split('|')
            .map(|word| word.as_bytes().to_vec())
            .collect()
    };
    let merged = |text: &str| {
        let words = words(text);
        merge(words.iter().map(Vec::as_slice)).map_err(<[u8]>::to_vec)
    };
    assert_eq!(merged("(+get|~a|+set)|on"), Ok(words("(+get ~a +set)|on")));
    assert_eq!(merged("on|(+get|) "), Err(b"(+get".to_vec()));
    assert_eq!(merged("()|(a)|)"), Ok(words("()|(a)|)")));
    assert_eq!(merged("(a|(b)"), Ok(words("(a (b)")));
}

/// One rule: mostly of those that exist.
fn rule() -> impl Strategy<Value = String> {
    let plain = prop::sample::select(vec![
        "on",
        "off",
        "nopass",
        "resetpass",
        "reset",
        "allkeys",
        "resetkeys",
        "allchannels",
        "resetchannels",
        "allcommands",
        "nocommands",
        "+@all",
        "-@all",
        "clearselectors",
        "sanitize-payload",
        "skip-sanitize-payload",
        "+get",
        "-get",
        "+@read",
        "-@write",
        "+config",
        "-config|set",
        "+config|get",
        "+select|1",
        "+@dangerous",
        "-@keyspace",
        ">a",
        ">b",
        "<a",
    ]);
    let pattern = "(~|&|%R~|%W~|%RW~)[a-c*?\"'\\\\(]{0,6}";
    prop_oneof![4 => plain.prop_map(str::to_owned), 2 => pattern]
}

proptest! {
    /// What `ACL LIST` shows makes the same user anew.
    #[test]
    fn rules_shown_are_rules(
        rules in prop::collection::vec(rule(), 0..20),
        selectors in prop::collection::vec(prop::collection::vec(rule(), 0..6), 0..3),
    ) {
        let mut user = User::new(b"u", false);
        let selectors = selectors.iter().map(|rules| format!("({})", rules.join(" ")));
        for rule in rules.into_iter().chain(selectors) {
            if let Ok(changed) = user.with([rule.as_bytes()].into_iter()) {
                user = changed;
            }
        }
        let shown = user.rules();
        let words = shown.split(|byte| *byte == b' ');
        let merged = merge(words.filter(|word| !word.is_empty())).expect("balanced");
        let again = User::new(b"u", false).with(merged.iter().map(Vec::as_slice));
        let again = again.map_err(|error| format!("{error:?} of {}", shown.escape_ascii()));
        prop_assert!(again.as_ref() == Ok(&user), "{}: {:?}", shown.escape_ascii(), again.err());
    }

    /// What one look tells is what looking closely tells.
    #[test]
    fn a_look_tells_what_a_check_does(
        rules in prop::collection::vec(rule(), 0..12),
        selector in prop::collection::vec(rule(), 0..3),
        keys in prop::collection::vec("[a-c*?]{0,4}", 1..6),
    ) {
        let mut user = User::new(b"u", false);
        for rule in rules.into_iter().chain([format!("({})", selector.join(" "))]) {
            if let Ok(changed) = user.with([rule.as_bytes()].into_iter()) {
                user = changed;
            }
        }
        for key in keys {
            for request in ["GET K", "SET K x", "SET K x GET", "GETDEL K", "STRLEN K", "MGET K K",
                "TYPE K", "PUBLISH K x", "CONFIG GET K", "SELECT 1", "RENAME K a", "DEL K a"] {
                let request = request.replace('K', &key);
                let (looked, checked) = on_request(&request, |command, args| {
                    (user.permits(command, args), user.check(command, args))
                });
                prop_assert_eq!(looked, checked.is_ok(), "{} by {:?}", request, user.rules());
            }
        }
    }
}

//! Rules of users, and the file of users.

use crate::driver::{Target, fuzz, words};
use redistill::acl::file::{parse, write};
use redistill::acl::{User, merge};

const RULES: &[&str] = &[
    "on",
    "off",
    "nopass",
    "resetpass",
    "reset",
    "allkeys",
    "resetkeys",
    "~*",
    "~app:*",
    "%R~r",
    "%W~",
    "%RW~x",
    "&*",
    "&c:*",
    "allchannels",
    "resetchannels",
    "+@all",
    "-@all",
    "+@read",
    "-@write",
    "+get",
    "-config|set",
    "+config|get",
    "+select|1",
    ">secret",
    "<secret",
    "clearselectors",
    "(+get ~a)",
    "(",
    ")",
    "(%R~\"a b\" +set)",
    "sanitize-payload",
    " ",
    "\t",
    "\0",
    "\"",
    "'",
    "\\",
    "#ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
    "!ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
];

/// The input is rules with line breaks between them: what can be applied is shown as rules that
/// make the same user again, and the user's pattern never makes it unusable.
#[test]
fn rules() {
    let target = Target {
        name: "rules",
        inputs: 30_000,
        seeds: words(&[
            "on\n>p\n~app:*\n&*\n+@all\n-@dangerous",
            "(+get\n~a\n+set)\n%R~r:*\n+config|get\n-config|set",
            "nopass\nallkeys\nresetkeys\n~[a-c]*\n+select|0\nclearselectors\n()",
        ]),
        words: words(RULES),
    };
    fuzz(&target, |input, outcome| {
        let rules: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
        let merged = match merge(rules.into_iter()) {
            Ok(merged) => merged,
            Err(start) => {
                assert!(start.starts_with(b"("));
                return outcome.note("open");
            }
        };
        let mut user = User::new(b"u", false);
        for rule in &merged {
            match user.with([rule.as_slice()].into_iter()) {
                Ok(changed) => {
                    outcome.note(rule.first());
                    user = changed;
                }
                Err((at, error)) => {
                    assert_eq!(at, 0);
                    outcome.note(error.to_string());
                }
            }
        }
        let shown = user.rules();
        assert!(
            !shown.contains(&b'\n') && !shown.contains(&0),
            "{}",
            shown.escape_ascii()
        );
        let words = shown
            .split(|byte| *byte == b' ')
            .filter(|word| !word.is_empty());
        let again = merge(words).expect("what is shown is balanced");
        let again = User::new(b"u", false).with(again.iter().map(Vec::as_slice));
        assert!(again == Ok(user), "{}", shown.escape_ascii());
    });
}

/// What a file says, a file written of it says again; what is wrong with it is said with its line.
#[test]
fn files_of_users() {
    let mut known = words(RULES);
    known.extend(words(&[
        "user ",
        "user a ",
        "\n",
        "\r\n",
        "USER",
        "user default on",
        "# ",
    ]));
    let target = Target {
        name: "files of users",
        inputs: 20_000,
        seeds: words(&[
            "user default on nopass ~* &* +@all\nuser a on >p ~a:* (+get ~b) -@all +set\n",
            "user a off\r\n\n  user b on #abc\n",
            "user a (+get\nuser a on\nuser",
        ]),
        words: known,
    };
    fuzz(&target, |input, outcome| match parse(input, "f", false) {
        Ok(users) => {
            outcome.note(users.len().min(5));
            let written = write(users.values());
            let again = parse(&written, "f", false).expect("what was written is read");
            assert!(again == users, "{}", written.escape_ascii());
        }
        Err(mistakes) => {
            assert!(
                mistakes.contains("f:") || mistakes.contains("on line "),
                "{mistakes}"
            );
            assert!(mistakes.ends_with("ACL rules was performed") && mistakes.len() < 200_000);
            let kind: String = mistakes
                .chars()
                .filter(char::is_ascii_uppercase)
                .take(8)
                .collect();
            outcome.note(kind);
        }
    });
}

//! Integer arguments from the edges of what is one.

use super::start;
use crate::support::{check, run_both};

#[test]
fn ranks() {
    run_both(
        &start(),
        r#"
        ZADD z 1 a 2 b 3 c -> :3
        ZRANGE z -9223372036854775809 1 -> -ERR value is not an integer or out of range
        ZRANGE z -9223372036854775808 1 -> [a b]
        ZRANGE z -9223372036854775807 1 -> [a b]
        ZRANGE z -1 1 -> []
        ZRANGE z 0 1 -> [a b]
        ZRANGE z 1 1 -> [b]
        ZRANGE z 2147483647 1 -> []
        ZRANGE z 2147483649 1 -> []
        ZRANGE z 4294967296 1 -> []
        ZRANGE z 9223372036854775807 1 -> []
        ZRANGE z 9223372036854775808 1 -> -ERR value is not an integer or out of range
        ZRANGE z 18446744073709551615 1 -> -ERR value is not an integer or out of range
        ZRANGE z -0 1 -> -ERR value is not an integer or out of range
        ZRANGE z "" 1 -> -ERR value is not an integer or out of range
        ZRANGE z 1.5 1 -> -ERR value is not an integer or out of range
        ZRANGE z 1 -9223372036854775809 -> -ERR value is not an integer or out of range
        ZRANGE z 1 -9223372036854775808 -> []
        ZRANGE z 1 -9223372036854775807 -> []
        ZRANGE z 1 -1 -> [b c]
        ZRANGE z 1 0 -> []
        ZRANGE z 1 1 -> [b]
        ZRANGE z 1 2147483647 -> [b c]
        ZRANGE z 1 2147483649 -> [b c]
        ZRANGE z 1 4294967296 -> [b c]
        ZRANGE z 1 9223372036854775807 -> [b c]
        ZRANGE z 1 9223372036854775808 -> -ERR value is not an integer or out of range
        ZRANGE z 1 18446744073709551615 -> -ERR value is not an integer or out of range
        ZRANGE z 1 -0 -> -ERR value is not an integer or out of range
        ZRANGE z 1 "" -> -ERR value is not an integer or out of range
        ZRANGE z 1 1.5 -> -ERR value is not an integer or out of range
        ZREVRANGE z -9223372036854775809 -9223372036854775809 -> -ERR value is not an integer or out of range
        ZREVRANGE z -9223372036854775808 -9223372036854775808 -> []
        ZREVRANGE z -9223372036854775807 -9223372036854775807 -> []
        ZREVRANGE z -1 -1 -> [a]
        ZREVRANGE z 0 0 -> [c]
        ZREVRANGE z 1 1 -> [b]
        ZREVRANGE z 2147483647 2147483647 -> []
        ZREVRANGE z 2147483649 2147483649 -> []
        ZREVRANGE z 4294967296 4294967296 -> []
        ZREVRANGE z 9223372036854775807 9223372036854775807 -> []
        ZREVRANGE z 9223372036854775808 9223372036854775808 -> -ERR value is not an integer or out of range
        ZREVRANGE z 18446744073709551615 18446744073709551615 -> -ERR value is not an integer or out of range
        ZREVRANGE z -0 -0 -> -ERR value is not an integer or out of range
        ZREVRANGE z "" "" -> -ERR value is not an integer or out of range
        ZREVRANGE z 1.5 1.5 -> -ERR value is not an integer or out of range
        "#,
    );
}

#[test]
fn limits() {
    run_both(
        &start(),
        r#"
        ZADD z 1 a 2 b 3 c -> :3
        ZREMRANGEBYRANK none -9223372036854775809 1 -> -ERR value is not an integer or out of range
        ZREMRANGEBYRANK none -9223372036854775808 1 -> :0
        ZREMRANGEBYRANK none -9223372036854775807 1 -> :0
        ZREMRANGEBYRANK none -1 1 -> :0
        ZREMRANGEBYRANK none 0 1 -> :0
        ZREMRANGEBYRANK none 1 1 -> :0
        ZREMRANGEBYRANK none 2147483647 1 -> :0
        ZREMRANGEBYRANK none 2147483649 1 -> :0
        ZREMRANGEBYRANK none 4294967296 1 -> :0
        ZREMRANGEBYRANK none 9223372036854775807 1 -> :0
        ZREMRANGEBYRANK none 9223372036854775808 1 -> -ERR value is not an integer or out of range
        ZREMRANGEBYRANK none 18446744073709551615 1 -> -ERR value is not an integer or out of range
        ZREMRANGEBYRANK none -0 1 -> -ERR value is not an integer or out of range
        ZREMRANGEBYRANK none "" 1 -> -ERR value is not an integer or out of range
        ZREMRANGEBYRANK none 1.5 1 -> -ERR value is not an integer or out of range
        ZRANGEBYSCORE z 1 3 LIMIT -9223372036854775809 2 -> -ERR value is not an integer or out of range
        ZRANGEBYSCORE z 1 3 LIMIT -9223372036854775808 2 -> []
        ZRANGEBYSCORE z 1 3 LIMIT -9223372036854775807 2 -> []
        ZRANGEBYSCORE z 1 3 LIMIT -1 2 -> []
        ZRANGEBYSCORE z 1 3 LIMIT 0 2 -> [a b]
        ZRANGEBYSCORE z 1 3 LIMIT 1 2 -> [b c]
        ZRANGEBYSCORE z 1 3 LIMIT 2147483647 2 -> []
        ZRANGEBYSCORE z 1 3 LIMIT 2147483649 2 -> []
        ZRANGEBYSCORE z 1 3 LIMIT 4294967296 2 -> []
        ZRANGEBYSCORE z 1 3 LIMIT 9223372036854775807 2 -> []
        ZRANGEBYSCORE z 1 3 LIMIT 9223372036854775808 2 -> -ERR value is not an integer or out of range
        ZRANGEBYSCORE z 1 3 LIMIT 18446744073709551615 2 -> -ERR value is not an integer or out of range
        ZRANGEBYSCORE z 1 3 LIMIT -0 2 -> -ERR value is not an integer or out of range
        ZRANGEBYSCORE z 1 3 LIMIT "" 2 -> -ERR value is not an integer or out of range
        ZRANGEBYSCORE z 1 3 LIMIT 1.5 2 -> -ERR value is not an integer or out of range
        ZRANGEBYSCORE z 1 3 LIMIT 1 -9223372036854775809 -> -ERR value is not an integer or out of range
        ZRANGEBYSCORE z 1 3 LIMIT 1 -9223372036854775808 -> [b c]
        ZRANGEBYSCORE z 1 3 LIMIT 1 -9223372036854775807 -> [b c]
        ZRANGEBYSCORE z 1 3 LIMIT 1 -1 -> [b c]
        ZRANGEBYSCORE z 1 3 LIMIT 1 0 -> []
        ZRANGEBYSCORE z 1 3 LIMIT 1 1 -> [b]
        ZRANGEBYSCORE z 1 3 LIMIT 1 2147483647 -> [b c]
        ZRANGEBYSCORE z 1 3 LIMIT 1 2147483649 -> [b c]
        ZRANGEBYSCORE z 1 3 LIMIT 1 4294967296 -> [b c]
        ZRANGEBYSCORE z 1 3 LIMIT 1 9223372036854775807 -> [b c]
        ZRANGEBYSCORE z 1 3 LIMIT 1 9223372036854775808 -> -ERR value is not an integer or out of range
        ZRANGEBYSCORE z 1 3 LIMIT 1 18446744073709551615 -> -ERR value is not an integer or out of range
        ZRANGEBYSCORE z 1 3 LIMIT 1 -0 -> -ERR value is not an integer or out of range
        ZRANGEBYSCORE z 1 3 LIMIT 1 "" -> -ERR value is not an integer or out of range
        ZRANGEBYSCORE z 1 3 LIMIT 1 1.5 -> -ERR value is not an integer or out of range
        "#,
    );
}

#[test]
fn counts_of_members() {
    run_both(
        &start(),
        r#"
        ZADD z 1 a 2 b 3 c -> :3
        ZPOPMIN none -9223372036854775809 -> -ERR value is out of range, must be positive
        ZPOPMIN none -9223372036854775808 -> -ERR value is out of range, must be positive
        ZPOPMIN none -9223372036854775807 -> -ERR value is out of range, must be positive
        ZPOPMIN none -1 -> -ERR value is out of range, must be positive
        ZPOPMIN none 0 -> []
        ZPOPMIN none 1 -> []
        ZPOPMIN none 2147483647 -> []
        ZPOPMIN none 2147483649 -> []
        ZPOPMIN none 4294967296 -> []
        ZPOPMIN none 9223372036854775807 -> []
        ZPOPMIN none 9223372036854775808 -> -ERR value is out of range, must be positive
        ZPOPMIN none 18446744073709551615 -> -ERR value is out of range, must be positive
        ZPOPMIN none -0 -> -ERR value is out of range, must be positive
        ZPOPMIN none "" -> -ERR value is out of range, must be positive
        ZPOPMIN none 1.5 -> -ERR value is out of range, must be positive
        ZMPOP 1 none MIN COUNT -9223372036854775809 -> -ERR count should be greater than 0
        ZMPOP 1 none MIN COUNT -9223372036854775808 -> -ERR count should be greater than 0
        ZMPOP 1 none MIN COUNT -9223372036854775807 -> -ERR count should be greater than 0
        ZMPOP 1 none MIN COUNT -1 -> -ERR count should be greater than 0
        ZMPOP 1 none MIN COUNT 0 -> -ERR count should be greater than 0
        ZMPOP 1 none MIN COUNT 1 -> nil[]
        ZMPOP 1 none MIN COUNT 2147483647 -> nil[]
        ZMPOP 1 none MIN COUNT 2147483649 -> nil[]
        ZMPOP 1 none MIN COUNT 4294967296 -> nil[]
        ZMPOP 1 none MIN COUNT 9223372036854775807 -> nil[]
        ZMPOP 1 none MIN COUNT 9223372036854775808 -> -ERR count should be greater than 0
        ZMPOP 1 none MIN COUNT 18446744073709551615 -> -ERR count should be greater than 0
        ZMPOP 1 none MIN COUNT -0 -> -ERR count should be greater than 0
        ZMPOP 1 none MIN COUNT "" -> -ERR count should be greater than 0
        ZMPOP 1 none MIN COUNT 1.5 -> -ERR count should be greater than 0
        ZRANDMEMBER none -9223372036854775809 -> -ERR value is not an integer or out of range
        ZRANDMEMBER none -9223372036854775808 -> -ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
        ZRANDMEMBER none -9223372036854775807 -> []
        ZRANDMEMBER none -1 -> []
        ZRANDMEMBER none 0 -> []
        ZRANDMEMBER none 1 -> []
        ZRANDMEMBER none 2147483647 -> []
        ZRANDMEMBER none 2147483649 -> []
        ZRANDMEMBER none 4294967296 -> []
        ZRANDMEMBER none 9223372036854775807 -> []
        ZRANDMEMBER none 9223372036854775808 -> -ERR value is not an integer or out of range
        ZRANDMEMBER none 18446744073709551615 -> -ERR value is not an integer or out of range
        ZRANDMEMBER none -0 -> -ERR value is not an integer or out of range
        ZRANDMEMBER none "" -> -ERR value is not an integer or out of range
        ZRANDMEMBER none 1.5 -> -ERR value is not an integer or out of range
        ZRANDMEMBER none -9223372036854775809 WITHSCORES -> -ERR value is not an integer or out of range
        ZRANDMEMBER none -9223372036854775808 WITHSCORES -> -ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
        ZRANDMEMBER none -9223372036854775807 WITHSCORES -> -ERR value is out of range
        ZRANDMEMBER none -1 WITHSCORES -> []
        ZRANDMEMBER none 0 WITHSCORES -> []
        ZRANDMEMBER none 1 WITHSCORES -> []
        ZRANDMEMBER none 2147483647 WITHSCORES -> []
        ZRANDMEMBER none 2147483649 WITHSCORES -> []
        ZRANDMEMBER none 4294967296 WITHSCORES -> []
        ZRANDMEMBER none 9223372036854775807 WITHSCORES -> -ERR value is out of range
        ZRANDMEMBER none 9223372036854775808 WITHSCORES -> -ERR value is not an integer or out of range
        ZRANDMEMBER none 18446744073709551615 WITHSCORES -> -ERR value is not an integer or out of range
        ZRANDMEMBER none -0 WITHSCORES -> -ERR value is not an integer or out of range
        ZRANDMEMBER none "" WITHSCORES -> -ERR value is not an integer or out of range
        ZRANDMEMBER none 1.5 WITHSCORES -> -ERR value is not an integer or out of range
        "#,
    );
}

#[test]
fn counts_of_keys() {
    run_both(
        &start(),
        r#"
        ZADD z 1 a 2 b 3 c -> :3
        ZMPOP -9223372036854775809 none MIN -> -ERR numkeys should be greater than 0
        ZMPOP -9223372036854775808 none MIN -> -ERR numkeys should be greater than 0
        ZMPOP -9223372036854775807 none MIN -> -ERR numkeys should be greater than 0
        ZMPOP -1 none MIN -> -ERR numkeys should be greater than 0
        ZMPOP 0 none MIN -> -ERR numkeys should be greater than 0
        ZMPOP 1 none MIN -> nil[]
        ZMPOP 2147483647 none MIN -> -ERR syntax error
        ZMPOP 2147483649 none MIN -> -ERR syntax error
        ZMPOP 4294967296 none MIN -> -ERR syntax error
        ZMPOP 9223372036854775807 none MIN -> -ERR syntax error
        ZMPOP 9223372036854775808 none MIN -> -ERR numkeys should be greater than 0
        ZMPOP 18446744073709551615 none MIN -> -ERR numkeys should be greater than 0
        ZMPOP -0 none MIN -> -ERR numkeys should be greater than 0
        ZMPOP "" none MIN -> -ERR numkeys should be greater than 0
        ZMPOP 1.5 none MIN -> -ERR numkeys should be greater than 0
        ZINTERCARD -9223372036854775809 z -> -ERR value is not an integer or out of range
        ZINTERCARD -9223372036854775808 z -> -ERR at least 1 input key is needed for 'zintercard' command
        ZINTERCARD -9223372036854775807 z -> -ERR at least 1 input key is needed for 'zintercard' command
        ZINTERCARD -1 z -> -ERR at least 1 input key is needed for 'zintercard' command
        ZINTERCARD 0 z -> -ERR at least 1 input key is needed for 'zintercard' command
        ZINTERCARD 1 z -> :3
        ZINTERCARD 2147483647 z -> -ERR syntax error
        ZINTERCARD 2147483649 z -> -ERR syntax error
        ZINTERCARD 4294967296 z -> -ERR syntax error
        ZINTERCARD 9223372036854775807 z -> -ERR syntax error
        ZINTERCARD 9223372036854775808 z -> -ERR value is not an integer or out of range
        ZINTERCARD 18446744073709551615 z -> -ERR value is not an integer or out of range
        ZINTERCARD -0 z -> -ERR value is not an integer or out of range
        ZINTERCARD "" z -> -ERR value is not an integer or out of range
        ZINTERCARD 1.5 z -> -ERR value is not an integer or out of range
        ZUNIONSTORE d -9223372036854775809 z -> -ERR value is not an integer or out of range
        ZUNIONSTORE d -9223372036854775808 z -> -ERR at least 1 input key is needed for 'zunionstore' command
        ZUNIONSTORE d -9223372036854775807 z -> -ERR at least 1 input key is needed for 'zunionstore' command
        ZUNIONSTORE d -1 z -> -ERR at least 1 input key is needed for 'zunionstore' command
        ZUNIONSTORE d 0 z -> -ERR at least 1 input key is needed for 'zunionstore' command
        ZUNIONSTORE d 1 z -> :3
        ZUNIONSTORE d 2147483647 z -> -ERR syntax error
        ZUNIONSTORE d 2147483649 z -> -ERR syntax error
        ZUNIONSTORE d 4294967296 z -> -ERR syntax error
        ZUNIONSTORE d 9223372036854775807 z -> -ERR syntax error
        ZUNIONSTORE d 9223372036854775808 z -> -ERR value is not an integer or out of range
        ZUNIONSTORE d 18446744073709551615 z -> -ERR value is not an integer or out of range
        ZUNIONSTORE d -0 z -> -ERR value is not an integer or out of range
        ZUNIONSTORE d "" z -> -ERR value is not an integer or out of range
        ZUNIONSTORE d 1.5 z -> -ERR value is not an integer or out of range
        ZDIFF -9223372036854775809 z -> -ERR value is not an integer or out of range
        ZDIFF -9223372036854775808 z -> -ERR at least 1 input key is needed for 'zdiff' command
        ZDIFF -9223372036854775807 z -> -ERR at least 1 input key is needed for 'zdiff' command
        ZDIFF -1 z -> -ERR at least 1 input key is needed for 'zdiff' command
        ZDIFF 0 z -> -ERR at least 1 input key is needed for 'zdiff' command
        ZDIFF 1 z -> [a b c]
        ZDIFF 2147483647 z -> -ERR syntax error
        ZDIFF 2147483649 z -> -ERR syntax error
        ZDIFF 4294967296 z -> -ERR syntax error
        ZDIFF 9223372036854775807 z -> -ERR syntax error
        ZDIFF 9223372036854775808 z -> -ERR value is not an integer or out of range
        ZDIFF 18446744073709551615 z -> -ERR value is not an integer or out of range
        ZDIFF -0 z -> -ERR value is not an integer or out of range
        ZDIFF "" z -> -ERR value is not an integer or out of range
        ZDIFF 1.5 z -> -ERR value is not an integer or out of range
        "#,
    );
}

#[test]
fn limits_and_cursors() {
    run_both(
        &start(),
        r#"
        ZADD z 1 a 2 b 3 c -> :3
        ZINTERCARD 1 z LIMIT -9223372036854775809 -> -ERR LIMIT can't be negative
        ZINTERCARD 1 z LIMIT -9223372036854775808 -> -ERR LIMIT can't be negative
        ZINTERCARD 1 z LIMIT -9223372036854775807 -> -ERR LIMIT can't be negative
        ZINTERCARD 1 z LIMIT -1 -> -ERR LIMIT can't be negative
        ZINTERCARD 1 z LIMIT 0 -> :3
        ZINTERCARD 1 z LIMIT 1 -> :1
        ZINTERCARD 1 z LIMIT 2147483647 -> :3
        ZINTERCARD 1 z LIMIT 2147483649 -> :3
        ZINTERCARD 1 z LIMIT 4294967296 -> :3
        ZINTERCARD 1 z LIMIT 9223372036854775807 -> :3
        ZINTERCARD 1 z LIMIT 9223372036854775808 -> -ERR LIMIT can't be negative
        ZINTERCARD 1 z LIMIT 18446744073709551615 -> -ERR LIMIT can't be negative
        ZINTERCARD 1 z LIMIT -0 -> -ERR LIMIT can't be negative
        ZINTERCARD 1 z LIMIT "" -> -ERR LIMIT can't be negative
        ZINTERCARD 1 z LIMIT 1.5 -> -ERR LIMIT can't be negative
        ZSCAN z 0 COUNT -9223372036854775809 -> -ERR value is not an integer or out of range
        ZSCAN z 0 COUNT -9223372036854775808 -> -ERR syntax error
        ZSCAN z 0 COUNT -9223372036854775807 -> -ERR syntax error
        ZSCAN z 0 COUNT -1 -> -ERR syntax error
        ZSCAN z 0 COUNT 0 -> -ERR syntax error
        ZSCAN z 0 COUNT 1 -> [0 [a 1 b 2 c 3]]
        ZSCAN z 0 COUNT 2147483647 -> [0 [a 1 b 2 c 3]]
        ZSCAN z 0 COUNT 2147483649 -> [0 [a 1 b 2 c 3]]
        ZSCAN z 0 COUNT 4294967296 -> [0 [a 1 b 2 c 3]]
        ZSCAN z 0 COUNT 9223372036854775807 -> [0 [a 1 b 2 c 3]]
        ZSCAN z 0 COUNT 9223372036854775808 -> -ERR value is not an integer or out of range
        ZSCAN z 0 COUNT 18446744073709551615 -> -ERR value is not an integer or out of range
        ZSCAN z 0 COUNT -0 -> -ERR value is not an integer or out of range
        ZSCAN z 0 COUNT "" -> -ERR value is not an integer or out of range
        ZSCAN z 0 COUNT 1.5 -> -ERR value is not an integer or out of range
        ZSCAN none -9223372036854775809 -> [0 []]
        ZSCAN none -9223372036854775808 -> [0 []]
        ZSCAN none -9223372036854775807 -> [0 []]
        ZSCAN none -1 -> [0 []]
        ZSCAN none 0 -> [0 []]
        ZSCAN none 1 -> [0 []]
        ZSCAN none 2147483647 -> [0 []]
        ZSCAN none 2147483649 -> [0 []]
        ZSCAN none 4294967296 -> [0 []]
        ZSCAN none 9223372036854775807 -> [0 []]
        ZSCAN none 9223372036854775808 -> [0 []]
        ZSCAN none 18446744073709551615 -> [0 []]
        ZSCAN none -0 -> [0 []]
        ZSCAN none "" -> [0 []]
        ZSCAN none 1.5 -> -ERR invalid cursor
        "#,
    );
}

/// Longer than any buffer that numbers are read in.
#[test]
fn four_hundred_digits() {
    let server = start();
    let mut conn = server.connect();
    let digits = "1234567890".repeat(40);
    for (line, expected) in [
        ("ZADD z 1 a", ":1"),
        (
            "ZRANGE z {} 1",
            "-ERR value is not an integer or out of range",
        ),
        (
            "ZPOPMIN z {}",
            "-ERR value is out of range, must be positive",
        ),
        ("ZMPOP {} z MIN", "-ERR numkeys should be greater than 0"),
        (
            "ZINTERCARD {} z",
            "-ERR value is not an integer or out of range",
        ),
        (
            "ZRANDMEMBER z {}",
            "-ERR value is not an integer or out of range",
        ),
        ("ZSCAN z {}", "-ERR invalid cursor"),
        (
            "ZSCAN z 0 COUNT {}",
            "-ERR value is not an integer or out of range",
        ),
        ("ZADD z {} b", "-ERR value is not a valid float"),
        ("ZCOUNT z 0 {}", ":1"),
    ] {
        check(&mut conn, &line.replace("{}", &digits), expected);
    }
}

//! Every numeric argument of every command on values, with every number that has ever gone wrong.
//!
//! Each line below is a request that works. Each of its words that begins with a digit is replaced
//! in turn by each of [`NUMBERS`]; both servers start each request from the same keys. What only
//! newer servers know, and what redis-server answers with gigabytes, is asked of ours alone: it
//! must answer, and must not take memory on the argument's word.

use std::collections::BTreeSet;

use crate::compare::Compare;
use crate::exceptions::Exceptions;
use crate::generate::{Command, typed};
use crate::rows::{Row, row};
use crate::run::options;
use crate::support::{Conn, Oracle, Reply, Server, encode, split_line};

/// Where integers end, and what only looks like one; 400 digits come on top.
const NUMBERS: &[&str] = &[
    "-9223372036854775809",
    "-9223372036854775808",
    "-9223372036854775807",
    "-2147483649",
    "-1",
    "-0",
    "0",
    "1",
    "2",
    "2147483647",
    "2147483648",
    "2147483649",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "",
    "1.5",
];

/// What the keys hold when a request arrives.
const SETUP: &[&str] = &[
    "FLUSHALL",
    "SET number 10",
    "SET text 'hello world'",
    "SET lasting x EX 100",
    "RPUSH list a b c b a",
    "HSET hash f 5 g 6.5 h text",
    "SADD set x y z",
    "SADD ints 1 2 3",
    "ZADD zset 1 a 2 b 3 c 4 d",
    "XADD stream 5-1 f v",
    "XADD stream 6-1 f v",
    "XADD stream 7-1 f v",
    "XGROUP CREATE stream group 0",
    "XREADGROUP GROUP group consumer COUNT 2 STREAMS stream >",
    "PFADD hll a b c",
    "GEOADD geo 13.361389 38.115556 palermo 15.087269 37.502669 catania",
];

/// Requests that redis-server 7.0 knows too.
const LINES: &[&str] = &[
    "SET k v EX 100",
    "SET k v PX 100000",
    "SET k v EXAT 99999999999",
    "SET k v PXAT 99999999999999",
    "SETEX k 100 v",
    "PSETEX k 100000 v",
    "GETEX lasting EX 100",
    "GETEX lasting PX 100000",
    "GETEX lasting EXAT 99999999999",
    "GETEX lasting PXAT 99999999999999",
    "INCRBY number 5",
    "DECRBY number 5",
    "INCRBYFLOAT number 5",
    "INCRBY text 5",
    "GETRANGE text 0 4",
    "SUBSTR text 0 4",
    "SETRANGE text 3 abc",
    "SETRANGE text 3 ''",
    "LCS text number MINMATCHLEN 1 IDX",
    "EXPIRE text 100",
    "EXPIRE text 100 NX",
    "EXPIRE lasting 100 GT",
    "PEXPIRE text 100000",
    "EXPIREAT text 99999999999",
    "PEXPIREAT text 99999999999999",
    "COPY text copied DB 0",
    "MOVE text 1",
    "SELECT 0",
    "SWAPDB 0 1",
    "SCAN 0 COUNT 100",
    "OBJECT FREQ 1",
    "SORT ints LIMIT 0 10",
    "SORT ints BY nosort LIMIT 0 10",
    "SORT list ALPHA LIMIT 1 2 STORE sorted",
    "LPOP list 2",
    "RPOP list 2",
    "LRANGE list 0 2",
    "LTRIM list 1 3",
    "LINDEX list 1",
    "LSET list 1 x",
    "LREM list 1 a",
    "LPOS list a RANK 1",
    "LPOS list a COUNT 1",
    "LPOS list a MAXLEN 1",
    "LPOS list a RANK 1 COUNT 2 MAXLEN 3",
    "LMPOP 1 list LEFT COUNT 2",
    "BLPOP list 1",
    "BRPOP list 1",
    "BLMOVE list other LEFT RIGHT 1",
    "BRPOPLPUSH list other 1",
    "BLMPOP 1 1 list LEFT COUNT 2",
    "HINCRBY hash f 5",
    "HINCRBY hash h 5",
    "HINCRBY hash new 5",
    "HINCRBYFLOAT hash f 5",
    "HSCAN hash 0 COUNT 10",
    "SPOP one 1",
    "SSCAN set 0 COUNT 10",
    "SINTERCARD 1 set LIMIT 2",
    "SADD ints 1",
    "SISMEMBER ints 1",
    "SREM ints 1",
    "ZADD zset 1 a",
    "ZADD zset INCR 1 a",
    "ZADD zset GT CH 1 a",
    "ZINCRBY zset 1 a",
    "ZCOUNT zset 1 3",
    "ZCOUNT zset (1 3",
    "ZRANGE zset 0 2",
    "ZRANGE zset 1 3 BYSCORE LIMIT 0 2",
    "ZRANGE zset 3 1 BYSCORE REV LIMIT 0 2",
    "ZRANGE zset - + BYLEX LIMIT 0 2",
    "ZREVRANGE zset 0 2",
    "ZRANGESTORE new zset 0 2",
    "ZRANGEBYSCORE zset 1 3 LIMIT 0 2",
    "ZREVRANGEBYSCORE zset 3 1 LIMIT 0 2",
    "ZRANGEBYLEX zset - + LIMIT 0 2",
    "ZREVRANGEBYLEX zset + - LIMIT 0 2",
    "ZREMRANGEBYRANK zset 0 1",
    "ZREMRANGEBYSCORE zset 1 2",
    "ZPOPMIN zset 2",
    "ZPOPMAX zset 2",
    "ZMPOP 1 zset MIN COUNT 2",
    "BZPOPMIN zset 1",
    "BZPOPMAX zset 1",
    "BZMPOP 1 1 zset MIN COUNT 2",
    "ZUNION 1 zset WEIGHTS 2",
    "ZINTER 1 zset WEIGHTS 2 WITHSCORES",
    "ZDIFF 1 zset WITHSCORES",
    "ZUNIONSTORE new 1 zset WEIGHTS 2",
    "ZINTERSTORE new 1 zset WEIGHTS 2",
    "ZDIFFSTORE new 1 zset",
    "ZINTERCARD 1 zset LIMIT 2",
    "ZSCAN zset 0 COUNT 10",
    "XADD stream 8-1 f v",
    "XADD stream MAXLEN 2 8-1 f v",
    "XADD stream MAXLEN ~ 2 LIMIT 1 8-1 f v",
    "XADD stream MINID 6 8-1 f v",
    "XADD stream NOMKSTREAM MINID ~ 6 LIMIT 1 8-1 f v",
    "XTRIM stream MAXLEN 2",
    "XTRIM stream MAXLEN ~ 2 LIMIT 1",
    "XTRIM stream MINID = 6",
    "XRANGE stream 5 7 COUNT 2",
    "XRANGE stream (5 7-1 COUNT 2",
    "XREVRANGE stream 7 5 COUNT 2",
    "XREAD COUNT 2 STREAMS stream 0",
    "XREAD BLOCK 1 COUNT 2 STREAMS stream 5-1",
    "XREADGROUP GROUP group consumer COUNT 1 BLOCK 1 STREAMS stream >",
    "XREADGROUP GROUP group consumer COUNT 1 STREAMS stream 0",
    "XDEL stream 5-1",
    "XACK stream group 5-1",
    "XSETID stream 9-1",
    "XSETID stream 9-1 ENTRIESADDED 5 MAXDELETEDID 4-1",
    "XGROUP CREATE stream second 5-1",
    "XGROUP CREATE stream second 5-1 ENTRIESREAD 2",
    "XGROUP SETID stream group 5-1 ENTRIESREAD 2",
    "XPENDING stream group - + 10",
    "XPENDING stream group IDLE 0 5 7 10 consumer",
    "XCLAIM stream group other 0 5-1",
    "XCLAIM stream group other 0 5-1 IDLE 100 RETRYCOUNT 3 JUSTID",
    "XCLAIM stream group other 0 5-1 TIME 100000 FORCE LASTID 6-1 JUSTID",
    "XAUTOCLAIM stream group other 0 0 COUNT 2",
    "XINFO STREAM missing FULL COUNT 1",
    "SETBIT text 5 1",
    "GETBIT text 5",
    "BITCOUNT text 0 3",
    "BITCOUNT text 0 10 BIT",
    "BITPOS text 1 0 3",
    "BITPOS text 1 0 30 BIT",
    "BITFIELD text GET u8 0",
    "BITFIELD text SET u8 0 255",
    "BITFIELD text GET i64 #1",
    "BITFIELD text OVERFLOW SAT INCRBY i5 3 1",
    "BITFIELD text OVERFLOW FAIL INCRBY u63 0 1",
    "BITFIELD_RO text GET u8 0",
    "GEOADD geo 13 38 new",
    "GEORADIUS geo 15 37 200 km COUNT 1 ASC",
    "GEORADIUSBYMEMBER geo palermo 200 km COUNT 1 ASC",
    "GEORADIUS_RO geo 15 37 200 km COUNT 1 ASC",
    "GEOSEARCH geo FROMLONLAT 15 37 BYRADIUS 200 km ASC COUNT 1",
    "GEOSEARCH geo FROMMEMBER palermo BYBOX 400 400 km ASC COUNT 1",
    "GEOSEARCHSTORE new geo FROMLONLAT 15 37 BYRADIUS 200 km ASC COUNT 1",
];

/// Requests asked of our server alone.
const OURS: &[&str] = &[
    "SRANDMEMBER set 2",
    "SPOP set 2",
    "HRANDFIELD hash 2",
    "HRANDFIELD hash 2 WITHVALUES",
    "ZRANDMEMBER zset 2",
    "ZRANDMEMBER zset 2 WITHSCORES",
    "INCREX number BYINT 5 UBOUND 20 LBOUND 1 EX 100",
    "INCREX number BYFLOAT 5 EX 100",
    "MSETEX 1 k v EX 100",
    "MSETEX 1 k v PXAT 99999999999999",
    "HEXPIRE hash 100 FIELDS 1 f",
    "HEXPIRE hash 100 GT FIELDS 1 f",
    "HPEXPIRE hash 100000 FIELDS 1 f",
    "HEXPIREAT hash 99999999999 FIELDS 1 f",
    "HPEXPIREAT hash 99999999999999 FIELDS 1 f",
    "HTTL hash FIELDS 1 f",
    "HPTTL hash FIELDS 1 f",
    "HEXPIRETIME hash FIELDS 1 f",
    "HPEXPIRETIME hash FIELDS 1 f",
    "HPERSIST hash FIELDS 1 f",
    "HGETDEL hash FIELDS 1 f",
    "HGETEX hash EX 100 FIELDS 1 f",
    "HGETEX hash PXAT 99999999999999 FIELDS 1 f",
    "HSETEX hash FXX EX 100 FIELDS 1 f 5",
    "HSETEX hash PX 100000 FIELDS 1 f 5",
    "SUNIONCARD 1 set LIMIT 2",
    "SDIFFCARD 1 set LIMIT 2",
    "XDELEX stream KEEPREF IDS 1 5-1",
    "XACKDEL stream group DELREF IDS 1 5-1",
    "XNACK stream group SILENT IDS 1 5-1",
    "XINFO STREAM stream FULL COUNT 1",
    "GEOSEARCH geo BYPOLYGON 3 10 30 20 30 15 45 ASC COUNT 1",
    "XREADGROUP GROUP group other CLAIM 0 COUNT 1 STREAMS stream >",
    "SETBIT text 5 1",
    "APPEND text 1",
];

/// More resident memory than this was taken on somebody's word: a string of `max_bulk_bytes`, or
/// a reply of many elements, is far smaller.
const RESIDENT_MAX: u64 = 512 << 20;

/// Compares the replies of both servers to all of [`LINES`], and asks ours all of [`OURS`].
pub fn run(protocol: u8) {
    let (oracle, subject) = (Oracle::start(options()), Server::start(options()));
    let exceptions = Exceptions::read();
    let mut findings = Vec::new();
    let mut cases = 0;
    let (mut theirs, mut ours) = (connect(&oracle, protocol), connect(&subject, protocol));
    for line in LINES {
        let requests = with_numbers(line);
        cases += requests.len();
        let answers = ask(&mut theirs, &requests);
        for ((request, theirs), ours) in requests.iter().zip(answers).zip(ask(&mut ours, &requests))
        {
            if !equal(line, request, (&theirs, &ours))
                && !exceptions.cover(&command(request), &theirs, &ours)
            {
                findings.push(format!(
                    "{}\n  redis-server: {theirs}\n  redistill:    {ours}",
                    typed(request)
                ));
            }
        }
    }
    for line in OURS {
        let requests = with_numbers(line);
        let errors = ask(&mut ours, &requests);
        // A number that was never looked at would be a gap in the list above.
        let distinct: BTreeSet<String> = errors.iter().map(Reply::to_string).collect();
        assert!(distinct.len() > 1, "{line} does not mind its numbers");
        cases += requests.len();
    }
    let resident = subject.peak_resident_bytes();
    assert!(resident < RESIDENT_MAX, "{resident} bytes were resident");
    assert!(cases > 3000, "only {cases} requests");
    assert!(
        findings.is_empty(),
        "{} of {cases} differ:\n{}",
        findings.len(),
        findings.join("\n")
    );
}

/// The same; where a scan goes on, and in what order, is for each server to decide, and how long
/// messages have been pending depends on when one looks.
fn equal(line: &str, request: &[Vec<u8>], (theirs, ours): (&Reply, &Reply)) -> bool {
    let by_chance = ["SCAN", "SSCAN", "XPENDING"]
        .iter()
        .any(|name| line.starts_with(name));
    // A message delivered just now has been idle for a millisecond, or not yet.
    let just_idle = ["XCLAIM", "XAUTOCLAIM"]
        .iter()
        .any(|name| line.starts_with(name) && request[4] == b"1");
    theirs == ours
        || by_chance && Compare::Shape.accepts(theirs, ours)
        || just_idle && !theirs.is_error() && !ours.is_error()
}

fn connect(server: &Server, protocol: u8) -> Conn {
    let mut conn = server.connect();
    conn.hello(protocol);
    conn
}

/// The request of `line` with each number in each of its places.
fn with_numbers(line: &str) -> Vec<Vec<Vec<u8>>> {
    let words = split_line(line);
    let places = (1..words.len()).filter(|at| {
        let word = words[*at].strip_prefix(b"#").unwrap_or(&words[*at]);
        word.first().is_some_and(u8::is_ascii_digit)
    });
    let long = "1234567890".repeat(40);
    let mut requests = Vec::new();
    for at in places {
        for number in NUMBERS.iter().copied().chain([long.as_str()]) {
            let mut request = words.clone();
            request[at] = number.as_bytes().to_vec();
            requests.push(request);
        }
    }
    assert!(!requests.is_empty(), "{line} has no number");
    requests
}

/// The replies to the requests, each on the same keys.
fn ask(conn: &mut Conn, requests: &[Vec<Vec<u8>>]) -> Vec<Reply> {
    let setup: Vec<u8> = SETUP
        .iter()
        .chain(&["SELECT 0"])
        .flat_map(|line| encode(&split_line(line)))
        .collect();
    let each = SETUP.len() + 2;
    let mut bytes = Vec::new();
    for request in requests {
        bytes.extend_from_slice(&setup);
        bytes.extend(encode(request));
    }
    let replies = conn.try_pipeline_raw(&bytes, each * requests.len());
    let replies = replies
        .into_iter()
        .map(|reply| reply.expect("every request is answered").0);
    replies.skip(each - 1).step_by(each).collect()
}

fn command(request: &[Vec<u8>]) -> Command {
    const ANY: Row = row("", &[]);
    Command {
        client: 0,
        row: &ANY,
        args: request.to_vec(),
    }
}

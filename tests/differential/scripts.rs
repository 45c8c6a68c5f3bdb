//! Random scripts: conversions of replies and values, the libraries, errors and where they are
//! raised.
//!
//! One in six is loaded and then run by its digest. What chance decides (`math.random`), what versions
//! tell of themselves, and what takes memory to its limits is left to the tests on the wire.

use crate::generate::{Command, Generator};
use crate::rows::Arg::{Element, Float, Int, Key, Repeat, Text, Value};
use crate::rows::{Family, Row, row};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use redistill::scripting::script;

static FAMILY: Family = Family {
    name: "scripting",
    weight: 1,
    keys: &[b"script:1", b"script:2", b"script:3"],
    rows: ROWS,
};

/// Of one key and up to three arguments.
const ON_A_KEY: &[&str] = &[
    "return redis.call('set', KEYS[1], ARGV[1])",
    "return redis.call('get', KEYS[1])",
    "return redis.pcall('incr', KEYS[1])",
    "return redis.call('incrby', KEYS[1], ARGV[1])",
    "return redis.pcall('incrbyfloat', KEYS[1], ARGV[1])",
    "return redis.call('append', KEYS[1], ARGV[1])",
    "return redis.pcall('lpush', KEYS[1], unpack(ARGV))",
    "return redis.call('lrange', KEYS[1], 0, -1)",
    "return redis.pcall('hset', KEYS[1], unpack(ARGV))",
    "return redis.call('hset', KEYS[1], 'f', tonumber(ARGV[1]) or 0.1)",
    "return redis.call('hmget', KEYS[1], 'f', ARGV[1], ARGV[2])",
    "return redis.call('del', KEYS[1]) + 1",
    "return redis.call('exists', KEYS[1]) == 1",
    "return redis.call('type', KEYS[1])",
    "return redis.call('type', KEYS[1]).ok",
    "local v = redis.call('get', KEYS[1]) if v then return #v end return v",
    "redis.call('set', KEYS[1], ARGV[1]) return redis.call('strlen', KEYS[1])",
    "return redis.call('zadd', KEYS[1], ARGV[1], ARGV[2])",
    "return redis.call('zrange', KEYS[1], 0, -1, 'withscores')",
    "redis.setresp(3) return redis.call('get', KEYS[1])",
    "redis.setresp(3) return redis.call('zscore', KEYS[1], ARGV[1])",
    "redis.setresp(3) return redis.call('zrange', KEYS[1], 0, -1, 'withscores')",
    "redis.setresp(3) return redis.call('hgetall', KEYS[1])",
    "redis.setresp(3) return redis.call('smembers', KEYS[1])",
    "redis.setresp(3) local m = redis.pcall('hgetall', KEYS[1]) return type(m.map)",
    "return redis.call('setex', KEYS[1], 1000, ARGV[1])",
    "return {pcall(redis.call, 'rpush', KEYS[1], ARGV[1])}",
    "local e = redis.pcall('sadd', KEYS[1], ARGV[1]) if type(e) == 'table' then return e.err end \
     return e",
    "return redis.call('lpop', KEYS[1])",
    "return redis.call('mget', KEYS[1], KEYS[1])",
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 \
     end",
    "redis.call('set', KEYS[1], 1) return redis.call('lpush', KEYS[1], 1)",
    "redis.call('set', KEYS[1], 1)\nerror('after a write')",
    "return redis.call('setrange', KEYS[1], ARGV[1], ARGV[1])",
    "return redis.call('getrange', KEYS[1], 0, ARGV[1])",
    "return redis.call('set', KEYS[1], 5 / 2) and redis.call('get', KEYS[1])",
    "return redis.call('set', KEYS[1], 1e100) and redis.call('get', KEYS[1])",
];

/// Of arguments only.
const ON_ARGUMENTS: &[&str] = &[
    "return ARGV",
    "return #ARGV",
    "return {ARGV[1], #KEYS, ARGV[2]}",
    "return tonumber(ARGV[1])",
    "return tostring(tonumber(ARGV[1]))",
    "return tonumber(ARGV[1], 16)",
    "return tonumber(ARGV[1]) * 3 / 7",
    "return ARGV[1] + 1",
    "return ARGV[1] .. (ARGV[2] or '')",
    "return ARGV[1] < ARGV[2]",
    "return {tonumber(ARGV[1]), ARGV[2]}",
    "return cjson.encode(ARGV)",
    "return cjson.encode(ARGV[1])",
    "return cjson.encode(tonumber(ARGV[1]))",
    "return cjson.encode({[ARGV[1] or 1] = ARGV[2]})",
    "return cjson.encode({[tonumber(ARGV[1]) or 1] = ARGV[2]})",
    "return cjson.encode({1, 2, nil, 4})",
    "return cjson.encode({a = {}, })",
    "return cjson.decode(ARGV[1])",
    "return cjson.encode(cjson.decode('[' .. (ARGV[1] or '') .. ']'))",
    "return cjson.encode(cjson.decode('{\"a\":[' .. (ARGV[1] or '') .. ',{}]}'))",
    "return cjson.decode('\"' .. (ARGV[1] or '') .. '\"')",
    "return cjson.decode('{\"a\":' .. (ARGV[1] or '1') .. '}').a",
    "return {pcall(cjson.decode, ARGV[1])}",
    "return cmsgpack.pack(unpack(ARGV))",
    "return cmsgpack.pack(tonumber(ARGV[1]))",
    "return {cmsgpack.unpack(cmsgpack.pack(ARGV[1], tonumber(ARGV[1]), ARGV))}",
    "return {pcall(cmsgpack.unpack, ARGV[1])}",
    "return {cmsgpack.unpack_limit(cmsgpack.pack(1, 2, 3), 2, 1)}",
    "return {pcall(cmsgpack.unpack_one, ARGV[1], 1)}",
    "return struct.pack('>i4', tonumber(ARGV[1]) or 0)",
    "return struct.pack('<I2>hB', 1, 2, 3)",
    "return struct.pack('>I8lLHbi3d', ARGV[1], ARGV[1], ARGV[1], ARGV[1], ARGV[1], ARGV[1], ARGV[1])",
    "return {pcall(struct.unpack, '>i4', ARGV[1])}",
    "return {pcall(struct.unpack, ARGV[1], ARGV[2])}",
    "return {pcall(struct.pack, ARGV[1], ARGV[2])}",
    "return struct.size('!bhilT')",
    "return {struct.unpack('s', struct.pack('s', 'abc'))}",
    "return bit.band(tonumber(ARGV[1]) or 7, 255)",
    "return bit.tohex(tonumber(ARGV[1]) or 7)",
    "return bit.bxor(ARGV[1], 12345)",
    "return {bit.bnot(1), bit.lshift(1, 31), bit.rshift(-1, 1), bit.arshift(-8, 1), bit.rol(5, 3)}",
    "return redis.sha1hex(ARGV[1] or '')",
    "return redis.error_reply(ARGV[1] or 'none')",
    "return redis.status_reply(ARGV[1] or 'none')",
    "return {err = ARGV[1]}",
    "return {ok = ARGV[1]}",
    "return {double = tonumber(ARGV[1])}",
    "return {map = {[ARGV[1] or 'a'] = ARGV[2]}}",
    "return {set = {[ARGV[1] or 'a'] = true}}",
    "return {verbatim_string = {format = 'txt', string = ARGV[1]}}",
    "return {1, 2.9, -2.9, '3', true, false, {4}}",
    "return {1, nil, 3}",
    "return nil",
    "redis.setresp(3) return {true, false}",
    "error(ARGV[1])",
    "error({err = ARGV[1] or 'E none'})",
    "return {pcall(error, ARGV[1])}",
    "local ok, e = pcall(function() error(ARGV[1] or 'x', 2) end) return {ok, e}",
    "return x",
    "x = ARGV[1]",
    "redis.x = 1",
    "local t = nil return t.x",
    "return redis.call('nope')",
    "return redis.pcall('get')",
    "return redis.call()",
    "return redis.call({})",
    "return redis.call('eval', 'return 1', 0)",
    "return redis.call('echo', tonumber(ARGV[1]) or 1.5)",
    "return string.format('%s %d %5.2f', ARGV[1] or '', 5, 1.25)",
    "return string.format('%q', ARGV[1] or '')",
    "return string.rep(ARGV[1] or 'x', 3)",
    "return {string.find(ARGV[1] or '', '(%d+)')}",
    "return string.gsub(ARGV[1] or '', '%w', '%0%0')",
    "return {string.byte(ARGV[1] or 'abc', 1, -1)}",
    "local t = {} for w in string.gmatch(ARGV[1] or '', '%a+') do t[#t + 1] = w end return t",
    "return string.sub(ARGV[1] or '', tonumber(ARGV[2]) or 1)",
    "local t = {} for i, v in ipairs(ARGV) do t[#ARGV - i + 1] = v end return t",
    "local t = {} for i = 1, #ARGV do table.insert(t, 1, ARGV[i]) end table.sort(t) return t",
    "return table.concat(ARGV, ',')",
    "local s = 0 for i = 1, 100 do s = s + i end return s",
    "return select('#', unpack(ARGV))",
    "return type(ARGV[1])",
    "return loadstring('return ' .. (ARGV[1] or '1'))",
    "return {loadstring('return ' .. (ARGV[1] or '1'))}",
    "return math.floor(ARGV[1]) + math.fmod(ARGV[1], 7)",
    "return 1 +",
    "#!lua flags=no-writes\nreturn redis.pcall('set', 'script:1', 1)",
    "#!lua flags=nope\nreturn 1",
];

/// Of a number: the protocol has no others in its place.
const ON_A_NUMBER: &[&str] = &[
    "return {big_number = ARGV[1]}",
    "redis.setresp(3) return {big_number = ARGV[1]}",
];

/// Of two keys.
const ON_KEYS: &[&str] = &[
    "return {KEYS, ARGV}",
    "redis.call('set', KEYS[1], 1) redis.call('set', KEYS[2], 2) return redis.call('mget', KEYS[1], \
     KEYS[2])",
    "return redis.pcall('rename', KEYS[1], KEYS[2])",
    "return redis.pcall('lmove', KEYS[1], KEYS[2], 'LEFT', 'RIGHT')",
    "return redis.pcall('zunionstore', KEYS[1], 2, KEYS[1], KEYS[2])",
    "local n = redis.call('exists', KEYS[1], KEYS[2]) if n == 2 then redis.call('del', KEYS[2]) end \
     return n",
];

/// Of no use.
const DIGESTS: &[&str] = &["86f7e437faa5a7fce15d1ddcb9eaeaea377667b8", "x"];

const ROWS: &[Row] = &[
    row(
        "EVAL",
        &[Text(ON_A_KEY), Text(&["1"]), Key, Repeat(&[Value], 1, 3)],
    )
    .weight(40),
    row(
        "EVAL",
        &[Text(ON_A_KEY), Text(&["1"]), Key, Repeat(&[Float], 1, 3)],
    )
    .weight(10),
    row(
        "EVAL",
        &[Text(ON_ARGUMENTS), Text(&["0"]), Repeat(&[Value], 0, 3)],
    )
    .weight(60),
    row(
        "EVAL",
        &[Text(ON_ARGUMENTS), Text(&["0"]), Repeat(&[Element], 0, 3)],
    )
    .weight(20),
    row(
        "EVAL",
        &[Text(ON_ARGUMENTS), Text(&["0"]), Repeat(&[Float], 1, 3)],
    )
    .weight(20),
    row(
        "EVAL",
        &[Text(ON_ARGUMENTS), Text(&["0"]), Repeat(&[Int], 1, 3)],
    )
    .weight(20),
    row(
        "EVAL",
        &[
            Text(ON_KEYS),
            Text(&["2"]),
            Key,
            Key,
            Repeat(&[Value], 0, 2),
        ],
    )
    .weight(15),
    row(
        "EVAL_RO",
        &[Text(ON_A_KEY), Text(&["1"]), Key, Repeat(&[Value], 1, 3)],
    )
    .weight(8),
    row("EVALSHA", &[Text(DIGESTS), Text(&["0", "1"])]).weight(2),
    row("SCRIPT LOAD", &[Text(ON_ARGUMENTS)]).weight(4),
    row(
        "EVAL",
        &[
            Text(ON_A_NUMBER),
            Text(&["0"]),
            Text(&["1", "-5", "1.5", "", "x", "12345678901234567890"]),
        ],
    )
    .weight(2),
    row("SCRIPT EXISTS", &[Repeat(&[Text(DIGESTS)], 1, 3)]).weight(2),
];

static LOAD: Row = row("SCRIPT LOAD", &[]);
static EVALSHA: Row = row("EVALSHA", &[]);

/// An endless source of scripts.
pub struct Source {
    rng: StdRng,
    generator: Generator,
}

impl Source {
    pub fn new(seed: u64) -> Source {
        Source {
            rng: StdRng::seed_from_u64(seed),
            generator: Generator::only(seed, &FAMILY),
        }
    }

    /// Appends a command, now and then in two steps.
    pub fn draw(&mut self, out: &mut Vec<Command>) {
        let from = out.len();
        self.generator.draw(out);
        let Some(last) = out.get_mut(from) else {
            return;
        };
        if last.row.name != "EVAL" || last.args.len() < 3 || !self.rng.random_ratio(1, 6) {
            return;
        }
        let mut digest = script::hex(&script::digest(&last.args[1])).to_vec();
        if self.rng.random_ratio(1, 3) {
            digest.make_ascii_uppercase();
        }
        let body = std::mem::replace(&mut last.args[1], digest);
        last.args[0] = b"EVALSHA".to_vec();
        last.row = &EVALSHA;
        let load = Command {
            client: last.client,
            row: &LOAD,
            args: vec![b"SCRIPT".to_vec(), b"LOAD".to_vec(), body],
        };
        out.insert(from, load);
    }
}

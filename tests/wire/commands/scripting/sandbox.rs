//! What scripts cannot do.

use super::{eval, eval_once, start};
use crate::support::{Options, Server, check};

#[test]
fn nothing_shared_can_be_changed() {
    let server = start();
    let conn = &mut server.connect();
    for attack in [
        "x = 1",
        "_G.x = 1",
        "redis = nil",
        "redis.call = nil",
        "string.format = nil",
        "KEYS = nil",
        "rawset(_G, 'x', 1)",
        "rawset(redis, 'call', 1)",
        "setmetatable(_G, {})",
        "setmetatable(string, {})",
        "getmetatable('').__index = nil",
        "getmetatable('').__index.format = nil",
        "getmetatable(_G).__index = nil",
        "table.insert(redis, 1)",
        "table.sort(cjson)",
        "rawset(getmetatable(''), '__index', nil)",
    ] {
        let reply = eval_once(conn, attack, &[]).to_string();
        let expected = ["Attempt to modify a readonly table", "attempt to index"];
        assert!(
            expected.iter().any(|text| reply.contains(text)),
            "{attack}: {reply}"
        );
    }
    let proof = "return {redis.call('ping'), string.format('%d', 1), ('x'):rep(2)}";
    eval(conn, proof, &[], "[+PONG 1 xx]");
    // Through the back door: copies are handed out, not what is shared.
    let copies = "for k in pairs(string) do break end local t = {} \
        for k, v in pairs(redis) do t[k] = v end t.call = nil return type(redis.call)";
    eval(conn, copies, &[], "function");
}

/// Scripts that only take fields from libraries see them, and their arguments, elsewhere.
#[test]
fn every_script_sees_libraries_and_its_own_arguments() {
    let server = start();
    let conn = &mut server.connect();
    let fields = "return {type(bit.band), type(cjson.encode), type(cmsgpack.pack), \
        type(coroutine.create), type(math.min), type(os.clock), type(redis.call), \
        type(server.call), type(string.rep), type(struct.pack), type(table.concat), tostring(redis.x == nil)}";
    let functions = ["function"; 11].join(" ");
    eval(conn, fields, &[], &format!("[{functions} true]"));
    for (script, key) in [
        ("return KEYS[1] .. ARGV[1]", "a"),
        ("return _G.KEYS[1] .. _G.ARGV[1]", "b"),
        ("return loadstring('return KEYS[1] .. ARGV[1]')()", "c"),
        ("local r = redis return KEYS[1] .. ARGV[1]", "d"),
        ("return redis.sha1hex('') and KEYS[1] .. ARGV[1]", "e"),
    ] {
        eval(conn, script, &["1", key, "1"], &format!("{key}1"));
    }
    let reply = eval_once(conn, "return redis.call('ping') and none", &[]).to_string();
    assert!(
        reply.contains("nonexistent global variable 'none'"),
        "{reply}"
    );
}

/// Neither kind of script leaves them to be kept until another of its kind comes.
#[test]
fn large_arguments_are_not_kept() {
    let server = start();
    let conn = &mut server.connect();
    let large = "x".repeat(20 << 20);
    for script in ["return #ARGV[1]", "return #_G.ARGV[1]"] {
        eval(conn, script, &["0", &large], &format!(":{}", 20 << 20));
        let info = conn.line("INFO memory").text();
        let held = info
            .lines()
            .find_map(|line| line.strip_prefix("used_memory_vm_eval:"));
        let held: u64 = held
            .and_then(|it| it.trim().parse().ok())
            .expect("a number");
        assert!(held < 10 << 20, "{script}: {held}");
    }
}

#[test]
fn nothing_of_the_system_is_there() {
    let server = start();
    let conn = &mut server.connect();
    for name in [
        "io", "package", "require", "dofile", "loadfile", "print", "debug", "newproxy", "setfenv",
        "getfenv", "module",
    ] {
        let reply = eval_once(conn, &format!("return {name}"), &[]).to_string();
        let expected = format!("attempted to access nonexistent global variable '{name}'");
        assert!(reply.contains(&expected), "{name}: {reply}");
    }
    eval(
        conn,
        "for k in pairs(os) do if k ~= 'clock' then return k end end",
        &[],
        "nil",
    );
    eval(conn, "return type(os.clock())", &[], "number");
}

#[test]
fn only_text_is_compiled() {
    let server = start();
    let conn = &mut server.connect();
    for script in [
        "return loadstring('\\27Lua')",
        "return loadstring(string.dump(function() return 1 end))",
        "local sent = false return load(function() if sent then return nil end sent = true \
         return string.dump(function() return 1 end) end)",
    ] {
        eval(conn, script, &[], "nil");
    }
    let bytecode = eval_once(conn, "return string.dump(function() return 1 end)", &[]);
    let reply = conn.cmd(&[&b"EVAL"[..], bytecode.bytes(), b"0"]);
    assert!(reply.is_error(), "{reply}");
    eval(conn, "return loadstring('return 7')()", &[], ":7");
}

#[test]
fn memory_is_limited_and_the_server_unharmed() {
    let server = Server::start(Options::new().set("scripting.memory_limit", "16mb"));
    let conn = &mut server.connect();
    for bomb in [
        "local s = 'x' while true do s = s .. s end",
        "local t = {} while true do t[#t + 1] = {} end",
        "return string.rep('x', 2^30)",
        "local t = {} for i = 1, 1e9 do t[i] = i end",
        "local t = {} for i = 1, 1e6 do t[i] = string.rep('y', 1000) .. i end return table.concat(t)",
    ] {
        let reply = eval_once(conn, bomb, &[]).to_string();
        assert!(
            reply.starts_with("-ERR") && reply.contains("memory"),
            "{bomb}: {reply}"
        );
        check(conn, "PING", "+PONG");
    }
    assert!(server.peak_resident_bytes() < 200 << 20);
}

#[test]
fn recursion_and_depth_are_limited() {
    let server = start();
    let conn = &mut server.connect();
    for script in [
        "local function f() return 1 + f() end return f()",
        "local t = {} t[1] = t return t",
        "local t = {} t[1] = t t[2] = t return t",
        "local t = {} for i = 1, 10000 do t = {t} end return t",
        "local t = {} t.t = t return cjson.encode(t)",
        "return cjson.decode(string.rep('[', 100000))",
        "return string.find(string.rep('a', 100000), string.rep('a?', 100000))",
        "local t = setmetatable({}, {}) getmetatable(t).__index = function(s, k) return s[k] end \
         return t.x",
        "return string.format('%99999d', 1)",
    ] {
        let reply = eval_once(conn, script, &[]);
        assert!(reply.is_error(), "{script}: {reply}");
        check(conn, "PING", "+PONG");
    }
}

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

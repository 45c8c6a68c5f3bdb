// What applications do with hashes and sets, through ioredis: sessions whose fields expire, tags.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import Redis from "ioredis";

import { Server, waitFor, withTimeEnough } from "./server.mjs";

describe("hashes and sets", () => {
  const server = new Server();
  let client;

  before(() => server.start());
  after(() => server.remove());
  beforeEach(async () => {
    client = new Redis({ host: "127.0.0.1", port: server.port });
    await client.flushall();
  });
  afterEach(() => client.disconnect());

  test("sessions with field expiry", async () => {
    const session = "session:42";
    assert.equal(await client.hset(session, { user: "ada", visits: 1, lang: "en" }), 3);
    const expire = await client.call("HEXPIRE", session, 3600, "FIELDS", 2, "user", "nosuch");
    assert.deepEqual(expire, [1, -2]);
    await withTimeEnough(async (ms) => {
      const set = await client.call("HSETEX", session, "PX", ms, "FIELDS", 1, "otp", "123456");
      assert.equal(set, 1);
      return (await client.hget(session, "otp")) === "123456";
    }, 60);
    assert.equal(await client.hincrby(session, "visits", 2), 3);
    await waitFor(async () => (await client.hlen(session)) === 3, "the token expires");
    assert.deepEqual(await client.hgetall(session), { user: "ada", visits: "3", lang: "en" });
    const read = await client.call("HGETEX", session, "PX", 40, "FIELDS", 1, "user");
    assert.deepEqual(read, ["ada"]);
    assert.deepEqual(await client.call("HGETDEL", session, "FIELDS", 1, "lang"), ["en"]);
    await client.call("HPEXPIRE", session, 40, "FIELDS", 1, "visits");
    await waitFor(async () => (await client.exists(session)) === 0, "the session goes");
  });

  test("a large hash is scanned while it changes", async () => {
    const fields = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`f${n}`, `${n}`]));
    await client.hset("large", fields);
    const seen = new Set();
    let cursor = "0";
    let step = 0;
    do {
      const [next, page] = await client.hscan("large", cursor, "COUNT", 200);
      for (let at = 0; at < page.length; at += 2) seen.add(page[at]);
      cursor = next;
      step += 1;
      await client.hset("large", `new${step}`, "x");
      await client.hdel("large", `new${step - 1}`);
    } while (cursor !== "0");
    for (const name of Object.keys(fields)) assert.ok(seen.has(name), name);
  });

  test("tags", async () => {
    await client.sadd("a", ...Array.from({ length: 300 }, (_, n) => n));
    await client.sadd("b", ...Array.from({ length: 300 }, (_, n) => 2 * n));
    assert.equal((await client.sinter("a", "b")).length, 150);
    assert.equal(await client.sunionstore("all", "a", "b"), 450);
    assert.equal((await client.sdiff("a", "b")).length, 150);
    assert.equal((await client.spop("all", 50)).length, 50);
    assert.equal(await client.scard("all"), 400);
    assert.deepEqual(await client.smismember("a", 1, 1000), [1, 0]);
  });
});

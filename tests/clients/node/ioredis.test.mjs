// ioredis does an application's everyday work against the server.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import Redis from "ioredis";

import { Server, freePort, selfSigned, waitFor } from "./server.mjs";

/** Clients opened by a test, closed after it. */
const opened = [];

function connect(options) {
  const client = new Redis({ host: "127.0.0.1", ...options });
  // Tests look at commands' outcomes; without a listener the library prints every lost connection.
  client.on("error", () => {});
  opened.push(client);
  return client;
}

afterEach(() => {
  for (const client of opened.splice(0)) client.disconnect();
});

describe("one server with defaults", () => {
  const server = new Server();
  let client;

  before(() => server.start());
  after(() => server.remove());
  beforeEach(async () => {
    client = connect({ port: server.port });
    await client.flushall();
  });

  test("strings, numbers and expiry", async () => {
    assert.equal(await client.set("k", "v", "EX", 100), "OK");
    assert.equal(await client.get("k"), "v");
    const ttl = await client.ttl("k");
    assert.ok(ttl > 40 && ttl <= 100, `${ttl}`);
    assert.equal(await client.set("k", "other", "NX"), null);
    assert.equal(await client.incrby("n", 41), 41);
    assert.equal(await client.incrbyfloat("n", 0.5), "41.5");
    assert.deepEqual(await client.mget("k", "absent"), ["v", null]);
    assert.equal(await client.del("k", "n"), 2);
    await assert.rejects(client.call("NOSUCHCOMMAND"), /ERR unknown command 'NOSUCHCOMMAND'/);
  });

  test("messages by channel and by pattern", async () => {
    const subscriber = connect({ port: server.port });
    const got = [];
    subscriber.on("message", (channel, text) => got.push([channel, text]));
    subscriber.on("pmessage", (pattern, channel, text) => got.push([pattern, channel, text]));
    assert.equal(await subscriber.subscribe("news", "other"), 2);
    assert.equal(await subscriber.psubscribe("n*"), 3);
    assert.equal(await client.publish("news", "one"), 2);
    assert.equal(await client.publish("other", "two"), 1);
    await waitFor(() => got.length === 3, "three messages");
    assert.deepEqual(got, [["news", "one"], ["n*", "news", "one"], ["other", "two"]]);
    assert.deepEqual(await subscriber.ping(), ["pong", ""]);
    assert.equal(await subscriber.punsubscribe("n*"), 2);
    assert.equal(await subscriber.unsubscribe(), 0);
    assert.equal(await client.publish("news", "nobody"), 0);
    // Out of the subscriber's mode again.
    assert.equal(await subscriber.set("k", "v"), "OK");
  });

  test("subscriptions come back after the connection was lost", async () => {
    const subscriber = connect({ port: server.port });
    const got = [];
    subscriber.on("message", (channel, text) => got.push(text));
    await subscriber.subscribe("again");
    await client.client("KILL", "TYPE", "pubsub");
    await waitFor(async () => (await client.publish("again", "x")) === 1, "the subscription");
    await waitFor(() => got.length > 0, "a message");
  });

  test("binary values", async () => {
    const value = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 256));
    await client.set("binary", value);
    assert.deepEqual(await client.getBuffer("binary"), value);
  });

  test("thousands of requests at once keep their order", async () => {
    const numbers = Array.from({ length: 5000 }, (_, index) => index + 1);
    const counted = await Promise.all(numbers.map(() => client.incr("counter")));
    assert.deepEqual(counted, numbers);
  });

  test("automatic pipelining", async () => {
    const piped = connect({ port: server.port, enableAutoPipelining: true });
    const keys = Array.from({ length: 500 }, (_, index) => `k${index}`);
    await Promise.all(keys.map((key) => piped.set(key, key)));
    assert.deepEqual(await Promise.all(keys.map((key) => piped.get(key))), keys);
  });

  test("a pipeline reports each outcome", async () => {
    const outcomes = await client.pipeline().set("text", "abc").incr("text").get("text").exec();
    assert.deepEqual(outcomes[0], [null, "OK"]);
    assert.match(outcomes[1][0].message, /value is not an integer/);
    assert.deepEqual(outcomes[2], [null, "abc"]);
  });

  test("a transaction", async () => {
    const outcomes = await client.multi().set("n", 1).incr("n").get("n").exec();
    assert.deepEqual(outcomes, [[null, "OK"], [null, 2], [null, "2"]]);
    await assert.rejects(client.multi().call("NOSUCHCOMMAND").exec(), /EXECABORT/);
  });

  test("a watched key that changes stops the transaction", async () => {
    await client.watch("k");
    await connect({ port: server.port }).set("k", "theirs");
    assert.equal(await client.multi().set("k", "mine").exec(), null);
    assert.equal(await client.get("k"), "theirs");
  });

  test("scanStream meets every key", async () => {
    const pipeline = client.pipeline();
    for (let number = 0; number < 3000; number++) pipeline.set(`key:${number}`, "x");
    await pipeline.set("other", "x").exec();
    const seen = [];
    for await (const keys of client.scanStream({ match: "key:*", count: 100 })) seen.push(...keys);
    assert.equal(seen.length, 3000);
    assert.equal(new Set(seen).size, 3000);
  });

  test("databases, names and INFO", async () => {
    const named = connect({ port: server.port, db: 3, connectionName: "worker" });
    await named.set("k", "in 3");
    assert.equal(await client.exists("k"), 0);
    assert.match(await client.client("LIST"), / name=worker .* db=3 /);
    assert.match(await client.info("keyspace"), /db3:keys=1,/);
  });

  test("commands with a key prefix", async () => {
    const prefixed = connect({ port: server.port, keyPrefix: "app:" });
    await prefixed.mset({ a: 1, b: 2 });
    assert.deepEqual((await client.keys("*")).sort(), ["app:a", "app:b"]);
  });
});

test("TLS with a password", async (t) => {
  const server = new Server();
  t.after(() => server.remove());
  const { cert, key, ca } = selfSigned(server.folder);
  const port = await freePort();
  await server.start({
    security: {
      password: "secret",
      tls_enabled: true,
      tls_port: port,
      tls_cert_path: cert,
      tls_key_path: key,
    },
  });
  const tls = { ca, servername: "localhost" };
  const client = connect({ port, tls, password: "secret" });
  await client.set("k", "x".repeat(1_000_000));
  assert.equal((await client.get("k")).length, 1_000_000);
  const user = connect({ port, tls, username: "default", password: "secret" });
  assert.equal(await user.strlen("k"), 1_000_000);

  const intruder = connect({ port, tls, password: "wrong", maxRetriesPerRequest: 0 });
  await assert.rejects(intruder.get("k"), /WRONGPASS|NOAUTH|max retries/);
  const distrusting = connect({
    port,
    tls: { servername: "localhost" },
    maxRetriesPerRequest: 0,
    retryStrategy: null,
  });
  await assert.rejects(distrusting.ping(), /closed|max retries|certificate/i);
});

test("a client finds the server again after a restart", async (t) => {
  const server = await new Server().start();
  t.after(() => server.remove());
  const client = connect({ port: server.port, retryStrategy: () => 20 });
  await client.set("k", "before");
  await server.stop();
  await waitFor(() => client.status !== "ready", "the client notices");
  const waiting = client.set("k", "after");
  await server.start();
  assert.equal(await waiting, "OK", "what was asked meanwhile is done");
  assert.equal(await client.get("k"), "after");
});

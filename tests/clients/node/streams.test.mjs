// What applications do with streams: a job queue whose worker dies.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import Redis from "ioredis";

import { Server, waitFor } from "./server.mjs";

const JOBS = 60;

describe("a consumer group", () => {
  const server = new Server();
  const opened = [];
  let client;

  function connect() {
    const connection = new Redis({ host: "127.0.0.1", port: server.port });
    connection.on("error", () => {});
    opened.push(connection);
    return connection;
  }

  before(() => server.start());
  after(() => server.remove());
  beforeEach(async () => {
    client = connect();
    await client.flushall();
  });
  afterEach(() => {
    for (const connection of opened.splice(0)) connection.disconnect();
  });

  /** Takes jobs until told to stop, or until it dies over one. */
  async function work(name, done, { diesAfter = Infinity, stop }) {
    const connection = connect();
    for (let taken = 0; !stop.aborted; ) {
      const reply = await connection.xreadgroup(
        "GROUP", "workers", name, "COUNT", 4, "BLOCK", 50, "STREAMS", "jobs", ">",
      );
      for (const [id, [, n]] of reply?.[0][1] ?? []) {
        taken += 1;
        if (taken > diesAfter) {
          connection.disconnect();
          return;
        }
        done.push(Number(n));
        assert.equal(await connection.xack("jobs", "workers", id), 1);
      }
    }
  }

  test("what a crashed consumer left is taken over", async () => {
    assert.equal(await client.xgroup("CREATE", "jobs", "workers", "0", "MKSTREAM"), "OK");
    await assert.rejects(client.xgroup("CREATE", "jobs", "workers", "0"), /BUSYGROUP/);
    const done = [];
    const stop = new AbortController();
    const crasher = work("crasher", done, { diesAfter: 5, stop: stop.signal });
    for (let n = 0; n < JOBS / 2; n += 1) await client.xadd("jobs", "*", "n", n);
    await crasher;
    assert.equal(done.length, 5);
    const steady = ["one", "two"].map((name) => work(name, done, { stop: stop.signal }));
    for (let n = JOBS / 2; n < JOBS; n += 1) await client.xadd("jobs", "*", "n", n);
    await waitFor(async () => {
      const [count, , , consumers] = await client.xpending("jobs", "workers");
      const names = (consumers ?? []).map(([name]) => name);
      return done.length + count === JOBS && names.join() === "crasher";
    }, "the other workers have done the rest");
    const [next, claimed, deleted] = await client.xautoclaim(
      "jobs", "workers", "rescuer", 0, "0-0", "COUNT", 100,
    );
    assert.equal(next, "0-0");
    assert.deepEqual(deleted, []);
    for (const [id, [, n]] of claimed) {
      done.push(Number(n));
      await client.xack("jobs", "workers", id);
    }
    stop.abort();
    await Promise.all(steady);
    const all = Array.from({ length: JOBS }, (_, n) => n);
    assert.deepEqual(done.sort((a, b) => a - b), all);
    assert.deepEqual(await client.xpending("jobs", "workers"), [0, null, null, null]);
  });
});

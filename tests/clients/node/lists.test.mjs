// What applications do with lists, through ioredis: a reliable queue whose worker dies, and jobs
// of several kinds.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import Redis from "ioredis";

import { Server } from "./server.mjs";

describe("lists", () => {
  const server = new Server();
  const clients = [];
  const connect = () => {
    const client = new Redis({ host: "127.0.0.1", port: server.port, retryStrategy: null });
    clients.push(client);
    return client;
  };
  let client;

  before(() => server.start());
  after(() => server.remove());
  beforeEach(async () => {
    client = connect();
    await client.flushall();
  });
  afterEach(() => clients.splice(0).forEach((each) => each.disconnect()));

  test("a reliable queue loses no job when a worker dies", async () => {
    const work = async (name, diesAt) => {
      const mine = connect();
      const done = [];
      for (;;) {
        const job = await mine.blmove("jobs", `doing:${name}`, "RIGHT", "LEFT", 30);
        if (job === "stop") {
          await mine.lrem(`doing:${name}`, 1, job);
          return done;
        }
        if (done.length === diesAt) {
          mine.disconnect();
          return done;
        }
        done.push(job);
        await mine.multi().lrem(`doing:${name}`, 1, job).rpush("done", job).exec();
      }
    };
    const jobs = Array.from({ length: 100 }, (_, n) => `job:${n}`);
    const mortal = work("mortal", 5);
    for (const job of jobs.slice(0, 6)) await client.lpush("jobs", job);
    assert.deepEqual(await mortal, jobs.slice(0, 5));
    const others = [work("a"), work("b")];
    await client.lpush("jobs", ...jobs.slice(6));
    assert.deepEqual(await client.lrange("doing:mortal", 0, -1), [jobs[5]]);
    assert.equal(await client.lmove("doing:mortal", "jobs", "LEFT", "RIGHT"), jobs[5]);
    await client.lpush("jobs", "stop", "stop");
    await Promise.all(others);
    const done = await client.lrange("done", 0, -1);
    assert.deepEqual(done.toSorted(), jobs.toSorted());
    assert.equal(await client.exists("jobs", "doing:mortal", "doing:a", "doing:b"), 0);
  });

  test("a worker that leaves while it waits takes nothing along", async () => {
    const leaving = connect();
    const wait = leaving.blpop("jobs", 30);
    const staying = connect().blpop("jobs", 30);
    const blocked = async () => /blocked_clients:(\d+)/.exec(await client.info("clients"))[1];
    while ((await blocked()) !== "2");
    leaving.disconnect();
    await assert.rejects(wait);
    while ((await blocked()) !== "1");
    await client.rpush("jobs", "job");
    assert.deepEqual(await staying, ["jobs", "job"]);
  });

  test("jobs of several kinds", async () => {
    await client.rpush("normal", "a", "b", "c");
    await client.rpush("urgent", "u");
    assert.deepEqual(await client.blpop("urgent", "normal", 1), ["urgent", "u"]);
    assert.deepEqual(await client.blpop("urgent", "normal", 1), ["normal", "a"]);
    assert.deepEqual(await client.lmpop(2, "urgent", "normal", "RIGHT", "COUNT", 5), [
      "normal",
      ["c", "b"],
    ]);
    assert.equal(await client.brpop("urgent", "normal", 0.01), null);
    assert.equal(await client.brpoplpush("urgent", "normal", 0.01), null);
    await client.rpush("numbers", 3, 1, 2);
    assert.deepEqual(await client.sort("numbers", "DESC"), ["3", "2", "1"]);
  });
});

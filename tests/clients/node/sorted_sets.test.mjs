// What applications do with sorted sets, through ioredis: a leaderboard, a rate limiter, a search
// by distance.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import Redis from "ioredis";

import { Server } from "./server.mjs";

describe("sorted sets", () => {
  const server = new Server();
  let client;

  before(() => server.start());
  after(() => server.remove());
  beforeEach(async () => {
    client = new Redis({ host: "127.0.0.1", port: server.port });
    await client.flushall();
  });
  afterEach(() => client.disconnect());

  test("a leaderboard", async () => {
    const points = Array.from({ length: 500 }, (_, n) => [(n * 7) % 500, `player:${n}`]);
    assert.equal(await client.zadd("board", ...points.flat()), 500);
    const best = points.toSorted(([a], [b]) => b - a).map(([, name]) => name);
    assert.deepEqual(await client.zrevrange("board", 0, 9), best.slice(0, 10));
    assert.equal(await client.zrevrank("board", best[100]), 100);
    assert.equal(await client.zincrby("board", 1000, best[100]), "1399");
    assert.deepEqual(await client.zrevrange("board", 0, 0, "WITHSCORES"), [best[100], "1399"]);
    assert.equal(await client.zadd("board", "GT", "CH", 5, best[100]), 0);
    assert.deepEqual(await client.zpopmax("board"), [best[100], "1399"]);
    assert.equal(await client.zcard("board"), 499);
  });

  test("a sliding-window limiter", async () => {
    const admit = async (name, nowMs) => {
      const outcomes = await client
        .multi()
        .zremrangebyscore(name, "-inf", nowMs - 10_000)
        .zadd(name, nowMs, `${nowMs}`)
        .zcard(name)
        .pexpire(name, 20_000)
        .exec();
      const count = outcomes[2][1];
      if (count > 3) await client.zrem(name, `${nowMs}`);
      return count <= 3;
    };
    const start = 1_700_000_000_000;
    const admitted = [];
    for (let n = 0; n < 12; n += 1) admitted.push(await admit("limit", start + 2000 * n));
    const expected = [1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1].map(Boolean);
    assert.deepEqual(admitted, expected);
  });

  test("a search by distance", async () => {
    await client.geoadd("shops", 13.4132, 52.5219, "Alexanderplatz", 13.3327, 52.5072, "Zoo");
    await client.geoadd("shops", 9.9937, 53.5511, "Hamburg");
    const around = ["FROMLONLAT", 13.4, 52.52, "BYRADIUS", 10, "km"];
    assert.deepEqual(await client.geosearch("shops", ...around, "ASC"), ["Alexanderplatz", "Zoo"]);
    const [[name, distance, [longitude]]] = await client.geosearch(
      "shops", ...around, "ASC", "COUNT", 1, "WITHDIST", "WITHCOORD",
    );
    assert.equal(name, "Alexanderplatz");
    assert.ok(Math.abs(Number(distance) - 0.92) < 0.05);
    assert.ok(Math.abs(Number(longitude) - 13.4132) < 1e-5);
    assert.equal(await client.geodist("shops", "Zoo", "nowhere"), null);
  });

  test("waiting for a member", async () => {
    const worker = new Redis({ host: "127.0.0.1", port: server.port });
    try {
      const job = worker.bzpopmin("jobs", 30);
      await client.zadd("jobs", 1, "first");
      assert.deepEqual(await job, ["jobs", "first", "1"]);
    } finally {
      worker.disconnect();
    }
  });
});

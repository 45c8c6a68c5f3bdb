// BullMQ, which is a thousand lines of Lua: queues, workers, flows, delays, retries, events.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { FlowProducer, Queue, QueueEvents, UnrecoverableError, Worker } from "bullmq";
import Redis from "ioredis";

import { Server, waitFor } from "./server.mjs";

describe("BullMQ", () => {
  const server = new Server();
  const opened = [];
  let connection;

  before(async () => {
    await server.start();
    connection = { host: "127.0.0.1", port: server.port, maxRetriesPerRequest: null };
  });
  after(() => server.remove());
  afterEach(() => Promise.all(opened.splice(0).map((each) => each.close())));

  const keep = (each) => {
    each.on?.("error", () => {});
    opened.push(each);
    return each;
  };
  const queueOf = (name) => keep(new Queue(name, { connection }));
  const eventsOf = (name) => keep(new QueueEvents(name, { connection }));
  const work = (name, process, options) =>
    keep(new Worker(name, process, { connection, ...options }));

  test("jobs are done once each, by several workers, by priority", async () => {
    const queue = queueOf("jobs");
    const events = eventsOf("jobs");
    await events.waitUntilReady();
    const jobs = await queue.addBulk(
      Array.from({ length: 100 }, (_, n) => ({ name: "double", data: { n } })),
    );
    const urgent = await queue.add("double", { n: 1000 }, { priority: 1 });
    const done = [];
    for (const concurrency of [1, 4]) {
      work("jobs", async ({ data: { n } }) => (done.push(n), 2 * n), { concurrency });
    }
    const results = await Promise.all(jobs.map((job) => job.waitUntilFinished(events)));
    assert.deepEqual(results, Array.from({ length: 100 }, (_, n) => 2 * n));
    assert.equal(await urgent.waitUntilFinished(events), 2000);
    assert.equal(done.length, 101);
    assert.equal(new Set(done).size, 101);
    const counts = await queue.getJobCounts("completed", "failed", "waiting", "active");
    assert.deepEqual(counts, { completed: 101, failed: 0, waiting: 0, active: 0 });
    await queue.obliterate({ force: true });
    const client = new Redis(connection);
    assert.deepEqual(await client.keys("bull:jobs:*"), []);
    client.disconnect();
  });

  test("a flow's parent waits for its children", async () => {
    const order = [];
    work("flow", async (job) => {
      order.push(job.name);
      if (job.name !== "parent") return job.data.n;
      const values = Object.values(await job.getChildrenValues());
      return values.reduce((sum, n) => sum + n, 0);
    });
    const events = eventsOf("flow");
    await events.waitUntilReady();
    const flow = keep(new FlowProducer({ connection }));
    const child = (n) => ({
      name: "child",
      queueName: "flow",
      data: { n },
      children: [{ name: "grandchild", queueName: "flow", data: { n: 100 } }],
    });
    const children = Array.from({ length: 10 }, (_, n) => child(n));
    const tree = await flow.add({ name: "parent", queueName: "flow", data: {}, children });
    assert.equal(await tree.job.waitUntilFinished(events), 45);
    assert.equal(order.at(-1), "parent");
    assert.equal(order.length, 21);
    const { processed } = await tree.job.getDependencies();
    assert.equal(Object.keys(processed).length, 10);
  });

  test("delays, retries, failures and progress", async () => {
    const queue = queueOf("tries");
    const events = eventsOf("tries");
    const progress = [];
    events.on("progress", ({ data }) => progress.push(data));
    await events.waitUntilReady();
    work("tries", async (job) => {
      await job.updateProgress(50);
      if (job.name === "hopeless") throw new UnrecoverableError("never");
      if (job.attemptsMade < 2) throw new Error("not yet");
      return job.attemptsMade;
    });
    const delayed = { delay: 3_600_000, attempts: 3, backoff: { type: "exponential", delay: 20 } };
    const job = await queue.add("third time", {}, delayed);
    assert.equal(await job.getState(), "delayed");
    await job.changeDelay(50);
    assert.equal(await job.waitUntilFinished(events), 2);
    const hopeless = await queue.add("hopeless", {}, { attempts: 3 });
    await assert.rejects(hopeless.waitUntilFinished(events), /never/);
    await waitFor(async () => (await queue.getFailedCount()) === 1, "it is listed as failed");
    await waitFor(() => progress.length >= 3, "its progress is told");
    const unique = { deduplication: { id: "once" }, delay: 3_600_000 };
    const [one, two] = [await queue.add("one", {}, unique), await queue.add("two", {}, unique)];
    assert.equal(one.id, two.id);
  });

  test("a schedule repeats, a limiter slows, a paused queue rests", async () => {
    const queue = queueOf("timed");
    const seen = [];
    work("timed", async (job) => seen.push(job.name), { limiter: { max: 2, duration: 50 } });
    await queue.upsertJobScheduler("tick", { every: 60 }, { name: "tick" });
    await waitFor(() => seen.length >= 3, "three ticks");
    assert.ok(await queue.removeJobScheduler("tick"));
    await queue.pause();
    assert.ok(await queue.isPaused());
    // A tick that was due already may still be there.
    const resting = await queue.count();
    await queue.add("later", {});
    assert.equal(await queue.count(), resting + 1);
    await queue.resume();
    await waitFor(() => seen.includes("later"), "it goes on");
  });

  test("a job whose worker died is done by another", async () => {
    const queue = queueOf("stalled");
    const job = await queue.add("job", {});
    const options = { connection, autorun: false, lockDuration: 200 };
    const mortal = new Worker("stalled", null, options);
    assert.equal((await mortal.getNextJob("token")).id, job.id);
    await mortal.disconnect();
    const events = eventsOf("stalled");
    await events.waitUntilReady();
    work("stalled", async () => "done", { stalledInterval: 100, maxStalledCount: 5 });
    assert.equal(await job.waitUntilFinished(events), "done");
    await mortal.close(true);
  });
});

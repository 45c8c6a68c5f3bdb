// Socket.IO's Redis adapter: two servers whose clients meet in rooms.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, afterEach, before, describe, test } from "node:test";
import { createAdapter } from "@socket.io/redis-adapter";
import Redis from "ioredis";
import { Server as SocketServer } from "socket.io";
import { io as connect } from "socket.io-client";

import { Server, waitFor } from "./server.mjs";

describe("Socket.IO on two servers", () => {
  const redis = new Server();
  const closing = [];
  /** How long a server waits for the others' answers: 5 s by default. */
  const patient = { requestsTimeout: 30_000 };

  before(() => redis.start());
  after(() => redis.remove());
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  /** A Socket.IO server that shares its rooms through Redis. */
  async function listen() {
    const publisher = new Redis({ host: "127.0.0.1", port: redis.port });
    const subscriber = publisher.duplicate();
    const http = createServer();
    const server = new SocketServer(http, { adapter: createAdapter(publisher, subscriber, patient) });
    server.on("connection", (socket) => {
      socket.on("join", async (room, done) => done(await socket.join(room)));
      socket.on("say", (room, text) => server.to(room).emit("said", text));
    });
    await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
    closing.push(async () => {
      await server.close();
      publisher.disconnect();
      subscriber.disconnect();
    });
    return { server, url: `http://127.0.0.1:${http.address().port}` };
  }

  /** A client, and what it has heard. */
  async function visit(url) {
    const socket = connect(url, { transports: ["websocket"], forceNew: true });
    const heard = [];
    socket.on("said", (text) => heard.push(text));
    await new Promise((resolve, reject) => socket.on("connect", resolve).on("connect_error", reject));
    closing.push(async () => socket.disconnect());
    return { socket, heard, join: (room) => socket.emitWithAck("join", room) };
  }

  async function pair() {
    const servers = [await listen(), await listen()];
    const count = () => servers[0].server.of("/").adapter.serverCount();
    await waitFor(async () => (await count()) === 2, "the servers see each other");
    return servers;
  }

  test("messages to a room reach its members on every server, in order", async () => {
    const [a, b] = await pair();
    const [here, there, outside] = [await visit(a.url), await visit(b.url), await visit(b.url)];
    await Promise.all([here.join("news"), there.join("news"), outside.join("other")]);
    const texts = Array.from({ length: 200 }, (_, n) => `text ${n}`);
    for (const text of texts) here.socket.emit("say", "news", text);
    await waitFor(() => there.heard.length === 200 && here.heard.length === 200, "all are heard");
    assert.deepEqual(there.heard, texts);
    assert.deepEqual(here.heard, texts);
    assert.deepEqual(outside.heard, []);
    b.server.emit("said", "to all");
    const last = () => [here, there, outside].every(({ heard }) => heard.at(-1) === "to all");
    await waitFor(last, "everybody hears it");
  });

  test("servers ask each other", async () => {
    const [a, b] = await pair();
    const [here, there] = [await visit(a.url), await visit(b.url)];
    await Promise.all([here.join("room"), there.join("room")]);
    const sockets = await a.server.in("room").fetchSockets();
    assert.deepEqual(
      sockets.map(({ id }) => id).toSorted(),
      [here.socket.id, there.socket.id].toSorted(),
    );
    b.server.on("sum", (x, y, answer) => answer(x + y));
    assert.deepEqual(await a.server.serverSideEmitWithAck("sum", 2, 3), [5]);
    there.socket.on("question", (answer) => answer("an answer"));
    here.socket.on("question", (answer) => answer("an answer"));
    const answers = await a.server.to("room").timeout(30_000).emitWithAck("question");
    assert.deepEqual(answers, ["an answer", "an answer"]);
    a.server.in("room").disconnectSockets();
    await waitFor(() => there.socket.disconnected && here.socket.disconnected, "both are gone");
  });
});

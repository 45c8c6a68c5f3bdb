// Starts the server under test for the Node tests, and stops it again.

import { execFileSync, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const SERVER = process.env.SERVER_UNDER_TEST;
const PATIENCE_MS = 30_000;

/** Polls until `condition()` holds, and returns what it returned. */
export async function waitFor(condition, what) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const outcome = await condition();
    if (outcome) return outcome;
    if (Date.now() > deadline) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
    await pause(10);
  }
}

/**
 * Makes an attempt that only counts if it is done before so many ms are over, and says so; on a
 * machine that stood still for longer, again with twice as many.
 */
export async function withTimeEnough(attempt, firstMs) {
  for (let ms = firstMs; ms < firstMs * 1000; ms *= 2) if (await attempt(ms)) return;
  throw new Error(`${firstMs} ms were not enough, nor many times as many`);
}

const PORTS_PER_FILE = 16;
let portsGiven = 0;

/**
 * A port nobody listens on: below the range the kernel gives to outgoing connections, and none that
 * is given to another file of tests, which are processes that run side by side.
 */
export async function freePort() {
  for (;;) {
    const port = 12_000 + ((process.pid * PORTS_PER_FILE + portsGiven++) % 20_000);
    const free = await new Promise((resolve) => {
      const probe = createServer();
      probe.once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

/** A certificate for localhost that signs itself; clients trust the file itself. */
export function selfSigned(folder) {
  const cert = join(folder, "server.crt");
  const key = join(folder, "server.key");
  const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const files = ["-noenc", "-keyout", key, "-out", cert, "-days", "2"];
  execFileSync("openssl", [...request, ...subject, ...files], { stdio: "ignore" });
  return { cert, key, ca: readFileSync(cert) };
}

/** One server with a folder, ports and a log of its own. */
export class Server {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "redistill-node-"));
  }

  /** Starts it; `config` is {section: {key: value}}, as in redistill.toml. */
  async start(config = {}) {
    this.port ??= await freePort();
    this.healthPort ??= await freePort();
    const server = { port: this.port, health_check_port: this.healthPort, ...config.server };
    const file = join(this.folder, "redistill.toml");
    writeFileSync(file, toml({ ...config, server }));
    const log = openSync(join(this.folder, "server.log"), "a");
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^REDIS(TILL)?_/.test(name)),
    );
    this.process = spawn(SERVER, ["--config", file], {
      cwd: this.folder,
      env,
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    this.exited = new Promise((resolve) => this.process.once("exit", resolve));
    await waitFor(() => this.#ready(), "server ready");
    return this;
  }

  async #ready() {
    if (this.process.exitCode !== null) {
      throw new Error(readFileSync(join(this.folder, "server.log"), "utf8"));
    }
    try {
      return (await fetch(`http://127.0.0.1:${this.healthPort}/health`)).ok;
    } catch {
      return false;
    }
  }

  /** Ends the process and waits for it. */
  async stop() {
    this.process.kill("SIGTERM");
    await this.exited;
  }

  /** Ends the process and removes its folder. */
  async remove() {
    if (this.process?.exitCode === null && this.process.signalCode === null) await this.stop();
    rmSync(this.folder, { recursive: true });
  }
}

function toml(config) {
  return Object.entries(config)
    .map(([section, keys]) => {
      const rows = Object.entries(keys).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
      return `[${section}]\n${rows.join("\n")}\n`;
    })
    .join("\n");
}

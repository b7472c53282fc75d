// Only one run at a time has a file, and what has the name of a lock need not be one.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cancelled } from "../../src/report/cancelled.ts";
import {
  withFileLock,
  withFileLockInTurn,
} from "../../src/system/file-lock.ts";
import { describeWithTools } from "../support/tools.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pi-image-lock-"));
  path = join(folder, "file");
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const held = (holder: string) => new Error(`held by ${holder}`);

const withLock = <Result>(
  action: () => Promise<Result>,
  seconds = 20,
): Promise<Result> => withFileLock(path, action, seconds, held);

describe("a lock", () => {
  it("lets one in at a time", async () => {
    const file = join(folder, "count");
    writeFileSync(file, "0");
    await Promise.all(
      Array.from({ length: 8 }, () =>
        withLock(async () => {
          const count = Number(readFileSync(file, "utf8"));
          await setImmediate();
          writeFileSync(file, String(count + 1));
        }),
      ),
    );
    expect(readFileSync(file, "utf8")).toBe("8");
    expect(readdirSync(folder)).toEqual(["count"]);
  });

  it.each([
    ["a link", (at: string, mine: string) => symlinkSync(mine, at)],
    ["a second name", (at: string, mine: string) => linkSync(mine, at)],
    ["a pipe", (at: string) => execFileSync("mkfifo", [at], { stdio: "pipe" })],
  ])("does not empty what others put there: %s", async (_, plant) => {
    const mine = join(folder, "mine");
    writeFileSync(mine, "of value");
    plant(join(folder, ".file.lock"), mine);
    await expect(withLock(() => Promise.resolve())).rejects.toThrow(
      "is not a lock of pi-image",
    );
    expect(readFileSync(mine, "utf8")).toBe("of value");
  });

  it("ends with its action, whichever way that ends", async () => {
    const failure = new Error("no luck");
    await expect(withLock(() => Promise.reject(failure))).rejects.toBe(failure);
    expect(readdirSync(folder)).toEqual([]);
    await expect(withLock(() => Promise.resolve("in"))).resolves.toBe("in");
  });

  it("names its holder to those who do not wait", async () => {
    await withLock(async () => {
      await expect(withLock(() => Promise.resolve(), 0)).rejects.toThrow(
        new RegExp(`^held by ${process.pid} .`),
      );
    });
  });

  it("is not what somebody wrote into its file, nor a file that a killed run left", async () => {
    writeFileSync(join(folder, ".file.lock"), `${process.pid} here`);
    await expect(withLock(() => Promise.resolve("in"), 0)).resolves.toBe("in");
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is waited for only until the run is stopped, and whoever waits is told once", async () => {
    const stop = new AbortController();
    const told: string[] = [];
    await withLock(async () => {
      const waiting = withFileLockInTurn(
        path,
        {
          signal: stop.signal,
          told: (lock) => {
            told.push(lock);
            stop.abort(cancelled());
          },
        },
        () => Promise.resolve(),
      );
      await expect(waiting).rejects.toMatchObject({ code: "CANCELLED" });
    });
    expect(told).toEqual([join(folder, ".file.lock")]);
    await expect(withLock(() => Promise.resolve("in"), 0)).resolves.toBe("in");
  });
});

describeWithTools(["flock"], "a lock of another process", () => {
  it("holds as long as that lives, and no longer when it is killed", async () => {
    const lock = join(folder, ".file.lock");
    const other = spawn(
      "flock",
      ["-x", lock, "sh", "-c", "echo locked; exec sleep 1000"],
      { stdio: ["ignore", "pipe", "ignore"], detached: true },
    );
    const { pid = 0 } = other;
    try {
      await once(other.stdout, "data");
      await expect(withLock(() => Promise.resolve(), 0)).rejects.toThrow(
        "held by",
      );
      const waiting = withLock(() => Promise.resolve("in"));
      process.kill(-pid, "SIGKILL");
      await expect(waiting).resolves.toBe("in");
    } finally {
      other.kill("SIGKILL");
    }
  });
});

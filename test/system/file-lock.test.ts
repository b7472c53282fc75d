import { spawnSync } from "node:child_process";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withFileLock } from "../../src/system/file-lock.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pi-image-lock-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const held = (lock: string, holder: string) =>
  new Error(`held: ${lock} by ${holder}`);

const withLock = <Result>(
  action: () => Promise<Result>,
  seconds = 20,
): Promise<Result> => withFileLock(join(folder, "file"), action, seconds, held);

/** The id of a process that has ended. */
const deadPid = (): number => spawnSync("true").pid;

describe("a lock", () => {
  it("lets one in at a time", async () => {
    const file = join(folder, "count");
    writeFileSync(file, "0");
    await Promise.all(
      Array.from({ length: 8 }, () =>
        withLock(async () => {
          const count = Number(readFileSync(file, "utf8"));
          await sleep(5);
          writeFileSync(file, String(count + 1));
        }),
      ),
    );
    expect(readFileSync(file, "utf8")).toBe("8");
    expect(readdirSync(folder)).toEqual(["count"]);
  });

  it("ends with its action, whichever way that ends", async () => {
    const failure = new Error("no luck");
    await expect(withLock(() => Promise.reject(failure))).rejects.toBe(failure);
    expect(readdirSync(folder)).toEqual([]);
    await expect(withLock(() => Promise.resolve("in"))).resolves.toBe("in");
  });

  it("of a run that was killed is taken over, by one of those who wait", async () => {
    writeFileSync(
      join(folder, ".file.lock"),
      `${hostname()} ${deadPid()} word`,
    );
    let inside = 0;
    const most: number[] = [];
    await Promise.all(
      Array.from({ length: 4 }, () =>
        withLock(async () => {
          inside += 1;
          most.push(inside);
          await sleep(5);
          inside -= 1;
        }),
      ),
    );
    expect(most).toEqual([1, 1, 1, 1]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ["this machine", `${hostname()} ${process.pid} word`],
    ["another machine", "elsewhere 1 word"],
  ])("of a run on %s that goes on is respected", async (_where, holder) => {
    const lock = join(folder, ".file.lock");
    writeFileSync(lock, holder);
    await expect(withLock(() => Promise.resolve(), 0)).rejects.toThrow(
      `held: ${lock} by ${holder}`,
    );
    expect(readFileSync(lock, "utf8")).toBe(holder);
  });
});

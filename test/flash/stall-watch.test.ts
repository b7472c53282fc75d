// Whatever is asked of a target that went silent is given up in the end, and named.
import { expect, it } from "vitest";
import type { OpenTarget } from "../../src/device/open/opened-target.ts";
import { cancelled } from "../../src/report/cancelled.ts";
import { watchStalls } from "../../src/flash/stall-watch.ts";

const never = () => new Promise<never>(() => undefined);

const silent: OpenTarget = {
  path: "/dev/sda",
  kind: "device",
  size: 2 ** 30,
  blockSize: 512,
  readBack: "medium",
  direct: false,
  write: never,
  read: never,
  flush: never,
  forget: never,
  discard: never,
  settle: never,
  present: async () => true,
  gone: () => false,
  close: never,
};

const bytes = Buffer.alloc(512);

const requests: readonly (readonly [
  string,
  (target: OpenTarget) => Promise<void>,
])[] = [
  ["write", (target) => target.write(bytes, 0)],
  ["read", (target) => target.read(bytes, 0)],
  ["flush", (target) => target.flush()],
  ["forget", (target) => target.forget()],
  ["discard", (target) => target.discard()],
  ["settle", (target) => target.settle()],
  ["close", (target) => target.close()],
];

it.each(requests)("a silent target is given up: %s", async (_, request) => {
  const warnings: string[] = [];
  const watched = watchStalls(
    silent,
    (event) => warnings.push("message" in event ? event.message : ""),
    undefined,
    { warn: 10, giveUp: 50, stopped: 10 },
  );
  await expect(request(watched)).rejects.toMatchObject({
    code: "TARGET_STALLED",
  });
  expect(warnings.join()).toContain("/dev/sda has not answered");
});

it("a silent target costs the time once, whatever else is asked of it", async () => {
  let asked = 0;
  const counting = () => {
    asked += 1;
    return never();
  };
  const watched = watchStalls(
    { ...silent, read: counting, flush: counting, close: counting },
    () => undefined,
    undefined,
    { warn: 10, giveUp: 50, stopped: 10 },
  );
  const gone = { code: "TARGET_STALLED" };
  await Promise.all([
    expect(watched.write(bytes, 0)).rejects.toMatchObject(gone),
    expect(watched.read(bytes, 0)).rejects.toMatchObject(gone),
  ]);
  await expect(watched.flush()).rejects.toMatchObject(gone);
  await watched.close();
  expect(asked).toBe(1);
});

it("a request that begins after the run was stopped does not get all of the time", async () => {
  const watched = watchStalls(
    silent,
    () => undefined,
    AbortSignal.abort(cancelled()),
    { warn: 600_000, giveUp: 600_000, stopped: 10 },
  );
  await expect(watched.write(bytes, 0)).rejects.toMatchObject({
    code: "CANCELLED",
  });
});

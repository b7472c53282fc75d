// A decoder that fails by itself, or has no room, is told from a damaged file.
import { readdirSync, readlinkSync } from "node:fs";
import { open } from "node:fs/promises";
import { expect, it } from "vitest";
import { readXzIndex } from "../../src/image/archive/xz/xz-index.ts";
import { openXzLanes } from "../../src/image/archive/xz/xz-lanes.ts";
import { wrapRun } from "../../src/image/archive/xz/xz-run.ts";
import { describeWithTools } from "../support/tools.ts";
import { failureOf } from "../support/failure.ts";
import {
  expectSame,
  readImage,
  sampleImage,
  testFolder,
  writeSample,
  xz,
} from "./archive-samples.ts";
import { withFake } from "./fake-xz.ts";

/** How many files in this folder this process has open, with or without a name. */
const openIn = (folder: string): number =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${folder}/`);
    } catch {
      // The descriptor of this very listing.
      return false;
    }
  }).length;

describeWithTools(["xz"], "a decoder that fails by itself", () => {
  const bytes = () => xz(sampleImage(64 * 1024), "--block-size=16KiB");

  it.each([
    ["several blocks", ["--block-size=16KiB"]],
    ["one block", []],
  ])("by a signal is not taken for damage of %s", async (_, options) => {
    const path = writeSample("a.xz", xz(sampleImage(64 * 1024), ...options));
    withFake("kill -9 $$");
    const error = await failureOf(readImage(path, 64 * 1024));
    expect(error.code).toBe("TOOL_FAILED");
    expect(error.message).toMatch(/^xz was stopped by (signal 9|SIGKILL)$/);
  });

  it("for lack of room is not taken for damage", async () => {
    const path = writeSample("a.xz", bytes());
    withFake(
      'echo "xz: (stdout): Write error: No space left on device" >&2; exit 1',
    );
    const error = await failureOf(readImage(path, 64 * 1024));
    expect(error.code).toBe("DISK_FULL");
    expect(error.hint).toContain("TMPDIR");
  });

  it("by giving too little is found", async () => {
    const path = writeSample("a.xz", bytes());
    withFake("echo short");
    const error = await failureOf(readImage(path, 64 * 1024));
    expect(error.facts).toContain("6 bytes came instead of 16384");
  });

  it("gets files on a disk where memory has no room", async () => {
    const image = sampleImage(64 * 1024);
    const path = writeSample("a.xz", xz(image, "--block-size=16KiB"));
    const file = await open(path, "r");
    const index = await readXzIndex(path, file);
    const folder = testFolder();
    const before = process.env["TMPDIR"];
    process.env["TMPDIR"] = folder;
    const decoder = await openXzLanes(file, {
      lanes: 1,
      slots: 1,
      room: 2 ** 50,
    });
    if (before === undefined) {
      delete process.env["TMPDIR"];
    } else {
      process.env["TMPDIR"] = before;
    }
    expect(openIn(folder)).toBe(3);
    // Nobody else finds them.
    expect(readdirSync(folder)).toEqual([]);
    const run = await decoder.decode(
      wrapRun(index, { first: 1, end: 3 }),
      32_768,
    );
    const decoded = Buffer.alloc(32_768);
    await run.read(0, decoded);
    expectSame(decoded, image.subarray(16_384, 49_152));
    run.release();
    await decoder.close();
    await file.close();
    expect(openIn(folder)).toBe(0);
  });
});

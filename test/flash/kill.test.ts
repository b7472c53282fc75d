// kill -9 at any moment: the card does not boot, is free at once, and the same command again succeeds.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { describeAsRoot } from "../support/tools.ts";
import {
  attachLoop,
  oldData,
  oldFile,
  temporaryFolder,
} from "../device/loop.ts";
import { flash, only } from "./flash-run.ts";

const MIB = 1024 ** 2;
const SIZE = 48 * MIB;
const CHILD = fileURLToPath(new URL("flash-child.ts", import.meta.url));

/** Starts the flash and kills it when it prints the n-th line of this kind; gives the number of lines seen. */
const killedAt = async (
  image: string,
  device: string,
  kind: string,
  count: number,
): Promise<number> => {
  const child = spawn(
    process.execPath,
    ["--import", "tsx", CHILD, image, device],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const ended = once(child, "close");
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    seen += line === kind ? 1 : 0;
    if (seen === count) {
      child.kill("SIGKILL");
    }
  }
  await ended;
  return seen;
};

describeAsRoot(["losetup", "lsblk"], "a killed flash", () => {
  test("leaves nothing that boots, and is run again as it was", async () => {
    const folder = temporaryFolder();
    const bytes = oldData(SIZE);
    bytes.writeUInt16LE(0xaa55, 510);
    const image = join(folder, "sample.img");
    writeFileSync(image, bytes);
    const file = oldFile(join(folder, "card"), SIZE + MIB);
    const device = attachLoop(file);
    const head = () => readFileSync(file).subarray(0, MIB);

    // While erasing is over and decoding begins, with the first bytes proven, and shortly before the end.
    const moments = [
      ["phase", 2],
      ["progress", 1],
      ["progress", 30],
    ] as const;
    for (const [kind, count] of moments) {
      const seen = await killedAt(image, device, kind, count);
      expect(seen).toBeGreaterThanOrEqual(count);
      expect(readFileSync(file).subarray(0, SIZE).equals(bytes)).toBe(false);
      expect(head().equals(Buffer.alloc(MIB))).toBe(true);
    }
    const result = only(
      await flash({ image, targets: [{ path: device }], used: "everything" }),
    );
    expect(result.error).toBeUndefined();
    expect(readFileSync(file).subarray(0, SIZE).equals(bytes)).toBe(true);
  });

  test("finishes when nobody kills it", async () => {
    const folder = temporaryFolder();
    const bytes = oldData(SIZE);
    bytes.writeUInt16LE(0xaa55, 510);
    const image = join(folder, "sample.img");
    writeFileSync(image, bytes);
    const file = oldFile(join(folder, "card"), SIZE);
    const device = attachLoop(file);
    expect(await killedAt(image, device, "proven", Infinity)).toBe(1);
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });
});

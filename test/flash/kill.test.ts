// kill -9 at any moment: the card does not boot, is free at once, and the same command again succeeds.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { describeAsRoot } from "../support/tools.ts";
import {
  attachLoop,
  oldData,
  oldFile,
  temporaryFolder,
} from "../device/loop.ts";
import { flash, only } from "./flash-run.ts";
import { asDisk } from "../support/as-disk.ts";

const MIB = 1024 ** 2;
const SIZE = 48 * MIB;

/** Starts the flash, which is killed at the n-th event of this kind; gives the signal that ended it, and what it printed. */
const flashInChild = async (
  image: string,
  device: string,
  ...moment: readonly [] | readonly [kind: string, count: number]
) => {
  const child = spawn(
    process.execPath,
    [
      join(inject("programs"), "flash-child.js"),
      image,
      device,
      ...moment.map(String),
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let printed = "";
  child.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  await once(child, "close");
  return { signal: child.signalCode, printed: printed.trim() };
};

describeAsRoot(["losetup", "lsblk"], "a killed flash", () => {
  test("leaves nothing that boots, and is run again as it was", async () => {
    const folder = temporaryFolder();
    const bytes = oldData(SIZE);
    asDisk(bytes);
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
      expect(await flashInChild(image, device, kind, count)).toEqual({
        signal: "SIGKILL",
        printed: "",
      });
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
    asDisk(bytes);
    const image = join(folder, "sample.img");
    writeFileSync(image, bytes);
    const file = oldFile(join(folder, "card"), SIZE);
    const device = attachLoop(file);
    expect(await flashInChild(image, device)).toEqual({
      signal: null,
      printed: "proven",
    });
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });
});

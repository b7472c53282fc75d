// Cards, disks and files that fail: what the user is told, and that nothing unproven boots.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cancelled } from "../../src/report/cancelled.ts";
import type { OpenTarget } from "../../src/device/open/opened-target.ts";
import type { ImageReader } from "../../src/image/reader.ts";
import { UserError } from "../../src/report/user-error.ts";
import { describeAsRoot } from "../support/tools.ts";
import { attachLoop, sparseFile } from "../device/loop.ts";
import { memoryDisk } from "../device/memory-disk.ts";
import { flash } from "./flash-run.ts";
import { sampleCards } from "./sample-cards.ts";
import { onWrite, systemError } from "./planted-faults.ts";

const MIB = 1024 ** 2;

describeAsRoot(["losetup", "lsblk"], "flashImage with faults", () => {
  test.each([
    ["EIO", "FLASH_WRITE_FAILED", "the device reports an error (EIO)"],
    ["EROFS", "FLASH_WRITE_FAILED", "stopped accepting writes"],
    ["ENOSPC", "FLASH_WRITE_FAILED", "ran out of space before its own size"],
    ["ENODEV", "TARGET_GONE", "disappeared"],
    ["ENXIO", "TARGET_GONE", "disappeared"],
  ])("%s while writing: %s", async (code, expected, words) => {
    const { card, flashOne } = sampleCards();
    const bad = card();
    const wrap = onWrite(15 * MIB, () => {
      throw systemError(code);
    });
    const { error } = await flashOne(bad.device, wrap);
    expect(error).toMatchObject({
      code: expected,
      exitCode: 1,
      message: expect.stringContaining(words),
      state: expect.stringContaining("does not boot"),
    });
    expect(bad.boots()).toBe(false);
  });

  test("tells a card that was pulled out from a bad one, by whether it is still there", async () => {
    const { card, flashOne } = sampleCards();
    const bad = card();
    const wrap = (target: OpenTarget): OpenTarget => ({
      ...onWrite(15 * MIB, () => {
        throw systemError("EIO");
      })(target),
      present: async () => false,
    });
    const { error } = await flashOne(bad.device, wrap);
    expect(error).toMatchObject({ code: "TARGET_GONE" });
  });

  test("a real I/O error: the disk under a loop device is full", async () => {
    const { flashOne } = sampleCards();
    const small = memoryDisk("size=12m");
    const device = attachLoop(sparseFile(join(small, "card"), 20 * MIB));
    const { error } = await flashOne(device);
    expect(error).toMatchObject({ code: "FLASH_WRITE_FAILED", exitCode: 1 });
    const head = readFileSync(join(small, "card")).subarray(0, MIB);
    expect(head.equals(Buffer.alloc(MIB))).toBe(true);
  });

  test("a target file on a full disk", async () => {
    const { flashOne } = sampleCards();
    const small = memoryDisk("size=12m");
    const { error } = await flashOne(join(small, "card.img"));
    expect(error).toMatchObject({
      code: "FLASH_WRITE_FAILED",
      message: expect.stringContaining("there is no room"),
    });
  });

  test("Ctrl-C in the middle leaves a card that does not boot, and says so", async () => {
    const { card, flashOne } = sampleCards();
    const stopped = card();
    const controller = new AbortController();
    const wrap = onWrite(15 * MIB, () => controller.abort(cancelled()));
    const { error } = await flashOne(stopped.device, wrap, {
      signal: controller.signal,
    });
    expect(error).toMatchObject({
      code: "CANCELLED",
      exitCode: 130,
      state: expect.stringContaining("does not boot"),
    });
    expect(stopped.boots()).toBe(false);
  });

  test("Ctrl-C before the first write leaves the card alone", async () => {
    const { card, flashOne } = sampleCards();
    const untouched = card();
    const { error } = await flashOne(untouched.device, undefined, {
      signal: AbortSignal.abort(cancelled()),
    });
    expect(error).toMatchObject({
      code: "CANCELLED",
      state: `nothing was written to ${untouched.device}`,
    });
    expect(untouched.isAsItWas()).toBe(true);
  });

  test("an image that turns out damaged never becomes bootable", async () => {
    const { card, flashOne } = sampleCards();
    const good = card();
    const wrapReader = (reader: ImageReader): ImageReader => ({
      ...reader,
      chunks: async function* (ranges) {
        yield* reader.chunks(ranges);
        throw new UserError("IMAGE_DAMAGED", "block 7 has the wrong checksum");
      },
    });
    const { error } = await flashOne(good.device, undefined, { wrapReader });
    expect(error).toMatchObject({
      code: "IMAGE_DAMAGED",
      exitCode: 4,
      message: "block 7 has the wrong checksum",
      state: expect.stringContaining("does not boot"),
    });
    expect(good.boots()).toBe(false);
  });

  test("a patch outside of what is written is a bug, found before the first write", async () => {
    const { image, card } = sampleCards();
    const { device, isAsItWas } = card();
    const patch = [{ offset: 10 * MIB, data: Buffer.from("lost") }];
    await expect(
      flash({ image, used: [], targets: [{ path: device, patch }] }),
    ).rejects.toThrow("would not be written");
    expect(isAsItWas()).toBe(true);
  });

  test("a bug is not dressed up as a card's failure", async () => {
    const { card, flashOne } = sampleCards();
    const { device } = card();
    const wrap = onWrite(15 * MIB, () => {
      throw new TypeError("ours");
    });
    await expect(flashOne(device, wrap)).rejects.toThrow("ours");
  });
});

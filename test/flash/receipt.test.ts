// Receipts: what they tell, that they find their card again, and that cards are judged by them.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openForReading } from "../../src/device/open/open-for-reading.ts";
import { DEFAULT_MAX_SIZE } from "../../src/device/target-rules.ts";
import { openImage } from "../../src/image/archive/open-image.ts";
import type { Patch } from "../../src/image/patch.ts";
import { type FlashPlan, planFlash } from "../../src/flash/plan-flash.ts";
import { receiptOf } from "../../src/flash/receipt.ts";
import {
  lastReceipt,
  loadReceipt,
  receiptPath,
  storeReceipt,
} from "../../src/flash/receipt-store.ts";
import {
  verificationError,
  verifyAgainstImage,
  verifyAgainstReceipt,
} from "../../src/flash/verify-card.ts";
import type { ProgressEvent } from "../../src/report/events.ts";
import { oldData, temporaryFolder, usableTarget } from "../device/loop.ts";
import { describeWithTools } from "../support/tools.ts";
import { flash, only } from "./flash-run.ts";
import { asDisk } from "../support/as-disk.ts";

const MIB = 1024 ** 2;
const SIZE = 6 * MIB + 512;

const patch: Patch = [
  { offset: 440, data: Buffer.from("disk") },
  { offset: 3 * MIB, data: Buffer.from("hostname: worker2") },
];

/** Two MiB in the middle are nobody's. */
const used = [
  { offset: MIB, length: MIB },
  { offset: 3 * MIB, length: SIZE - 3 * MIB },
];

const planFor = async (path: string, wipe: boolean): Promise<FlashPlan> => {
  const planned = planFlash({
    image: { label: "out/worker2.img", size: SIZE, sha256: "ab".repeat(32) },
    findings: [],
    notes: [],
    mapSource: "bmap file",
    checksums: [],
    ranges: [],
    target: await usableTarget(path),
    wish: { allowFixed: false, maxSize: DEFAULT_MAX_SIZE },
    yes: true,
    interactive: false,
    wipe,
    eject: false,
    receipt: "",
  });
  if (planned.kind !== "plan") {
    throw new Error("refused");
  }
  return planned.plan;
};

const flashed = async (wipe = false) => {
  const folder = temporaryFolder();
  const image = join(folder, "base.img");
  const bytes = oldData(SIZE);
  asDisk(bytes);
  writeFileSync(image, bytes);
  const card = join(folder, "card.img");
  const plan = await planFor(card, wipe);
  const run = await flash({
    image,
    used,
    wipe,
    targets: [{ path: card, patch }],
  });
  const receipt = receiptOf({
    plan: { ...plan, ranges: run.ranges },
    result: only(run),
    time: new Date("2026-11-20T07:03:03Z"),
    tool: "pi-image 0.1.0",
    node: { name: "worker2", instanceId: "pi-image-worker2-1f" },
    bundle: { sha256: "cd".repeat(32) },
  });
  const path = receiptPath(folder, "worker2", new Date(receipt.time));
  await storeReceipt(path, receipt);
  const damage = (offset: number): void => {
    const held = readFileSync(card);
    held[offset] = (held[offset] ?? 0) ^ 1;
    writeFileSync(card, held);
  };
  const verifying = async () => ({
    target: await openForReading(await usableTarget(card)),
    report: (event: ProgressEvent) => event,
  });
  return {
    folder,
    image,
    card,
    path,
    receipt,
    damage,
    verifying,
    ranges: run.ranges,
  };
};

describeWithTools(["lsblk"], "receipts", () => {
  test("tell what was written where, and how it was proven", async () => {
    const { path } = await flashed();
    expect(path).toMatch(/20261120T070303Z-worker2\.json$/);
    const receipt = await loadReceipt(path);
    expect(receipt).toMatchObject({
      schema: 1,
      time: "2026-11-20T07:03:03.000Z",
      result: "proven",
      node: { name: "worker2", instanceId: "pi-image-worker2-1f" },
      image: {
        label: "out/worker2.img",
        size: SIZE,
        sha256: "ab".repeat(32),
        bundle: { sha256: "cd".repeat(32) },
      },
      target: { kind: "file", size: SIZE },
      map: "bmap file",
      bytesWritten: 5 * MIB + 512,
      piecesWrittenAgain: 0,
      content: {
        pieceBytes: MIB,
        ranges: `0+${2 * MIB} ${3 * MIB}+${3 * MIB + 512}`,
      },
    });
    expect(receipt.content?.crc32).toHaveLength(6 * 8);
  });

  test.each([false, true])("judge a card later (wipe: %s)", async (wipe) => {
    const { receipt, verifying, damage, card } = await flashed(wipe);
    const first = await verifying();
    expect(await verifyAgainstReceipt(first, receipt)).toEqual({
      bytes: wipe ? SIZE : 5 * MIB + 512,
      differing: [],
    });
    await first.target.close();
    damage(4 * MIB + 17);
    damage(2.5 * MIB);
    const second = await verifying();
    const { differing } = await verifyAgainstReceipt(second, receipt);
    await second.target.close();
    expect(differing).toEqual([
      ...(wipe ? [{ offset: 2 * MIB, length: MIB }] : []),
      { offset: 4 * MIB, length: MIB },
    ]);
    expect(verificationError(card, differing)).toMatchObject({
      code: "READBACK_DIFFERS",
      exitCode: 5,
      message: `${card} does not hold the image`,
    });
  });

  test("of a failed flash say so and judge nothing", async () => {
    const { receipt, verifying } = await flashed();
    const { content: _, ...rest } = receipt;
    const { target, report } = await verifying();
    await expect(
      verifyAgainstReceipt({ target, report }, { ...rest, result: "failed" }),
    ).rejects.toMatchObject({ code: "RECEIPT_UNREADABLE" });
    await target.close();
  });

  test("are found again by their card, the newest first", async () => {
    const { folder, card, receipt } = await flashed();
    const later = { ...receipt, time: "2026-11-21T00:00:00.000Z" };
    await storeReceipt(
      receiptPath(folder, "worker2", new Date(later.time)),
      later,
    );
    const target = await usableTarget(card);
    const newest = await lastReceipt(folder, target);
    expect(newest.receipt?.time).toBe(later.time);
    const other = await usableTarget(join(folder, "other.img"));
    const none = { receipt: undefined, unreadable: [] };
    expect(await lastReceipt(folder, other)).toEqual(none);
    expect(await lastReceipt(join(folder, "none"), target)).toEqual(none);
  });

  test("that cannot be read hide no older one, and are named", async () => {
    const { folder, card, receipt } = await flashed();
    writeFileSync(join(folder, "20261121T000000Z-worker9.json"), "{");
    mkdirSync(join(folder, "20261122T000000Z-worker9.json"));
    writeFileSync(join(folder, "20251121T000000Z-worker9.json"), "older");
    const found = await lastReceipt(folder, await usableTarget(card));
    expect(found.receipt).toEqual(receipt);
    expect(found.unreadable.map(({ message }) => message)).toEqual([
      `the receipt ${folder}/20261122T000000Z-worker9.json cannot be read: it is a folder`,
      `${folder}/20261121T000000Z-worker9.json is not a receipt that this version of pi-image can read`,
    ]);
    const other = await usableTarget(join(folder, "other.img"));
    const none = await lastReceipt(folder, other);
    expect(none.receipt).toBeUndefined();
    expect(none.unreadable).toHaveLength(3);
  });

  test("of something else are refused", async () => {
    const path = join(temporaryFolder(), "20261120T070303Z-x.json");
    for (const text of ["{", "{}", '{"schema": 2}']) {
      writeFileSync(path, text);
      await expect(loadReceipt(path)).rejects.toMatchObject({
        code: "RECEIPT_UNREADABLE",
        exitCode: 2,
      });
    }
  });
});

describe("verifyAgainstImage", () => {
  test("compares the card with base and patch", async () => {
    const { image, ranges, verifying, damage } = await flashed();
    const reader = await openImage(image);
    const judge = async (with_: Patch) => {
      const { target, report } = await verifying();
      const { differing } = await verifyAgainstImage(
        { target, report },
        { reader, size: SIZE, patch: with_, ranges },
      );
      await target.close();
      return differing;
    };
    expect(await judge(patch)).toEqual([]);
    expect(await judge([])).toEqual([
      { offset: 0, length: MIB },
      { offset: 3 * MIB, length: MIB },
    ]);
    damage(SIZE - 1);
    expect(await judge(patch)).toEqual([{ offset: 6 * MIB, length: 512 }]);
    await reader.close();
  });

  test("refuses a card that is smaller than the image", async () => {
    const { image, ranges, verifying } = await flashed();
    const reader = await openImage(image);
    const { target, report } = await verifying();
    await expect(
      verifyAgainstImage(
        { target, report },
        { reader, size: SIZE + 512, patch: [], ranges },
      ),
    ).rejects.toMatchObject({ code: "READBACK_DIFFERS" });
    await target.close();
    await reader.close();
  });
});

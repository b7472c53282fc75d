// Several cards at once: neither a bad nor a slow one is the others' trouble.
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import type { OpenTarget } from "../../src/device/open/opened-target.ts";
import { describeAsRoot } from "../support/tools.ts";
import { sampleCards } from "./sample-cards.ts";
import { onWrite, systemError } from "./planted-faults.ts";

const MIB = 1024 ** 2;

/** More than the engine reads ahead and keeps in memory. */
const LARGE = 44 * MIB;

describeAsRoot(["losetup", "lsblk"], "flashImage with faults", () => {
  test("one bad card does not stop the others", async () => {
    const { card, flashAll } = sampleCards();
    const cards = [card("one"), card("two"), card("three")];
    const faults = [
      onWrite(2 * MIB, () => {
        throw systemError("EIO");
      }),
      (target: OpenTarget) => target,
      (target: OpenTarget): OpenTarget => ({
        ...target,
        read: (into, at) =>
          at === 17 * MIB
            ? Promise.reject(systemError("EIO"))
            : target.read(into, at),
      }),
    ];
    const { results } = await flashAll({
      targets: cards.map(({ device }, index) => ({
        path: device,
        wrap: faults[index] ?? ((target) => target),
      })),
    });
    expect(results.map(({ error }) => error?.code)).toEqual([
      "FLASH_WRITE_FAILED",
      undefined,
      "FLASH_WRITE_FAILED",
    ]);
    expect(cards.map(({ boots }) => boots())).toEqual([false, true, false]);
    expect(cards[1]?.holdsImage()).toBe(true);
  });

  test("a slow card slows the decoder down instead of filling memory", async () => {
    const { card, flashAll } = sampleCards(LARGE);
    const slow = card("slow");
    const fast = card("fast");
    let decoded = 0;
    let whenHeld = 0;
    const wrap = onWrite(4 * MIB, async () => {
      // Long enough for the fast card to take all that memory allows.
      await setTimeout(500);
      whenHeld = decoded;
    });
    const { results } = await flashAll({
      targets: [{ path: slow.device, wrap }, { path: fast.device }],
      wrapReader: (reader) => ({
        ...reader,
        chunks: async function* (ranges) {
          for await (const chunk of reader.chunks(ranges)) {
            decoded = chunk.offset + chunk.data.length;
            yield chunk;
          }
        },
      }),
    });
    expect(whenHeld).toBeGreaterThan(4 * MIB);
    expect(whenHeld).toBeLessThan(32 * MIB);
    expect(results.map(({ error }) => error)).toEqual([undefined, undefined]);
    expect(slow.holdsImage()).toBe(true);
    expect(fast.holdsImage()).toBe(true);
  });
});

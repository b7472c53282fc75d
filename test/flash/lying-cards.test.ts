// Cards that take every write and hold something else: reading back finds it, and nothing unproven boots.
import { once } from "node:events";
import { expect, test } from "vitest";
import type { OpenTarget } from "../../src/device/open/opened-target.ts";
import { describeAsRoot } from "../support/tools.ts";
import { only } from "./flash-run.ts";
import { sampleCards } from "./sample-cards.ts";

const MIB = 1024 ** 2;

/** More than the engine reads ahead and keeps in memory. */
const LARGE = 44 * MIB;

describeAsRoot(["losetup", "lsblk"], "flashImage with faults", () => {
  test("finds what changed on the medium between writing and reading back, and repairs it", async () => {
    const { card, flashAll } = sampleCards();
    const bad = card();
    // The write itself succeeds; then the medium rots. The block device's cache would still show the right bytes.
    // The second bad place is found before the first: that write ends late, and two are in flight.
    const second = new AbortController();
    const rots = new Set([6 * MIB, 8 * MIB]);
    const wrap = (target: OpenTarget): OpenTarget => ({
      ...target,
      write: async (data, at) => {
        await target.write(data, at);
        if (!rots.delete(at)) {
          return;
        }
        bad.damage(at + 777);
        if (at === 6 * MIB) {
          await once(second.signal, "abort");
        } else {
          second.abort();
        }
      },
    });
    const flashed = await flashAll({ targets: [{ path: bad.device, wrap }] });
    expect(only(flashed)).toMatchObject({ error: undefined, rewritten: 2 });
    expect(bad.holdsImage()).toBe(true);
    expect(flashed.events).toContainEqual(
      expect.objectContaining({
        type: "warning",
        message: expect.stringContaining("2 of 19 pieces"),
      }),
    );
  });

  test("gives a card up that holds a place wrong every time, and leaves it unbootable", async () => {
    const { card, flashOne } = sampleCards();
    const bad = card();
    const wrap = (target: OpenTarget): OpenTarget => ({
      ...target,
      write: async (data, at) => {
        await target.write(data, at);
        if (at === 10 * MIB) {
          bad.damage(at + 777);
        }
      },
    });
    const { error } = await flashOne(bad.device, wrap);
    expect(error).toMatchObject({
      code: "READBACK_DIFFERS",
      exitCode: 5,
      facts: ["bytes 10,485,760 to 11,534,335 differ"],
      state: expect.stringContaining("does not boot"),
    });
    expect(bad.boots()).toBe(false);
  });

  test("empties the first MiB again when it reads back differently", async () => {
    const { card, flashOne } = sampleCards();
    const bad = card();
    let writes = 0;
    const wrap = (target: OpenTarget): OpenTarget => ({
      ...target,
      write: async (data, at) => {
        await target.write(data, at);
        writes += at === 0 ? 1 : 0;
        // The first time zeros are written there, the second time the partition table.
        if (at === 0 && writes === 2) {
          bad.damage(300);
        }
      },
    });
    const { error } = await flashOne(bad.device, wrap);
    expect(error).toMatchObject({ code: "READBACK_DIFFERS" });
    expect(bad.boots()).toBe(false);
  });

  test("notices at once a card that ignores writes", async () => {
    const { card, flashOne } = sampleCards();
    const fake = card();
    const wrap = (target: OpenTarget): OpenTarget => ({
      ...target,
      write: async () => undefined,
    });
    const result = await flashOne(fake.device, wrap);
    expect(result).toMatchObject({
      bytesWritten: 0,
      error: { code: "READBACK_DIFFERS", exitCode: 5 },
    });
  });

  test("notices a counterfeit card that wraps around behind its real size", async () => {
    const { card, flashOne } = sampleCards(LARGE);
    // So large that its beginning is read back before its end destroys it.
    const fake = card();
    const real = LARGE - 4 * MIB;
    const wrap = (target: OpenTarget): OpenTarget => ({
      ...target,
      write: (data, at) => target.write(data, at % real),
      read: (into, at) => target.read(into, at % real),
    });
    const { error } = await flashOne(fake.device, wrap);
    expect(error).toMatchObject({ code: "READBACK_DIFFERS" });
    expect(fake.boots()).toBe(false);
  });

  test("clears away what comes back after a discard", async () => {
    const { card, flashOne } = sampleCards();
    const odd = card();
    const wrap = (target: OpenTarget): OpenTarget => ({
      ...target,
      discard: async () => {
        odd.damage(510);
        odd.damage(odd.size - 512);
      },
    });
    const { error } = await flashOne(odd.device, wrap, { discard: true });
    expect(error).toBeUndefined();
    expect(
      odd
        .content()
        .subarray(odd.size - MIB)
        .equals(Buffer.alloc(MIB)),
    ).toBe(true);
  });
});

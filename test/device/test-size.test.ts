// Counterfeit cards, made of memory: the test finds their real size and leaves their content as it was.
import { describe, expect, test } from "vitest";
import type { OpenTarget } from "../../src/device/open/opened-target.ts";
import { sizeLayout } from "../../src/device/size/size-layout.ts";
import { testSize } from "../../src/device/size/test-size.ts";
import { oldData } from "./loop.ts";
import { fc } from "../support/seeded.ts";

const MIB = 1024 ** 2;
const BLOCK = 4096;

type Fake = {
  readonly claimed: number;
  /** What the medium holds; shorter than claimed on a fake. */
  readonly content: Buffer;
  /** Where an address leads; undefined: nowhere. */
  readonly place: (at: number) => number | undefined;
  /** Blocks that a cache in the card answers from before it forgets them. */
  readonly cache?: number;
  readonly stopAt?: { readonly write: number; readonly error: unknown };
};

const card = ({ claimed, content, place, cache = 0, stopAt }: Fake) => {
  const cached = new Map<number, Buffer>();
  let writes = 0;
  const eachBlock = (
    data: Uint8Array,
    offset: number,
    step: (part: Uint8Array, at: number) => void,
  ) => {
    for (let done = 0; done < data.length; done += BLOCK) {
      step(data.subarray(done, done + BLOCK), offset + done);
    }
  };
  const target: OpenTarget = {
    path: "/dev/fake",
    kind: "device",
    size: claimed,
    blockSize: 512,
    readBack: "medium",
    direct: true,
    write: async (data, offset) => {
      writes += 1;
      if (writes === stopAt?.write) {
        throw stopAt.error;
      }
      eachBlock(data, offset, (part, at) => {
        if (cache > 0) {
          cached.delete(at);
          cached.set(at, Buffer.from(part));
          for (const key of [...cached.keys()].slice(0, -cache)) {
            cached.delete(key);
          }
        }
        const real = place(at);
        if (real !== undefined) {
          content.set(part, real);
        }
      });
    },
    read: async (into, offset) =>
      eachBlock(into, offset, (part, at) => {
        const real = place(at);
        part.set(
          cached.get(at) ??
            (real === undefined
              ? Buffer.alloc(part.length)
              : content.subarray(real, real + part.length)),
        );
      }),
    flush: async () => undefined,
    forget: async () => undefined,
    discard: async () => undefined,
    settle: async () => undefined,
    present: async () => true,
    gone: () => false,
    close: async () => undefined,
  };
  return target;
};

const run = (fake: Fake) =>
  testSize(card(fake), { report: () => undefined, nonce: 0x5eedn });

const genuine = (size: number): Fake => ({
  claimed: size,
  content: oldData(size),
  place: (at) => at,
});

const wrapping = (claimed: number, real: number): Fake => ({
  claimed,
  content: oldData(real),
  place: (at) => at % real,
});

const dropping = (claimed: number, real: number): Fake => ({
  claimed,
  content: oldData(real),
  place: (at) => (at < real ? at : undefined),
});

describe("sizeLayout", () => {
  test("tries a 64 GB card in a few thousand writes, and ends with the last block", () => {
    const size = 64_000_000_000;
    const { start, length, singles } = sizeLayout(size);
    expect(length).toBeLessThanOrEqual(64 * MIB);
    expect(singles.length).toBeLessThan(1100);
    expect(singles[0]).toBe(start + length);
    expect(singles.at(-1)).toBe(size - BLOCK);
  });
});

describe("testSize", () => {
  test("finds a genuine card whole, and changes nothing", async () => {
    const fake = genuine(48 * MIB);
    expect(await run(fake)).toMatchObject({
      kind: "finished",
      finding: { kind: "whole" },
      lost: 0,
    });
    expect(fake.content.equals(oldData(48 * MIB))).toBe(true);
  });

  test("finds the real size of cards that wrap around or drop writes, and restores them", async () => {
    const sizes = fc
      .record({
        claimed: fc.integer({ min: 16 * 256, max: 64 * 256 }),
        share: fc.double({ min: 0.02, max: 0.99, noNaN: true }),
        wraps: fc.boolean(),
      })
      .map(({ claimed, share, wraps }) => ({
        claimed: claimed * BLOCK,
        real: Math.max(1, Math.floor(claimed * share)) * BLOCK,
        wraps,
      }));
    await fc.assert(
      fc.asyncProperty(sizes, async ({ claimed, real, wraps }) => {
        const fake = (wraps ? wrapping : dropping)(claimed, real);
        const found = await run(fake);
        expect(found).toMatchObject({ kind: "finished", lost: 0 });
        const finding = found.kind === "finished" ? found.finding : undefined;
        const { length } = sizeLayout(claimed);
        if (wraps && real >= length) {
          expect(finding).toEqual({ kind: "wraps", realSize: real });
        } else if (wraps) {
          expect(finding?.kind).not.toBe("whole");
        } else if (finding?.kind === "drops") {
          expect(finding.from).toBeLessThanOrEqual(real);
          expect(finding.to).toBeGreaterThanOrEqual(real);
          expect(finding.to - finding.from).toBeLessThanOrEqual(MIB);
        } else {
          expect(finding).toBe("drops");
        }
        expect(fake.content.equals(oldData(real))).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  test("is not fooled by a card that answers from its cache", async () => {
    const fake = { ...dropping(64 * MIB, 24 * MIB), cache: 512 };
    expect(await run(fake)).toMatchObject({
      finding: { kind: "drops" },
      lost: 0,
    });
  });

  test.each([3, 8, 15, 22])(
    "puts everything back when it is stopped at write %i",
    async (write) => {
      const fake = {
        ...genuine(64 * MIB),
        stopAt: { write, error: new Error("stopped") },
      };
      expect(await run(fake)).toMatchObject({
        kind: "stopped",
        restored: true,
      });
      expect(fake.content.equals(oldData(64 * MIB))).toBe(true);
    },
  );

  test("says when the earlier content does not come back", async () => {
    const fake = genuine(32 * MIB);
    let broken = false;
    const target = card(fake);
    const found = await testSize(
      {
        ...target,
        write: async (data, at) => {
          await target.write(data, at);
          // The last write of the search is at the end of the card; from then on nothing is kept.
          broken ||= at === 32 * MIB - BLOCK;
          if (broken && at < MIB) {
            fake.content.fill(0, at, at + data.length);
          }
        },
      },
      { report: () => undefined, nonce: 1n },
    );
    expect(found).not.toMatchObject({ kind: "finished", lost: 0 });
  });
});

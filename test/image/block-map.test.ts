// The block map of what lies around file systems.
import { describe, expect, test } from "vitest";
import { mapUsed } from "../../src/image/block-map.ts";
import { bufferSource } from "../../src/image/source.ts";
import { makeMbr } from "./make-image.ts";

describe("the block map of what lies around file systems", () => {
  test("keeps the start and gaps between partitions, and not what lies behind the last", async () => {
    const image = Buffer.alloc(64 * 4096);
    image.set(
      makeMbr([
        { type: 0x82, offset: 40 * 4096, length: 4 * 4096 },
        { type: 0x82, offset: 10 * 4096, length: 5 * 4096 },
      ]),
    );
    const { ranges, notes } = await mapUsed(bufferSource(image));
    expect(ranges).toEqual([{ offset: 0, length: 44 * 4096 }]);
    expect(notes).toEqual([
      "partition 1 is kept whole: its type 0x82 is not one that pi-image reads",
      "partition 2 is kept whole: its type 0x82 is not one that pi-image reads",
    ]);
  });

  test("keeps an image without an MBR partition table whole", async () => {
    const { ranges, notes } = await mapUsed(bufferSource(Buffer.alloc(10_000)));
    expect(ranges).toEqual([{ offset: 0, length: 10_000 }]);
    expect(notes).toEqual([
      "the image is kept whole: the image does not begin with a partition table",
    ]);
    expect((await mapUsed(bufferSource(Buffer.alloc(0)))).ranges).toEqual([]);
  });
});

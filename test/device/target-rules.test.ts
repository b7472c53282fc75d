// Every refusal with its sentence, and the cards that must pass.
import { describe, expect, test } from "vitest";
import type { BlockDevice } from "../../src/device/block-device.ts";
import { refusalError } from "../../src/device/refusal-error.ts";
import {
  DEFAULT_MAX_SIZE,
  deviceRefusals,
  refusals,
  type Wish,
} from "../../src/device/target-rules.ts";
import { sampleCard, sampleFile } from "./sample-targets.ts";

const wish: Wish = {
  imageSize: 4_000_000_000,
  allowFixed: false,
  maxSize: DEFAULT_MAX_SIZE,
};

const reasons = (
  facts: Partial<BlockDevice>,
  more: Partial<Wish> = {},
): readonly string[] =>
  deviceRefusals({ ...sampleCard, ...facts }, { ...wish, ...more }).map(
    ({ code, reason }) => `${code}: ${reason}`,
  );

describe("deviceRefusals", () => {
  test.each<[string, Partial<BlockDevice>, Partial<Wish>]>([
    ["a card in a USB reader", {}, {}],
    ["a USB disk that is not removable", { removable: false }, {}],
    ["a card in a built-in reader", { transport: "mmc" }, {}],
    [
      "a loop device",
      { kind: "loop", removable: false, transport: undefined },
      {},
    ],
    [
      "a fixed disk that was allowed",
      { removable: false, transport: "nvme" },
      { allowFixed: true },
    ],
    ["a card of exactly the image's size", { size: 4_000_000_000 }, {}],
    [
      "the card that the node is bound to",
      {},
      { card: { node: "w1", serial: "0x1234ABCD" } },
    ],
    [
      "an image for the sectors that the card has",
      { logicalBlock: 4096 },
      { imageSectors: 4096 },
    ],
    [
      "an image without a table on any sectors",
      { logicalBlock: 4096 },
      { imageSectors: undefined },
    ],
    ["the serial that was asked for", {}, { serial: " 0x1234abcd" }],
  ])("takes %s", (_, facts, more) => {
    expect(reasons(facts, more)).toEqual([]);
  });

  test.each<[Partial<BlockDevice>, Partial<Wish>, readonly string[]]>([
    [
      {
        system: "/dev/sdb2 is mounted on /",
        uses: [{ device: "/dev/sdb2", at: "/" }],
      },
      {},
      [
        "TARGET_HOLDS_SYSTEM: /dev/sdb holds the running system: /dev/sdb2 is mounted on /",
      ],
    ],
    [
      {
        uses: [
          { device: "/dev/sdb1", at: "/media/ana/boot" },
          { device: "/dev/sdb2", at: "[SWAP]" },
        ],
      },
      {},
      [
        "TARGET_MOUNTED: /dev/sdb is mounted: /dev/sdb1 on /media/ana/boot",
        "TARGET_SWAP: /dev/sdb is used for swapping: /dev/sdb2",
      ],
    ],
    [
      { logicalBlock: 4096 },
      { imageSectors: 512 },
      [
        "TARGET_OTHER_SECTORS: /dev/sdb has sectors of 4096 bytes, and the image's partition table is made for 512: no Pi would find its partitions there",
      ],
    ],
    [
      { logicalBlock: 512 },
      { imageSectors: 4096 },
      [
        "TARGET_OTHER_SECTORS: /dev/sdb has sectors of 512 bytes, and the image's partition table is made for 4096: no Pi would find its partitions there",
      ],
    ],
    [
      { holders: ["/dev/md0"] },
      {},
      ["TARGET_HELD: /dev/sdb is part of /dev/md0"],
    ],
    [{ size: 0 }, {}, ["TARGET_NO_MEDIUM: /dev/sdb has no card or disk in it"]],
    [{ readOnly: true }, {}, ["TARGET_READ_ONLY: /dev/sdb is read-only"]],
    [
      { kind: "optical", readOnly: true, size: 0 },
      {},
      ["TARGET_NOT_A_DEVICE: /dev/sdb is an optical drive"],
    ],
    [
      { size: 3_999_999_999 },
      {},
      [
        "TARGET_TOO_SMALL: /dev/sdb has 3,999,999,999 bytes, the image needs 4,000,000,000 bytes",
      ],
    ],
    [
      { size: 12e12 },
      {},
      [
        "TARGET_TOO_LARGE: /dev/sdb has 12,000,000,000,000 bytes, more than the 549,755,813,888 bytes that are allowed",
      ],
    ],
    [
      { removable: false, transport: "sata" },
      {},
      ["TARGET_FIXED: /dev/sdb is a fixed disk, neither removable nor on USB"],
    ],
    [
      { kind: "mapped", removable: false, transport: undefined },
      {},
      [
        "TARGET_FIXED: /dev/sdb is a volume on fixed disks, neither removable nor on USB",
      ],
    ],
    [
      { serial: undefined },
      { serial: "0x99" },
      ["TARGET_WRONG_CARD: /dev/sdb reports no serial, --serial asks for 0x99"],
    ],
    [
      {},
      { card: { node: "worker2", serial: "0x99" } },
      [
        "TARGET_WRONG_CARD: /dev/sdb has the serial 0x1234abcd, worker2 is bound to the card 0x99",
      ],
    ],
  ])("refuses %o", (facts, more, expected) => {
    expect(reasons(facts, more)).toEqual(expected);
  });

  test("lists a small card without an image, and names the option that lifts a refusal", () => {
    expect(reasons({ size: 1000 }, { imageSize: undefined })).toEqual([]);
    const [large, fixed] = deviceRefusals(
      { ...sampleCard, size: 2 ** 40, removable: false, transport: "sata" },
      wish,
    );
    expect(large?.override).toBe("--max-size 1024GiB");
    expect(fixed?.override).toBe("--allow-fixed");
  });
});

describe("refusals", () => {
  test("takes a file that is smaller than the image: it grows", () => {
    expect(refusals(sampleFile, wish)).toEqual([]);
  });

  test("refuses the image itself, an attached file and a swap file", () => {
    const found = refusals(
      { ...sampleFile, loops: ["/dev/loop3"], swap: true },
      {
        ...wish,
        source: {
          path: "/home/ana/card.img",
          what: "the base image",
          relation: "is",
        },
        serial: "0x1",
      },
    );
    expect(found.map(({ code }) => code)).toEqual([
      "TARGET_IS_SOURCE",
      "TARGET_SWAP",
      "TARGET_HELD",
      "TARGET_WRONG_CARD",
    ]);
  });
});

describe("refusalError", () => {
  test("tells all reasons and ends with exit status 3", () => {
    const [first, ...others] = deviceRefusals(
      { ...sampleCard, readOnly: true, size: 2e12 },
      wish,
    );
    if (first === undefined) {
      throw new Error("nothing was refused");
    }
    const error = refusalError(first, others);
    expect(error).toMatchObject({
      code: "TARGET_READ_ONLY",
      exitCode: 3,
      state: "nothing was written",
      facts: [
        "also: /dev/sdb has 2,000,000,000,000 bytes, more than the 549,755,813,888 bytes that are allowed",
      ],
    });
    expect(error.hint).toContain("lock switch");
  });

  test("advises an override only where it is enough", () => {
    const system = {
      system: "/dev/sdb2 is mounted on /",
      removable: false,
      transport: "nvme",
    };
    const [first, ...others] = deviceRefusals(
      { ...sampleCard, ...system },
      wish,
    );
    if (first === undefined) {
      throw new Error("nothing was refused");
    }
    expect(others.map(({ override }) => override)).toEqual(["--allow-fixed"]);
    expect(refusalError(first, others).hint).toContain("pi-image devices");
  });
});

// Which bytes are emptied before anything is written.
import { expect, test } from "vitest";
import { endsOf } from "../../src/flash/erase.ts";

const MIB = 1024 ** 2;

test.each([
  [
    "a card",
    32 * MIB,
    512,
    [
      [0, MIB],
      [31 * MIB, MIB],
    ],
  ],
  [
    "one that is no whole MiB",
    32 * MIB + 512,
    512,
    [
      [0, MIB],
      [31 * MIB + 512, MIB],
    ],
  ],
  [
    "a file inside its last block",
    8 * MIB + 512,
    4096,
    [
      [0, MIB],
      [7 * MIB + 4096, MIB],
    ],
  ],
  [
    "less than two MiB: nothing twice",
    1.5 * MIB,
    512,
    [
      [0, MIB],
      [MIB, MIB / 2],
    ],
  ],
  ["less than one", 4096, 512, [[0, 4096]]],
] as const)("%s", (_, size, block, expected) => {
  expect(
    endsOf(size, block).map(({ offset, length }) => [offset, length]),
  ).toEqual(expected);
});

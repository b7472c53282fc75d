// Point releases and dates in the names of vendors' files.
import { expect, it } from "vitest";
import { isOlder } from "../../src/base/proof/is-older.ts";

const ubuntu = (point: string) =>
  `ubuntu-24.04${point}-preinstalled-server-arm64+raspi.img.xz`;

it.each([
  [ubuntu(""), ubuntu(".1")],
  [ubuntu(".9"), ubuntu(".10")],
  [
    "2025-10-01-raspios-trixie-arm64-lite.img.xz",
    "2025-12-04-raspios-trixie-arm64-lite.img.xz",
  ],
])("%s is older than %s", (older, newer) => {
  expect(isOlder(older, newer)).toBe(true);
  expect(isOlder(newer, older)).toBe(false);
  expect(isOlder(newer, newer)).toBe(false);
});

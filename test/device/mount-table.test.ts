// The kernel's tables, with the names that break naive readers.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  parseMountinfo,
  parseSwaps,
} from "../../src/device/look/mount-table.ts";

test("reads mounts with optional fields, none, and blanks in names", () => {
  expect(
    parseMountinfo(
      [
        "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue",
        String.raw`37 35 8:17 / /media/My\040Card\134x rw - vfat /dev/sdb1 rw`,
        "not a mount",
        "",
      ].join("\n"),
    ),
  ).toEqual([
    { number: "98:0", at: "/mnt2", fsType: "ext3", source: "/dev/root" },
    {
      number: "8:17",
      at: String.raw`/media/My Card\x`,
      fsType: "vfat",
      source: "/dev/sdb1",
    },
  ]);
});

test("reads swap partitions and swap files", () => {
  expect(
    parseSwaps(
      [
        "Filename\t\t\t\tType\t\tSize\tUsed\tPriority",
        "/dev/dm-2                               partition\t65532\t0\t-2",
        String.raw`/home/ana/my\040swap                        file\t65532\t0\t-3`,
        "",
      ].join("\n"),
    ),
  ).toEqual(["/dev/dm-2", "/home/ana/my swap"]);
});

test.runIf(process.platform === "linux")("finds / on this machine", () => {
  const mounts = parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8"));
  expect(mounts.map(({ at }) => at)).toContain("/");
});

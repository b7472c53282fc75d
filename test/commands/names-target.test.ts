import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { expect, it } from "vitest";
import { namesTarget } from "../../src/commands/flash/names-target.ts";
import { attachLoop, sparseFile, temporaryFolder } from "../device/loop.ts";
import { describeAsRoot } from "../support/tools.ts";

it("a file is named by its name, the path as written, and every path to it", async () => {
  const folder = temporaryFolder();
  const card = join(folder, "card.img");
  const other = join(folder, "other.img");
  const link = join(folder, "link.img");
  writeFileSync(card, "");
  writeFileSync(other, "");
  symlinkSync(card, link);
  for (const answer of [
    "card.img",
    card,
    link,
    `${folder}/.././${basename(folder)}/card.img`,
    relative(process.cwd(), card),
  ]) {
    expect(await namesTarget(answer, "card.img", card), answer).toBe(true);
  }
  for (const answer of [
    "",
    "yes",
    "card",
    "CARD.IMG",
    "link.img",
    other,
    folder,
    join(folder, "absent"),
    `${card}/x`,
    `/${"x".repeat(5000)}`,
    "/dev/\0",
  ]) {
    expect(await namesTarget(answer, "card.img", card), answer).toBe(false);
  }
});

it("a file that is not there yet is named by its path too", async () => {
  const card = join(temporaryFolder(), "new.img");
  const same = relative(process.cwd(), card);
  expect(await namesTarget(same, "new.img", card)).toBe(true);
  expect(await namesTarget(`${card}2`, "new.img", card)).toBe(false);
});

describeAsRoot(["losetup"], "a device", () => {
  it("is named by every path that leads to it, and by no other device", async () => {
    const folder = temporaryFolder();
    const device = attachLoop(sparseFile(join(folder, "a"), 1024 ** 2));
    const other = attachLoop(sparseFile(join(folder, "b"), 1024 ** 2));
    const name = device.replace("/dev/", "");
    const byId = join(folder, "by-id");
    mkdirSync(byId);
    const link = join(byId, "usb-Card_0:0");
    symlinkSync(device, link);
    for (const answer of [name, device, link, `/dev/../dev/${name}`]) {
      expect(await namesTarget(answer, name, link), answer).toBe(true);
      expect(await namesTarget(answer, name, device), answer).toBe(true);
    }
    for (const answer of [other, other.replace("/dev/", ""), "/dev/null"]) {
      expect(await namesTarget(answer, name, device), answer).toBe(false);
    }
  });
});

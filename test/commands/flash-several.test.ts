// pi-image flash with several nodes and targets: one decode, each card its own image, and one bad card alone fails.
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  attachLoop,
  oldFile,
  sparseFile,
  temporaryFolder,
} from "../device/loop.ts";
import { memoryDisk } from "../device/memory-disk.ts";
import { describeAsRoot } from "../support/tools.ts";
import { buildProject } from "./built-project.ts";

const MIB = 1024 ** 2;
const CARD = 140 * MIB;

type Record = {
  readonly type: string;
  readonly subject?: string;
  readonly phase?: string;
  readonly target?: string;
  readonly node?: string;
  readonly result?: string;
  readonly code?: string;
  readonly receipt?: string;
};

const records = (stdout: string): readonly Record[] =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record);

describeAsRoot(["losetup", "lsblk"], "pi-image flash of several nodes", () => {
  const {
    folder: project,
    pi,
    image,
  } = buildProject(["worker1", "worker2"], {
    SOURCE_DATE_EPOCH: "1760000000",
  });
  const card = (name: string) => {
    const file = oldFile(join(temporaryFolder(), name), CARD);
    return {
      device: attachLoop(file),
      holds: (node: string) =>
        readFileSync(file).subarray(0, image(node).length).equals(image(node)),
      boots: () => readFileSync(file, { flag: "r" })[510] === 0x55,
    };
  };
  const bases = ["--base", "sample"];

  it("writes each node's own image from one decode of the base, with a receipt each", async () => {
    const [one, two] = [card("one"), card("two")];
    const flashed = await pi(
      "flash",
      "--host",
      `worker1=${one.device}`,
      "--host",
      `worker2=${two.device}`,
      ...bases,
      "--yes",
      "--wipe",
      "--json",
    );
    expect(flashed.status, flashed.stderr).toBe(0);
    expect(one.holds("worker1")).toBe(true);
    expect(two.holds("worker2")).toBe(true);
    expect(image("worker1").equals(image("worker2"))).toBe(false);

    const told = records(flashed.stdout);
    for (const { device } of [one, two]) {
      expect(
        told.filter(
          ({ type, phase, subject }) =>
            type === "progress" && phase === "flash" && subject === device,
        ).length,
      ).toBeGreaterThan(10);
    }
    const results = told.filter(({ type }) => type === "result");
    expect(results).toMatchObject([
      { target: one.device, node: "worker1", result: "proven" },
      { target: two.device, node: "worker2", result: "proven" },
    ]);
    for (const { receipt = "", target, node } of results) {
      expect(
        JSON.parse(readFileSync(join(project(), receipt), "utf8")),
      ).toMatchObject({
        result: "proven",
        node: { name: node },
        target: { path: target },
      });
    }
    expect((await pi("verify", two.device, "out/worker2.img")).status).toBe(0);
  });

  it("finishes the good card when another fails, and its exit code tells", async () => {
    const small = memoryDisk("size=24m");
    const bad = attachLoop(sparseFile(join(small, "card"), CARD));
    const good = card("good");
    const before = readdirSync(join(project(), "out", "receipts")).length;
    const flashed = await pi(
      "flash",
      "--host",
      `worker1=${bad}`,
      "--host",
      `worker2=${good.device}`,
      "--yes",
      "--wipe",
    );
    expect(flashed.status, flashed.stderr).toBe(1);
    expect(flashed.stderr).toContain("error[FLASH_WRITE_FAILED]");
    expect(flashed.stderr).toContain(`${bad} does not boot`);
    expect(flashed.stderr).toContain(
      `1 of 2 targets hold their image: ${good.device}.`,
    );
    expect(flashed.stdout).toContain(`${good.device} holds`);
    expect(good.holds("worker2")).toBe(true);
    expect(readdirSync(join(project(), "out", "receipts")).length).toBe(
      before + 2,
    );
  });

  it("writes none when one of them is refused", async () => {
    const good = card("good");
    const folder = temporaryFolder();
    const small = attachLoop(oldFile(join(folder, "small"), 4 * MIB));
    const tiny = attachLoop(oldFile(join(folder, "tiny"), 2 * MIB));
    const locked = attachLoop(
      oldFile(join(folder, "locked"), CARD),
      "--read-only",
    );
    const refused = await pi(
      "flash",
      "--host",
      `worker1=${good.device}`,
      "--host",
      `worker2=${small}`,
      "--host",
      `cplane=${locked}`,
      "--yes",
    );
    expect(refused.status, refused.stderr).toBe(3);
    // What needs no image is found before one is opened.
    expect(refused.stderr).toContain("error[TARGET_READ_ONLY]");
    const both = await pi(
      "flash",
      "--host",
      `worker1=${good.device}`,
      "--host",
      `worker2=${small}`,
      "--host",
      `cplane=${tiny}`,
      "--base",
      "sample",
      "--yes",
    );
    expect(both.status, both.stderr).toBe(3);
    expect(both.stderr).toContain("error[TARGET_TOO_SMALL]");
    expect(both.stderr).toContain(`also: ${tiny} has`);
    expect(good.boots()).toBe(false);
    expect(both.stderr).toContain("state: nothing was written");
  });

  it("refuses two names of one card", async () => {
    const { device } = card("one");
    const link = join(temporaryFolder(), "link");
    symlinkSync(device, link);
    const refused = await pi(
      "flash",
      "--host",
      `worker1=${device}`,
      "--host",
      `worker2=${link}`,
      "--yes",
    );
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain("are the same target");
  });

  it("decodes the base once even where each node has a compressed image", async () => {
    const folder = join(project(), "packed");
    mkdirSync(folder);
    const nodes = ["--host", "worker1", "--host", "worker2"];
    const built = await pi(
      "build",
      ...nodes,
      ...bases,
      "--format",
      "img.xz",
      "-o",
      folder,
    );
    expect(built.status, built.stderr).toBe(0);
    const targets = ["one", "two"].map((name) => card(name));
    const flashed = await pi(
      "flash",
      ...targets.flatMap(({ device }, index) => [
        "--host",
        `worker${index + 1}=${device}`,
      ]),
      "-o",
      folder,
      "--yes",
      "--wipe",
    );
    expect(flashed.status, flashed.stderr).toBe(0);
    expect(flashed.stdout).toContain("holds worker1 (base ");
    expect(flashed.stdout).toContain("holds worker2 (base ");
    expect(targets[0]?.holds("worker1")).toBe(true);
  });
});

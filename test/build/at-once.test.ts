// Two builds of one node in one folder at once: the second waits, and what stands there in the end is of one build.
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runTool } from "../../src/system/run/run-tool.ts";
import { withFileLock } from "../../src/system/file-lock.ts";
import { temporaryFolder } from "../support/folder.ts";
import { runCli, startCli } from "../support/run-cli.ts";
import { describeWithTools } from "../support/tools.ts";

const BUILD = ["build", "--host", "worker2", "--base", "sample", "--json"];

const TIMES = [1_790_000_000, 1_790_010_000] as const;

const builtAt = (cwd: string, seconds: number, ...more: string[]) =>
  runCli([...BUILD, ...more], {
    cwd,
    env: { SOURCE_DATE_EPOCH: String(seconds) },
  });

/** The time of the build as image, seed and manifest tell it. */
const timesIn = async (out: string): Promise<readonly number[]> => {
  const read = (name: string) => readFile(join(out, name), "utf8");
  const manifest = JSON.parse(await read("worker2.manifest.json")) as {
    readonly buildTime: string;
    readonly image: { readonly sha256: string; readonly file: string };
  };
  const seed = await read("worker2/user-data");
  const sum = await read("worker2.img.sha256");
  expect(sum).toBe(`${manifest.image.sha256}  ${manifest.image.file}\n`);
  await runTool("sha256sum", ["--check", "worker2.img.sha256"], { cwd: out });
  return [
    Date.parse(manifest.buildTime) / 1000,
    Number(/PI_IMAGE_BUILD_TIME='(\d+)'/.exec(seed)?.[1]),
  ];
};

describeWithTools(["sha256sum", "xz", "zstd"], "builds at once", () => {
  it("wait for another one of the same node, and say so", async () => {
    const cwd = await temporaryFolder();
    const out = join(cwd, "out");
    await mkdir(out);
    let ended = false;
    await withFileLock(
      join(out, "worker2"),
      async () => {
        const child = startCli(BUILD, { cwd });
        void once(child, "close").then(() => {
          ended = true;
        });
        let said = "";
        child.stdout.on("data", (data: Buffer) => {
          said += data.toString("utf8");
        });
        await expect
          .poll(() => said, { timeout: 120_000, interval: 100 })
          .toContain("another run of pi-image builds it and holds");
        expect(existsSync(join(out, "worker2"))).toBe(false);
        expect(ended).toBe(false);
      },
      0,
      () => new Error("held"),
    );
    await expect.poll(() => ended, { timeout: 120_000 }).toBe(true);
    await runTool("sha256sum", ["--check", "worker2.img.sha256"], { cwd: out });
    expect(readdirSync(out).filter((name) => name.endsWith(".lock"))).toEqual(
      [],
    );
  });

  it.each([
    ["in one format", []],
    ["in two formats", ["--format", "img.xz"]],
  ])("leave one build's results, %s", async (_, more) => {
    const cwd = await temporaryFolder();
    const both = await Promise.all([
      builtAt(cwd, TIMES[0]),
      builtAt(cwd, TIMES[1], ...more),
    ]);
    expect(both.map(({ status }) => status)).toEqual([0, 0]);
    const [first, ...others] = await timesIn(join(cwd, "out"));
    expect(TIMES).toContain(first);
    expect(others).toEqual(others.map(() => first));
    const images = readdirSync(join(cwd, "out")).filter((name) =>
      /^worker2\.img(\.xz|\.zst)?$/.test(name),
    );
    expect(images).toHaveLength(1);
  });
});

// What decoding keeps in memory beside the process goes away with it, however it ends.
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { describeWithTools } from "../support/tools.ts";
import { readImage, sampleImage, writeSample, xz } from "./archive-samples.ts";
import { withFake } from "./fake-xz.ts";

/** Folders with decoded blocks of a process that is alive or was. */
const slotFolders = (pid: number): string[] =>
  ["/dev/shm", process.env["TMPDIR"] ?? "/tmp"].flatMap((folder) => {
    try {
      return readdirSync(folder).filter((name) =>
        name.startsWith(`pi-image-xz-${pid}-`),
      );
    } catch {
      return [];
    }
  });

describeWithTools(["xz"], "decoding an .xz file in parallel", () => {
  it("leaves nothing behind in memory", async () => {
    const image = sampleImage(40 * 4096);
    const path = writeSample("a.xz", xz(image, "--block-size=4KiB"));
    await readImage(path, image.length);
    expect(slotFolders(process.pid)).toEqual([]);
  });

  /** A process of its own that decodes the first blocks and then waits. */
  const startReader = async (path: string) => {
    const module = join(import.meta.dirname, "../../src/image/xz-reader.ts");
    const script = `
      const { openXz } = await import(${JSON.stringify(module)});
      const reader = await openXz(${JSON.stringify(path)});
      for await (const chunk of reader.chunks()) {
        console.log(chunk.offset);
        await new Promise(() => setInterval(() => undefined, 1000));
      }`;
    const child = spawn(
      process.execPath,
      ["--import", "tsx", "--input-type=module", "-e", script],
      { stdio: ["ignore", "pipe", "inherit"], detached: true },
    );
    await new Promise((resolve) => child.stdout.once("data", resolve));
    return child;
  };

  it.each([
    ["killed", "SIGKILL", 1],
    ["ended with its whole group", "SIGTERM", -1],
  ] as const)(
    "leaves nothing behind when it is %s",
    async (_, signal, sign) => {
      // More runs than are decoded ahead, and slow enough that the decoders are at work when the end comes.
      const image = Buffer.alloc(80 * 2 ** 20);
      const path = writeSample("a.xz", xz(image, "-0", "--block-size=1MiB"));
      withFake(`PATH=${process.env["PATH"]}; sleep 0.5; exec xz "$@"`);
      const child = await startReader(path);
      const pid = child.pid ?? 0;
      onTestFinished(() => {
        child.kill("SIGKILL");
      });
      expect(slotFolders(pid).length).toBe(1);
      process.kill(sign * pid, signal);
      await expect
        .poll(() => slotFolders(pid), { timeout: 120_000 })
        .toEqual([]);
    },
  );

  it("removes what others left when everything was killed", async () => {
    const parent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
    const gone = spawnSync("true").pid;
    const folder = (pid: number) => join(parent, `pi-image-xz-${pid}-test`);
    const old = Date.now() / 1000 - 2 * 3600;
    for (const pid of [gone, process.pid]) {
      mkdirSync(folder(pid));
      writeFileSync(join(folder(pid), "0.out"), "decoded");
      utimesSync(folder(pid), old, old);
    }
    await readImage(
      writeSample("a.xz", xz(sampleImage(65_536), "--block-size=4KiB")),
      65_536,
    );
    // Where memory has no folder of its own, the system cleans up.
    expect(existsSync(folder(gone))).toBe(parent !== "/dev/shm");
    expect(existsSync(folder(process.pid))).toBe(true);
    rmSync(folder(gone), { recursive: true, force: true });
    rmSync(folder(process.pid), { recursive: true });
  });
});

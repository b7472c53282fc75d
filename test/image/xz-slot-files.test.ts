// What decoding keeps in memory has no name, so that nobody else reaches it, and goes away with the process, however it ends.
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, inject, it, onTestFinished } from "vitest";
import { startXzLane } from "../../src/image/archive/xz/xz-lane.ts";
import { openNamedSlots } from "../../src/image/archive/xz/xz-slot-files.ts";
import { makePrivateFolder } from "../../src/system/private-folder.ts";
import { describeWithTools } from "../support/tools.ts";
import {
  readImage,
  sampleImage,
  testFolder,
  writeSample,
  xz,
} from "./archive-samples.ts";
import { withFake } from "./fake-xz.ts";

const MEMORY = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** Names of ours in the folder for files in memory; each lasts for as long as two system calls take. */
const named = (): string[] =>
  readdirSync(MEMORY).filter((name) => name.startsWith(".pi-image-"));

/** Ids of the shells that decode for this process. */
const lanesOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .split(" ")
    .map(Number)
    .filter(
      (child) =>
        child > 0 &&
        readFileSync(`/proc/${child}/cmdline`, "latin1").includes(
          "pi-image-xz",
        ),
    );

const isThere = (pid: number): boolean => existsSync(`/proc/${pid}`);

/** Sets TMPDIR for the test. */
const withTemporary = (folder: string): void => {
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = folder;
  onTestFinished(() => {
    delete process.env["TMPDIR"];
    if (before !== undefined) {
      process.env["TMPDIR"] = before;
    }
  });
};

describeWithTools(["xz"], "decoding an .xz file in parallel", () => {
  /** A process of its own that decodes the first blocks and then waits. */
  const startReader = async (path: string) => {
    const child = spawn(
      process.execPath,
      [join(inject("programs"), "read-once-program.js"), path],
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
      const lanes = lanesOf(pid);
      expect(lanes.length).toBeGreaterThan(0);
      await expect.poll(named).toEqual([]);
      process.kill(sign * pid, signal);
      // The memory is theirs until then.
      await expect
        .poll(() => lanes.filter(isThere), { timeout: 120_000 })
        .toEqual([]);
    },
  );

  it("touches nothing of others, whatever it is named and however old it is", async () => {
    const other = process.getuid?.() === 0 ? 65_534 : undefined;
    const gone = spawnSync("true").pid;
    const planted = join(MEMORY, `pi-image-xz-${gone}-test`);
    onTestFinished(() => rmSync(planted, { recursive: true, force: true }));
    const mine = testFolder();
    writeFileSync(join(mine, "0.out"), "of value");
    mkdirSync(planted);
    symlinkSync(mine, join(planted, "link"));
    writeFileSync(join(planted, "0.out"), "of others");
    const old = Date.now() / 1000 - 2 * 3600;
    utimesSync(planted, old, old);
    if (other !== undefined) {
      lchownSync(planted, other, other);
    }
    const before = lstatSync(planted).ctimeMs;
    await readImage(
      writeSample("a.xz", xz(sampleImage(65_536), "--block-size=4KiB")),
      65_536,
    );
    expect(lstatSync(planted).ctimeMs).toBe(before);
    expect(readdirSync(planted).toSorted()).toEqual(["0.out", "link"]);
    expect(readFileSync(join(mine, "0.out"), "utf8")).toBe("of value");
  });

  it("takes files with names where none can be opened anew, in a folder of its own", async () => {
    const folder = testFolder();
    withTemporary(folder);
    const files = await openNamedSlots(3);
    const [own = ""] = readdirSync(folder);
    expect(lstatSync(join(folder, own)).mode & 0o777).toBe(0o700);
    const [input, output] = files.handles;
    await input?.writeFile(xz(Buffer.from("decoded")));
    const lane = startXzLane(files, 4096);
    expect(await lane.run({ input: 3, output: 4, words: 5 })).toBe(0);
    expect(await output?.readFile("utf8")).toBe("decoded");
    // As when the process is killed: the lane takes them away.
    await lane.close();
    expect(readdirSync(folder)).toEqual([]);
    await files.close();
  });

  it("refuses a folder for temporary files where others could exchange them", async () => {
    const folder = testFolder();
    chmodSync(folder, 0o777);
    withTemporary(folder);
    await expect(makePrivateFolder("pi-image-test-")).rejects.toThrow(
      "is not safe for temporary files",
    );
    const below = join(folder, "below");
    mkdirSync(below, { mode: 0o700 });
    withTemporary(below);
    await expect(makePrivateFolder("pi-image-test-")).rejects.toThrow(
      `can exchange what is in ${folder}`,
    );
    if (process.getuid?.() === 0) {
      // Somebody else's, closed to everybody but them: they can still exchange what is in it.
      chmodSync(folder, 0o755);
      chownSync(folder, 65_534, 65_534);
      await expect(makePrivateFolder("pi-image-test-")).rejects.toThrow(
        `can exchange what is in ${folder}`,
      );
      chownSync(folder, 0, 0);
    }
    chmodSync(folder, 0o1777);
    const made = await makePrivateFolder("pi-image-test-");
    expect(lstatSync(made).mode & 0o777).toBe(0o700);
  });
});

// Files that somebody else may have laid there: what is no file is refused at once, and reading ends.
import { execFileSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createServer } from "node:net";
import { basename, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { packageFile } from "../../src/system/package-files.ts";
import { readAtMost, readWhole } from "../../src/system/read-whole.ts";
import { temporaryFolder } from "../support/folder.ts";
import { describeWithTools } from "../support/tools.ts";

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "read",
    (error: NodeJS.ErrnoException) => error.code,
  );

describeWithTools(["mkfifo"], "a file that is read", () => {
  it.each([
    ["a pipe that nobody writes to", "pipe", "ESPIPE"],
    ["a link to one", "link", "ESPIPE"],
    ["a device", "/dev/zero", "ESPIPE"],
    ["a terminal", "/dev/ptmx", "ESPIPE"],
    ["a socket", "socket", "ESPIPE"],
    ["a folder", "folder", "EISDIR"],
    ["nothing", "none", "ENOENT"],
  ])("is not %s", async (_, name, code) => {
    const folder = await temporaryFolder();
    const at = (each: string) => (each[0] === "/" ? each : join(folder, each));
    execFileSync("mkfifo", [at("pipe")], { stdio: "pipe" });
    symlinkSync("pipe", at("link"));
    mkdirSync(at("folder"));
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(at("socket"), resolve);
    });
    onTestFinished(() => void server.close());
    expect(await codeOf(readWhole(at(name)))).toBe(code);
  });

  it("may be a pipe by the number of its descriptor", async () => {
    const path = join(await temporaryFolder(), "pipe");
    execFileSync("mkfifo", [path], { stdio: "pipe" });
    const pipe = openSync(path, "r+");
    onTestFinished(() => {
      closeSync(pipe);
    });
    writeSync(pipe, "four");
    expect(String(await readAtMost(`/dev/fd/${pipe}`, 3))).toBe("four");
  });
});

describe("the limit of a file that is read", () => {
  it("is what is kept of it in memory", async () => {
    const path = join(await temporaryFolder(), "file");
    writeFileSync(path, "x".repeat(40_000));
    expect(await readWhole(path, 40_000)).toHaveLength(40_000);
    expect(await codeOf(readWhole(path, 39_999))).toBe("E2BIG");
    truncateSync(path, 2 ** 40);
    expect(await codeOf(readWhole(path, 39_999))).toBe("E2BIG");
  });
});

/** What they read is the kernel's, the package's, or what the program itself has just made or proven. */
const OTHERS = [
  "fatfs.ts",
  "file-users.ts",
  "hang-up.ts",
  "inspect-target.ts",
  "layers.ts",
  "list-linux.ts",
  "load-pins.ts",
  "loop-backings.ts",
  "make-fat.ts",
  "make-rootfs-image.ts",
  "named-descriptors.ts",
  "open-device.ts",
  "package-files.ts",
  "rootfs-base.ts",
  "run-node-script.ts",
  "run-release.ts",
  "write-proofs.ts",
];

it("is read in one place", () => {
  const folder = packageFile("src");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .filter((path) =>
      /\breadFile(?:Sync)?\b[^;]*?from "node:fs/.test(
        readFileSync(join(folder, path), "utf8"),
      ),
    );
  expect(files.map((path) => basename(path)).toSorted()).toEqual(OTHERS);
});

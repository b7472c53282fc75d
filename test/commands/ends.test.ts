// Ends of a real process: signals in what does not end by itself, and outputs that nobody reads or that take nothing.
import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { startServer } from "../base/http-server.ts";
import { emptyFolder } from "../cluster/cluster-folder.ts";
import { awaitGroup, endGroup } from "../support/process-group.ts";
import { resultOf, runProcess, startCli } from "../support/run-cli.ts";
import { describeAsRoot, describeWithTools } from "../support/tools.ts";

/** The promise is 2 seconds; the rest is for a machine that has other work. */
const MOST_MS = 10_000;

/** A shell that outlives the signal and tells the status as shells do. @param input of the program, for the shell */
const start = (args: readonly string[], cwd: string, input = "") => {
  const child = startCli(args, {
    cwd,
    detached: true,
    through: `trap : INT TERM; "$@" ${input}; exit $?`,
  });
  const group = child.pid ?? 0;
  onTestFinished(() => endGroup(group));
  return {
    group,
    ended: resultOf(child),
    send: (signal: NodeJS.Signals) => process.kill(-group, signal),
  };
};

/** Waits until somebody opens the pipe to read it; gives its other end. */
const openedPipe = async (pipe: string): Promise<number> => {
  for (;;) {
    try {
      return openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      expect(error).toMatchObject({ code: "ENXIO" });
      await sleep(10);
    }
  }
};

const PAGE = Buffer.alloc(4096, "#");

/** False where the pipe is full. */
const takes = (writer: number): boolean => {
  try {
    return writeSync(writer, PAGE) > 0;
  } catch (error) {
    expect(error).toMatchObject({ code: "EAGAIN" });
    return false;
  }
};

/** Fills the pipe and waits until somebody has read from it; its end never comes. */
const untilRead = async (pipe: string): Promise<void> => {
  const writer = await openedPipe(pipe);
  onTestFinished(() => closeSync(writer));
  while (takes(writer));
  while (!takes(writer)) {
    await sleep(10);
  }
};

/** `check` of an inventory that comes through a pipe, as from another program: a pipe with a name would be refused. */
const startReading = async (folder: string) => {
  execFileSync("mkfifo", [join(folder, "pipe")], { stdio: "pipe" });
  const started = start(
    ["check", "--json", "--inventory", "/dev/stdin"],
    folder,
    "<pipe",
  );
  await untilRead(join(folder, "pipe"));
  return started;
};

describe("a signal in what does not end by itself", () => {
  it.each(["SIGINT", "SIGTERM"] as const)(
    "%s ends it with 130 and a record",
    async (signal) => {
      const folder = emptyFolder();
      const { group, ended, send } = await startReading(folder);
      const began = performance.now();
      send(signal);
      const { status, stdout, stderr } = await ended;
      expect(performance.now() - began).toBeLessThan(MOST_MS);
      expect(stderr).toContain("error[CANCELLED]");
      expect(JSON.parse(stdout.trim())).toMatchObject({
        type: "error",
        code: "CANCELLED",
        exitCode: 130,
      });
      expect(status).toBe(130);
      awaitGroup(group);
      expect(readdirSync(folder)).toEqual(["pipe"]);
    },
  );

  it("a second one ends it before it has said anything", async () => {
    const folder = emptyFolder();
    const { group, ended, send } = await startReading(folder);
    send("SIGINT");
    // Signals that come together count as one.
    await sleep(200);
    send("SIGINT");
    const { status, stdout } = await ended;
    expect([status, stdout]).toEqual([130, ""]);
    awaitGroup(group);
  });

  it("ends the wait for a server that never answers", async () => {
    const folder = emptyFolder();
    const server = await startServer();
    const asked = new Promise<void>((resolve) => {
      server.files.set("a.img", () => resolve());
    });
    const { group, ended, send } = start(
      ["base", "fetch", `${server.address}a.img`, "--insecure", "--json"],
      folder,
    );
    await asked;
    const began = performance.now();
    send("SIGINT");
    const { status, stderr } = await ended;
    expect(performance.now() - began).toBeLessThan(MOST_MS);
    expect(stderr).toContain("what was downloaded so far is kept");
    expect(status).toBe(130);
    awaitGroup(group);
    expect(
      readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
        (name) => /(^|\/)\.[^/]+\.(partial|lock)$/.test(name),
      ),
    ).toEqual([]);
  });
});

/** A raw image of 12 MiB with one file system, and a card. */
const makeImageAndCard = (folder: string): void => {
  const image = join(folder, "a.img");
  writeFileSync(image, "");
  truncateSync(image, 12 * 2 ** 20);
  execFileSync("sfdisk", ["-q", image], {
    input: "label: dos\nstart=2048,size=22528,type=c\n",
    stdio: "pipe",
  });
  execFileSync("mkfs.vfat", ["--offset", "2048", image, "11264"], {
    stdio: "pipe",
  });
  writeFileSync(join(folder, "card"), "");
};

describeWithTools(
  ["nohup", "sfdisk", "mkfs.vfat", "zstd"],
  "a terminal that goes away",
  () => {
    it("ends neither what nohup runs nor the programs of that", async () => {
      const folder = emptyFolder();
      makeImageAndCard(folder);
      execFileSync("sh", ["-c", "zstd -q -c <a.img >a.img.zst; mkfifo pipe"], {
        cwd: folder,
        stdio: "pipe",
      });
      const child = startCli(
        ["flash", "card", "pipe", "--yes", "--insecure", "--json"],
        { cwd: folder, detached: true, through: 'exec nohup "$@"' },
      );
      const group = child.pid ?? 0;
      onTestFinished(() => endGroup(group));
      const hangUp = () => process.kill(-group, "SIGHUP");
      const ended = resultOf(child);
      const writer = await openedPipe(join(folder, "pipe"));
      hangUp();
      // When its program runs, not while that starts: until it is a group of its own, the kernel gives it the signal too.
      child.stdout.on("data", (chunk: Buffer) => {
        if (chunk.includes('"write"')) {
          hangUp();
        }
      });
      writeSync(writer, readFileSync(join(folder, "a.img.zst")));
      closeSync(writer);
      const { status, stdout, stderr } = await ended;
      expect([stderr, status]).toEqual(["", 0]);
      expect(stdout).toContain('"flash"');
      expect(
        readFileSync(join(folder, "card")).equals(
          readFileSync(join(folder, "a.img")),
        ),
      ).toBe(true);
    });
  },
);

describeAsRoot(
  ["sfdisk", "mkfs.vfat", "mknod", "lsblk"],
  "an output that goes nowhere",
  () => {
    let folder = "";
    const at = (name: string): string => join(folder, name);
    const FLASH = ["flash", "card", "a.img", "--yes", "--insecure", "--json"];

    const cardIsRight = (): boolean =>
      readFileSync(at("card")).equals(readFileSync(at("a.img")));

    beforeEach(() => {
      folder = emptyFolder();
      makeImageAndCard(folder);
    });

    it("does not end a flash: its reader takes one record", async () => {
      const { status, stdout } = await runProcess(FLASH, {
        cwd: folder,
        through: '"$@" | head -n 1; exit "${PIPESTATUS[0]}"',
      });
      expect(stdout.trim().split("\n").length).toBe(1);
      expect(status).toBe(0);
      expect(cardIsRight()).toBe(true);
    });

    it("is told when a file did not take the records, and the card is right", async () => {
      // A full disk of our own: /dev/full itself is the machine's.
      execFileSync("mknod", [at("full"), "c", "1", "7"], { stdio: "pipe" });
      const { status, stderr } = await runProcess(FLASH, {
        cwd: folder,
        through: '"$@" >full',
      });
      expect(stderr).toContain(
        "the output could not be written: the disk is full",
      );
      expect(status).toBe(1);
      expect(cardIsRight()).toBe(true);
    });
  },
);

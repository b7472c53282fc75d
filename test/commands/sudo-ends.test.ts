// Under sudo a run is three processes: whichever of them ends, and however, none is left and the device is free again.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, it, vi } from "vitest";
import { attachLoop, sparseFile, temporaryFolder } from "../device/loop.ts";
import { resultOf, startCli } from "../support/run-cli.ts";
import { CALLER, skipIfUnreadable } from "./sudo-caller.ts";
import { describeAsRoot } from "../support/tools.ts";

const childOf = (pid: number): number =>
  Number(
    readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ")[0],
  );

/** Without a parent of its own a process may stay as a zombie, which has nothing open. */
const isThere = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) &&
  !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));

const gone = (pid: number): Promise<void> =>
  vi.waitFor(() => expect(isThere(pid)).toBe(false), { timeout: 60_000 });

describeAsRoot(
  ["losetup", "lsblk", "mkfifo"],
  "the end of a run under sudo",
  () => {
    beforeEach(({ skip }) => skipIfUnreadable(skip));

    it.each([
      [
        "the one that sudo started is interrupted",
        0,
        "SIGINT",
        130,
        "CANCELLED",
      ],
      ["the helper is told to end", 1, "SIGTERM", 130, "CANCELLED"],
      ["the one that sudo started is killed", 0, "SIGKILL", 128, undefined],
      ["the helper is killed", 1, "SIGKILL", 1, "RUN_KILLED"],
      ["the program is killed", 2, "SIGKILL", 1, "RUN_KILLED"],
    ] as const)("%s", async (_, which, signal, status, code) => {
      const folder = temporaryFolder();
      chmodSync(folder, 0o755);
      const cache = join(folder, "cache");
      mkdirSync(cache, { mode: 0o700 });
      chownSync(cache, CALLER, CALLER);
      execFileSync("mkfifo", ["-m", "666", join(folder, "image")], {
        stdio: "pipe",
      });
      const device = attachLoop(
        sparseFile(join(folder, "card"), 4 * 1024 ** 2),
      );
      const child = startCli(
        ["flash", device, "image", "--yes", "--insecure"],
        {
          cwd: folder,
          env: {
            SUDO_UID: String(CALLER),
            SUDO_GID: String(CALLER),
            XDG_CACHE_HOME: cache,
          },
        },
      );
      const ended = resultOf(child);
      // It waits for a writer that never comes.
      await Promise.race([
        new Promise<void>((resolve) => {
          child.stderr.on("data", (text: Buffer) => {
            if (text.includes("receive image")) {
              resolve();
            }
          });
        }),
        ended.then(({ stderr }) => expect.fail(stderr)),
      ]);
      const first = child.pid ?? 0;
      const helper = childOf(first);
      const pids = [first, helper, childOf(helper)] as const;
      expect(() =>
        openSync(device, constants.O_RDONLY | constants.O_EXCL),
      ).toThrow("EBUSY");
      process.kill(pids[which], signal);
      const result = await ended;
      expect(result.status).toBe(status);
      if (code !== undefined) {
        expect(result.stderr).toContain(`error[${code}]`);
      }
      for (const pid of pids) {
        await gone(pid);
      }
      closeSync(openSync(device, constants.O_RDONLY | constants.O_EXCL));
    });
  },
);

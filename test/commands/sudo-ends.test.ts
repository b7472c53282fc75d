// Under sudo a run is three processes: whichever of them ends, and however, none is left and the device is free again.
import { execFileSync, spawnSync } from "node:child_process";
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
import { constants as osConstants } from "node:os";
import { once } from "node:events";
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
  ["losetup", "lsblk", "mkfifo", "python3", "setpriv"],
  "the end of a run under sudo",
  () => {
    beforeEach(({ skip }) => skipIfUnreadable(skip));

    /** A flash that waits for a writer of its image, who never comes. */
    const startFlash = async () => {
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
      const exited = once(child, "exit");
      let said = "";
      await Promise.race([
        new Promise<void>((resolve) => {
          child.stderr.on("data", (text: Buffer) => {
            said += text.toString();
            if (said.includes("receive image")) {
              resolve();
            }
          });
        }),
        ended.then(({ stderr }) => expect.fail(stderr)),
      ]);
      const first = child.pid ?? 0;
      const helper = childOf(first);
      return {
        device,
        ended,
        exited,
        said: () => said,
        pids: [first, helper, childOf(helper)] as const,
      };
    };

    const expectOver = async (pids: readonly number[], device: string) => {
      for (const pid of pids) {
        await gone(pid);
      }
      closeSync(openSync(device, constants.O_RDONLY | constants.O_EXCL));
    };

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
      const { device, ended, pids } = await startFlash();
      expect(() =>
        openSync(device, constants.O_RDONLY | constants.O_EXCL),
      ).toThrow("EBUSY");
      process.kill(pids[which], signal);
      const result = await ended;
      expect(result.status).toBe(status);
      if (code !== undefined) {
        expect(result.stderr).toContain(`error[${code}]`);
      }
      await expectOver(pids, device);
    });

    it("comes with Ctrl-C also where the helper hangs on a dead device", async () => {
      const { device, ended, exited, said, pids } = await startFlash();
      const [first, helper, worker] = pids;
      // As in a call that the kernel never answers: it does not even see that the others are gone.
      process.kill(helper, "SIGSTOP");
      process.kill(first, "SIGINT");
      const sent = performance.now();
      expect(await exited).toEqual([130, null]);
      expect(performance.now() - sent).toBeLessThan(10_000);
      expect(said()).toContain("error[CANCELLED]");
      // What writes to the card does not outlive what the user sees.
      await gone(worker);
      expect(isThere(helper)).toBe(true);
      process.kill(helper, "SIGCONT");
      await ended;
      await expectOver(pids, device);
    });

    it("is not before the caller's other programs have looked: none gets into what was root", async () => {
      const { device, ended, pids } = await startFlash();
      const [first, helper] = pids;
      const asCaller = (...words: readonly string[]) =>
        spawnSync(
          "setpriv",
          [
            `--reuid=${CALLER}`,
            `--regid=${CALLER}`,
            "--clear-groups",
            "--",
            ...words,
          ],
          // The one in root's home is closed to them.
          { encoding: "utf8", env: { PATH: "/usr/bin:/bin" } },
        );
      // PTRACE_SEIZE of a child of one's own works, so the answer below is about these processes.
      const attach = (pid: string) =>
        asCaller(
          "python3",
          "-c",
          `import ctypes, subprocess
child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
libc = ctypes.CDLL(None, use_errno=True)
print(libc.ptrace(0x4206, ${pid}, 0, 0), ctypes.get_errno())`,
        ).stdout.trim();
      expect(attach("child.pid")).toBe("0 0");
      for (const pid of [first, helper]) {
        expect(attach(String(pid))).toBe(`-1 ${osConstants.errno.EPERM}`);
        for (const name of ["mem", "environ", "fd/0", "root/etc/passwd"]) {
          const read = asCaller("head", "-c1", `/proc/${pid}/${name}`);
          expect(read.stderr).toContain("Permission denied");
        }
      }
      // Nor is the helper ended by them; the one that waits is theirs to end, as any program of theirs.
      expect(asCaller("kill", "-KILL", String(helper)).status).not.toBe(0);
      expect(asCaller("kill", "-INT", String(first)).status).toBe(0);
      expect((await ended).status).toBe(130);
      await expectOver(pids, device);
    });
  },
);

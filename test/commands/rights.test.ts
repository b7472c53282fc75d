// Every process of a run under sudo, with each of its threads, as /proc shows it: only the helper for devices is root.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { attachLoop, sparseFile, temporaryFolder } from "../device/loop.ts";
import { resultOf, startCli } from "../support/run-cli.ts";
import { CALLER, skipIfUnreadable } from "./sudo-caller.ts";
import { describeAsRoot } from "../support/tools.ts";

const MIB = 1024 ** 2;
/** One that the system's own list of groups does not give them. */
const GID = 54_321;

/** Programs that a run starts by their names. */
const TOOLS =
  "xz zstd flock lsblk losetup blockdev blkdiscard wipefs udevadm eject sfdisk";

/**
 * Stands for each of them in the caller's PATH: writes down every process of the system with its threads, and what was
 * handed to itself, before it does its work.
 */
const recorder = (seen: string): string => `#!/bin/sh
name=\${0##*/}
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
handed=$(for fd in /proc/$$/fd/*; do echo "fd \${fd##*/} $(readlink "$fd")"; done)
{
  echo "$handed"
  grep -HsE '^(PPid|Uid|Gid|Groups|NoNewPrivs|Cap...):' /proc/[0-9]*/status /proc/[0-9]*/task/*/status
} >${seen}/$name.$$
exec "$name" "$@"
`;

type Status = Readonly<Record<string, string>>;

type Moment = {
  readonly tool: string;
  /** What the tool was handed: where each descriptor leads. */
  readonly descriptors: ReadonlyMap<number, string>;
  /** Process, or thread, to what it is: "/proc/12/status". */
  readonly all: ReadonlyMap<string, Status>;
};

const momentIn = (folder: string, file: string): Moment => {
  const descriptors = new Map<number, string>();
  const all = new Map<string, Record<string, string>>();
  for (const line of readFileSync(join(folder, file), "utf8").split("\n")) {
    const handed = /^fd (\d+) (.*)$/.exec(line);
    const told = /^(\/proc\/[\d/a-z]+\/status):(\w+):\s*(.*)$/.exec(line);
    if (handed !== null) {
      descriptors.set(Number(handed[1]), handed[2] ?? "");
    } else if (told !== null) {
      const [, path = "", name = "", value = ""] = told;
      all.set(path, { ...all.get(path), [name]: value.trim() });
    }
  }
  return { tool: file.split(".")[0] ?? "", descriptors, all };
};

const statusOf = ({ all }: Moment, pid: string): Status | undefined =>
  all.get(`/proc/${pid}/status`);

/** Process ids of a run, from the one that sudo would have started down. */
const processesOf = (moment: Moment, first: string): readonly string[] => {
  const found = [first];
  for (const above of found) {
    for (const [path, { PPid }] of moment.all) {
      const pid = /^\/proc\/(\d+)\/status$/.exec(path)?.[1];
      if (pid !== undefined && PPid === above) {
        found.push(pid);
      }
    }
  }
  return found;
};

/** Of a process and all its threads; each must be like this. */
const statesOf = (moment: Moment, pid: string): readonly Status[] =>
  [...moment.all]
    .filter(([path]) => path.startsWith(`/proc/${pid}/`))
    .map(([, status]) => status);

const four = (id: number): string =>
  Array.from({ length: 4 }, () => id).join("\t");

const idsOf = (option: string): readonly number[] =>
  spawnSync("id", [option, String(CALLER)], { encoding: "utf8" })
    .stdout.trim()
    .split(" ")
    .map(Number);

/** The caller's groups as the system knows them, with the one that sudo named in place of their own. */
const groupsOfCaller = (): string => {
  const [own] = idsOf("-g");
  const others = idsOf("-G").filter((group) => group !== own);
  return [...others, GID].toSorted((a, b) => a - b).join(" ");
};

const IDS = { Uid: four(CALLER), Gid: four(GID) };
const NOTHING = "0".repeat(16);
const NO_ROOT = {
  ...IDS,
  CapInh: NOTHING,
  CapPrm: NOTHING,
  CapEff: NOTHING,
  CapAmb: NOTHING,
};
/** Nothing that it starts can get more, either. */
const FOR_GOOD = { ...NO_ROOT, CapBnd: NOTHING, NoNewPrivs: "1" };

describeAsRoot(["losetup", "lsblk", "setpriv", "xz"], "under sudo", () => {
  it("has one root process, for devices, and no other way to root", async ({
    skip,
  }) => {
    skipIfUnreadable(skip);
    const folder = temporaryFolder();
    chmodSync(folder, 0o755);
    const project = join(folder, "project");
    const bin = join(folder, "bin");
    for (const each of [project, bin]) {
      mkdirSync(each);
      chownSync(each, CALLER, GID);
    }
    const run = async (seen: string, ...args: readonly string[]) => {
      const moments = join(folder, seen);
      mkdirSync(moments);
      chownSync(moments, CALLER, GID);
      for (const tool of TOOLS.split(" ")) {
        writeFileSync(join(bin, tool), recorder(moments), { mode: 0o755 });
      }
      const child = startCli(args, {
        cwd: project,
        env: {
          SUDO_UID: String(CALLER),
          SUDO_GID: String(GID),
          XDG_CACHE_HOME: join(project, "cache"),
          PATH: `${bin}:${process.env["PATH"] ?? ""}`,
        },
      });
      const { status, stderr } = await resultOf(child);
      expect(status, stderr).toBe(0);
      const first = String(child.pid);
      const found = readdirSync(moments).map((file) => momentIn(moments, file));
      expect(found.length).toBeGreaterThan(0);
      return found.map((moment) => ({
        moment,
        first,
        pids: processesOf(moment, first),
      }));
    };

    const groups = groupsOfCaller();
    const host = ["--host", "worker2"];
    const packed = ["--base", "sample", "--format", "img.xz"];
    const building = await run("build", "build", ...host, ...packed);
    const device = attachLoop(sparseFile(join(folder, "card"), 140 * MIB));
    const image = "out/worker2.img.xz";
    const flashing = [
      ...(await run("flash", "flash", device, image, "--yes", "--eject")),
      ...(await run("verify", "verify", device, image)),
    ];

    const tools = [...building, ...flashing].map(({ moment }) => moment.tool);
    // None of those that touch a device: root takes them from the system's folders.
    expect([...new Set(tools)].toSorted()).toEqual(["flock", "xz"]);

    for (const { moment, first, pids } of [...building, ...flashing]) {
      expect(statesOf(moment, first)).not.toEqual([]);
      for (const status of statesOf(moment, first)) {
        expect(status).toMatchObject({ ...NO_ROOT, Groups: groups });
      }
      const helpers = pids.filter(
        (pid) => statusOf(moment, pid)?.["Uid"] === four(0),
      );
      expect(helpers.length).toBe(
        flashing.some((one) => one.moment === moment) ? 1 : 0,
      );
      const others = pids.filter(
        (pid) => pid !== first && !helpers.includes(pid),
      );
      // The program proper, and at least the tool that looked around.
      expect(others.length).toBeGreaterThanOrEqual(2);
      for (const pid of others) {
        for (const status of statesOf(moment, pid)) {
          expect(status).toMatchObject({ ...FOR_GOOD, Groups: groups });
        }
      }
      // Nobody else is handed the channel to the helper.
      expect(
        [...moment.descriptors].filter(
          ([fd, path]) => fd >= 3 && path.startsWith("socket:"),
        ),
      ).toEqual([]);
    }
    // The one that locks the device, and no other.
    expect(
      flashing
        .filter(({ moment }) =>
          [...moment.descriptors.values()].includes(device),
        )
        .map(({ moment }) => moment.tool),
    ).toEqual(["flock"]);
  });
});

// One boot of a root tree in systemd-nspawn: systemd as PID 1, a network namespace of its own, and a power switch.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import {
  tryTool,
  toolEnvironment,
  type ToolResult,
} from "../../../src/system/run/run-tool.ts";
import type { Port } from "../lan/lan.ts";
import type { Cleanup } from "../support/cleanup.ts";
import { childOf } from "../support/processes.ts";
import { until } from "../support/until.ts";

export type Container = {
  readonly root: string;
  /** Runs a command inside, as root. */
  readonly run: (...command: readonly string[]) => Promise<ToolResult>;
  readonly isOn: () => boolean;
  /** A file inside, /run and /proc included; undefined when it is not there. */
  readonly read: (path: string) => string | undefined;
  /** Every process dies at once; what was written stays. */
  readonly powerCut: () => Promise<void>;
  readonly shutDown: () => Promise<void>;
};

const isInit = (pid: number): boolean => {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "systemd";
  } catch {
    return false;
  }
};

export const bootContainer = async (
  root: string,
  port: Port,
  log: string,
  cleanup: Cleanup,
  options: readonly string[] = [],
): Promise<Container> => {
  const output = await open(log, "a");
  const nspawn = spawn(
    "systemd-nspawn",
    [
      "--quiet",
      "--keep-unit",
      "--register=no",
      "--link-journal=no",
      "--boot",
      "--console=pipe",
      "--capability=all",
      `--directory=${root}`,
      `--network-namespace-path=${port.path}`,
      ...options,
      "--",
      "systemd.show_status=1",
    ],
    {
      // https://systemd.io/ENVIRONMENT/: cgroup v2 inside, whatever the host has, and sysctls of the container's own network.
      env: {
        ...toolEnvironment(),
        SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1",
        SYSTEMD_NSPAWN_API_VFS_WRITABLE: "network",
      },
      stdio: ["ignore", output.fd, output.fd],
    },
  );
  await output.close();
  const ended = new Promise<void>((resolve) => {
    nspawn.once("exit", () => resolve());
  });
  const isOn = () => nspawn.exitCode === null && nspawn.signalCode === null;
  const leader = await until(
    "the container's systemd",
    () => {
      const child = nspawn.pid === undefined ? undefined : childOf(nspawn.pid);
      return child !== undefined && isInit(child) ? child : undefined;
    },
    {
      seconds: 30,
      every: 10,
      hopeless: () =>
        isOn() ? undefined : `systemd-nspawn has ended, see ${log}`,
    },
  );
  const powerCut = async () => {
    if (isOn()) {
      process.kill(leader, "SIGKILL");
    }
    await ended;
    await port.remove();
  };
  cleanup.defer(powerCut);
  const enter = ["-t", String(leader), "-m", "-u", "-i", "-n", "-p", "--"];
  return {
    root,
    isOn,
    run: (...command) => tryTool("nsenter", [...enter, ...command]),
    read: (path) => {
      try {
        return readFileSync(`/proc/${leader}/root${path}`, "utf8");
      } catch {
        return undefined;
      }
    },
    powerCut,
    shutDown: async () => {
      await tryTool("nsenter", [...enter, "systemctl", "poweroff"]);
      await ended;
      await port.remove();
    },
  };
};

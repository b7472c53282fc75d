// A virtual machine as a Raspberry Pi on a desk: a card, a network cable, a console and a power switch.
import { spawn } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { toolEnvironment } from "../../../src/system/run/run-tool.ts";
import { childOf } from "../support/processes.ts";
import type { Cleanup } from "../support/cleanup.ts";

export type Board = {
  /** The image of an NVMe disk. */
  readonly nvme: string;
  /** Folder of the boot loader's memory: `settings`, when it was `built`, and `package.bin` of rpi-eeprom. */
  readonly eeprom: string;
};

export type MachineSpec = {
  readonly name: string;
  /** The image as flashed; the machine writes to it. */
  readonly card: string;
  /** Tap device on the test's bridge. */
  readonly tap: string;
  /** Namespace of that bridge. */
  readonly namespace: string;
  /** What the machine says on its console, added to the end of this file. */
  readonly log: string;
  readonly memoryMib: number;
  /** The card in a card reader, with these beside it; without, the card is a disk of the virtual machine's own kind. */
  readonly board?: Board;
  /** Words for the kernel's command line, after those of the card. */
  readonly kernelWords?: readonly string[];
};

export type Machine = {
  readonly isOn: () => boolean;
  readonly console: () => Promise<string>;
  /** The machine is gone at once, with all that its kernel had not written yet. */
  readonly powerCut: () => Promise<void>;
  /** Resolves when the machine has switched itself off. */
  readonly ended: Promise<void>;
};

/** Starts a command as the only inhabitant of a process namespace: when that goes, nothing of it stays. */
export const startMachine = async (
  spec: MachineSpec,
  command: readonly string[],
  cleanup: Cleanup,
): Promise<Machine> => {
  const output = await open(spec.log, "a");
  const child = spawn(
    "ip",
    [
      "netns",
      "exec",
      spec.namespace,
      "unshare",
      "--pid",
      "--fork",
      "--kill-child=SIGKILL",
      ...command,
    ],
    { env: toolEnvironment(), stdio: ["ignore", output.fd, output.fd] },
  );
  await output.close();
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
  });
  const powerCut = async () => {
    const inside = child.pid === undefined ? undefined : childOf(child.pid);
    // The first process of the namespace takes all others with it, and unshare then reaps it.
    if (inside === undefined) {
      child.kill("SIGKILL");
    } else {
      process.kill(inside, "SIGKILL");
    }
    await ended;
  };
  cleanup.defer(powerCut);
  return {
    isOn: () => child.exitCode === null && child.signalCode === null,
    console: () => readFile(spec.log, "utf8"),
    powerCut,
    ended,
  };
};

/** Locally administered, and different for each name. */
export const macOf = (name: string): string => {
  const digits = Buffer.from(name.padEnd(5, "-").slice(-5)).toString("hex");
  return `02:${(digits.match(/../g) ?? []).join(":")}`;
};

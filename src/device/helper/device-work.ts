// Everything that needs root's rights besides opening a device: under sudo a helper does it for the process that asks.
import { platform } from "node:process";
import { z } from "zod";
import { UserError } from "../../report/user-error.ts";
import { runTool, tryTool } from "../../system/run/run-tool.ts";
import { askHelper, hasHelper } from "./ask-helper.ts";
import type { BlockDevice } from "../block-device.ts";
import { listLinux } from "../look/list-linux.ts";
import { listOther } from "../look/list-other.ts";
import { lookForMedium } from "../open/open-direct.ts";

/** `device` is the kernel's path of a whole device, such as /dev/sda. */
export const deviceWork = z.discriminatedUnion("do", [
  z.object({ do: z.literal("list") }),
  z.object({ do: z.literal("list loops") }),
  z.object({
    do: z.enum(["look for medium", "discard", "forget", "read table", "eject"]),
    device: z.string(),
  }),
]);

type DeviceWork = Readonly<z.infer<typeof deviceWork>>;

/** Best effort: many devices cannot do what is asked, and a system may lack the tool. */
const tryLinuxTool = async (
  tool: string,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<string> => {
  try {
    return platform === "linux"
      ? (await tryTool(tool, args, { signal, asRoot: true })).stdout
      : "";
  } catch (error) {
    if (!(error instanceof UserError)) {
      throw error;
    }
    return "";
  }
};

/** Undefined when it is done; otherwise the reason why not. */
const eject = async (device: string): Promise<string | undefined> => {
  try {
    await (platform === "darwin"
      ? runTool("diskutil", ["eject", device])
      : runTool("eject", [device], { package: "eject", asRoot: true }));
    return undefined;
  } catch (error) {
    if (!(error instanceof UserError)) {
      throw error;
    }
    const [fact] = error.facts.slice(-1);
    return [error.message, fact ?? error.hint].filter(Boolean).join(": ");
  }
};

const LOOP_COLUMNS = "MAJ:MIN,BACK-INO,BACK-MAJ:MIN";

/** Does it in this process, with the rights that it has. */
export const doHere = async (
  work: DeviceWork,
  signal?: AbortSignal,
): Promise<unknown> => {
  switch (work.do) {
    case "list":
      return platform === "linux" ? listLinux() : listOther();
    case "list loops":
      return tryLinuxTool("losetup", [
        "--list",
        "--json",
        "--output",
        LOOP_COLUMNS,
      ]);
    case "look for medium":
      return lookForMedium(work.device);
    case "discard":
      // Without --force it would open the device exclusively, which the process that writes it has done already.
      return tryLinuxTool("blkdiscard", ["--force", work.device], signal);
    case "forget":
      return tryLinuxTool("blockdev", ["--flushbufs", work.device]);
    case "read table":
      return tryLinuxTool("blockdev", ["--rereadpt", work.device]);
    case "eject":
      return eject(work.device);
  }
};

const doWork = (work: DeviceWork, signal?: AbortSignal): Promise<unknown> =>
  hasHelper() ? askHelper(work, signal) : doHere(work, signal);

/**
 * The block devices of this machine: every disk and what is stacked on disks, without partitions.
 * @throws UserError TOOL_MISSING, TOOL_FAILED
 */
export const listDevices = async (): Promise<readonly BlockDevice[]> =>
  (await doWork({ do: "list" })) as readonly BlockDevice[];

/** What losetup prints as JSON; empty where it cannot be asked. */
export const listLoops = async (): Promise<string> =>
  (await doWork({ do: "list loops" })) as string;

/** Makes the kernel notice if another medium is in the reader. @throws the operating system's error */
export const demandMediumSeen = async (device: string): Promise<void> => {
  await doWork({ do: "look for medium", device });
};

/** Tells the medium that all of its content may go; best effort. */
export const discardAll = async (
  device: string,
  signal?: AbortSignal,
): Promise<void> => {
  await doWork({ do: "discard", device }, signal);
};

/** Lets the system drop its copy of what was flushed. */
export const forgetCopies = async (device: string): Promise<void> => {
  await doWork({ do: "forget", device });
};

/** Makes the kernel read the partition table again. Fails on kernels without partition scan, and while the disk is open exclusively. */
export const readTableAnew = async (device: string): Promise<void> => {
  await doWork({ do: "read table", device });
};

/**
 * Asks the device to let its medium go; the partitions that a desktop has mounted meanwhile are unmounted first.
 * @returns why it could not be done; undefined when it was
 */
export const ejectDevice = async (
  device: string,
): Promise<string | undefined> =>
  (await doWork({ do: "eject", device })) as string | undefined;

// What decodes runs of .xz blocks: the installed xz in several processes, or the built-in decoder where there is none.
import { constants } from "node:fs";
import { access, type FileHandle, realpath } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { ifOneOf, NOT_FOR_US } from "../../../report/expected-failure.ts";
import { toolEnvironment } from "../../../system/run/run-tool.ts";
import { openXzBuiltIn } from "./xz-built-in.ts";
import { openXzLanes } from "./xz-lanes.ts";
import type { LaneCount, RunDecoder } from "./xz-run-decoder.ts";

/** More lanes than this would only wait for the card, and each takes memory. */
const MAX_LANES = 4;

export const laneLimit = (): number =>
  Math.min(availableParallelism(), MAX_LANES);

/** Whether the system has the xz of XZ Utils; BusyBox has one that checks less and takes other options. */
export const hasXz = async (): Promise<boolean> => {
  for (const folder of (toolEnvironment()["PATH"] ?? "").split(":")) {
    try {
      const program = join(folder, "xz");
      await access(program, constants.X_OK);
      return basename(await realpath(program)) !== "busybox";
    } catch (error) {
      // Not in this folder, or not ours to run: a shell would try the next folder too.
      ifOneOf(error, [...NOT_FOR_US, "EIO"], undefined);
    }
  }
  return false;
};

export const openRunDecoder = async (
  archive: FileHandle,
  count: LaneCount,
): Promise<RunDecoder> =>
  (await hasXz()) ? openXzLanes(archive, count) : openXzBuiltIn(archive);

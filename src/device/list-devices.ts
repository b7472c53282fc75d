// The block devices of this machine.
import { platform } from "node:process";
import type { BlockDevice } from "./block-device.ts";
import { listLinux } from "./list-linux.ts";
import { listOther } from "./list-other.ts";

/** Every disk and what is stacked on disks, without partitions. */
export const listDevices = (): Promise<readonly BlockDevice[]> =>
  platform === "linux" ? listLinux() : listOther();

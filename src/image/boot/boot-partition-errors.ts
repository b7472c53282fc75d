// What is wrong with a boot partition, in words for the person at the terminal.
import { formatBytes } from "../../report/amounts.ts";
import { UserError } from "../../report/user-error.ts";

export const bootPartitionDamaged = (what: string): UserError =>
  new UserError(
    "BOOT_PARTITION_DAMAGED",
    `the file system of the boot partition is damaged: ${what}`,
    {
      state: "nothing was written",
      hint: "download or copy the base image again and compare its checksum; `fsck.vfat -n` on the partition shows more",
    },
  );

export const bootPartitionUnsupported = (what: string): UserError =>
  new UserError("BOOT_PARTITION_UNSUPPORTED", what, {
    state: "nothing was written",
    hint: "use a base image as its makers publish it",
  });

/** `needed` and `free` are in bytes. */
export const bootPartitionFull = (
  path: string,
  needed: number,
  free: number,
): UserError =>
  new UserError(
    "BOOT_PARTITION_FULL",
    `${path} does not fit into the boot partition`,
    {
      facts: [
        `it needs ${formatBytes(needed)} (${needed} bytes)`,
        `the boot partition has ${formatBytes(free)} (${free} bytes) free`,
      ],
      state: "nothing was written",
      hint: "make the node's files smaller, or use a base image with a larger boot partition",
    },
  );

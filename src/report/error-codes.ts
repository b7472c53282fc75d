// Every code of an operation that failed, with its exit status and the sentence that docs/errors.md shows.
// A code is permanent once released.
import { EXIT, type ExitCode } from "./exit-codes.ts";

type ErrorInfo = { readonly exit: ExitCode; readonly about: string };

export const ERROR_CODES = {
  BASE_BOUND_TO_DISK_ID: {
    exit: EXIT.wrongInput,
    about:
      "The base image finds its root partition by the disk id, which every card gets anew.",
  },
  BASE_HAS_NO_BOOT_PARTITION: {
    exit: EXIT.wrongInput,
    about: "The base image has no FAT32 partition to boot from.",
  },
  BASE_HAS_NO_PARTITION_TABLE: {
    exit: EXIT.wrongInput,
    about: "The base image does not begin with an MBR partition table.",
  },
  BASE_IS_GPT: {
    exit: EXIT.wrongInput,
    about: "The base image has a GPT partition table instead of an MBR one.",
  },
  BASE_PARTITION_TABLE_WRONG: {
    exit: EXIT.wrongInput,
    about:
      "The base image's partitions overlap or lie outside the image, as in a file that was cut short.",
  },
  BMAP_WRONG: {
    exit: EXIT.untrusted,
    about:
      "A block map cannot be read, or the image does not match its checksums.",
  },
  BOOT_CMDLINE_MISSING: {
    exit: EXIT.wrongInput,
    about:
      "The boot partition lacks the kernel command line that config.txt names.",
  },
  BOOT_PARTITION_DAMAGED: {
    exit: EXIT.wrongInput,
    about: "The file system of the boot partition contradicts itself.",
  },
  BOOT_PARTITION_FULL: {
    exit: EXIT.wrongInput,
    about: "The node's files do not fit into the boot partition.",
  },
  BOOT_PARTITION_NOT_FAT32: {
    exit: EXIT.wrongInput,
    about: "The boot partition has another file system than FAT32.",
  },
  BOOT_PARTITION_UNSUPPORTED: {
    exit: EXIT.wrongInput,
    about:
      "The boot partition is sound but uses something that pi-image cannot edit.",
  },
  TOOL_MISSING: {
    exit: EXIT.failed,
    about: "A program that this step runs is not installed.",
  },
  TOOL_FAILED: {
    exit: EXIT.failed,
    about: "A program that this step ran ended with an error.",
  },
  CANCELLED: { exit: EXIT.cancelled, about: "The user stopped the run." },
  WRONG_ARGUMENTS: {
    exit: EXIT.wrongInput,
    about: "The command line does not say what to do.",
  },
  PROJECT_HAS_PROBLEMS: {
    exit: EXIT.wrongInput,
    about: "The inventory, a profile or a fragment has problems.",
  },
} as const satisfies Record<string, ErrorInfo>;

export type ErrorCode = keyof typeof ERROR_CODES;

// What a TARGET argument turned out to be.
import type { ErrorCode } from "../report/error-codes.ts";
import type { BlockDevice } from "./block-device.ts";

/** Codes of refusals: nothing was opened and nothing written. */
export type TargetCode = Extract<ErrorCode, `TARGET_${string}`>;

export type DeviceTarget = {
  readonly kind: "device";
  /** As the user wrote it. */
  readonly path: string;
  /** Named by its stable name under /dev/disk/by-id. */
  readonly byId: boolean;
  readonly device: BlockDevice;
};

/** A regular file, for virtual machines and tests; it is created when it does not exist. */
export type FileTarget = {
  readonly kind: "file";
  readonly path: string;
  /** Without symbolic links. */
  readonly realPath: string;
  readonly exists: boolean;
  /** Bytes; 0 when it does not exist. */
  readonly size: number;
  /** Loop devices that stand for this file now. */
  readonly loops: readonly string[];
  readonly swap: boolean;
};

/** Neither a whole block device nor a regular file. */
export type UnusableTarget = {
  readonly kind: "unusable";
  readonly path: string;
  readonly code: TargetCode;
  readonly reason: string;
  readonly hint: string;
};

export type UsableTarget = DeviceTarget | FileTarget;
export type Target = UsableTarget | UnusableTarget;

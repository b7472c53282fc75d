// What can be done with a target once it is open.
import type { BigIntStats } from "node:fs";
import type { UsableTarget } from "../target.ts";

/** Where bytes that are read back come from. */
export type ReadBack = "medium" | "page cache";

/** Looks at what was really opened, whatever its name leads to by now. */
export type Prove = (opened: BigIntStats) => Promise<void>;

/** Errors of its functions are the operating system's own. */
export type OpenTarget = {
  readonly path: string;
  readonly kind: UsableTarget["kind"];
  /** Bytes that can be written. */
  readonly size: number;
  /** Offsets, lengths and memory addresses are multiples of it. */
  readonly blockSize: number;
  readonly readBack: ReadBack;
  /** Reads may follow writes at once; otherwise `forget` must come between. */
  readonly direct: boolean;
  readonly write: (data: Uint8Array, offset: number) => Promise<void>;
  readonly read: (into: Uint8Array, offset: number) => Promise<void>;
  /** Waits until everything written is on the medium. */
  readonly flush: () => Promise<void>;
  /** Lets the system drop its copy of what was flushed. */
  readonly forget: () => Promise<void>;
  /** Tells the medium that all of its content may go; best effort. */
  readonly discard: (signal?: AbortSignal) => Promise<void>;
  /** Gives a target file its final size. */
  readonly settle: () => Promise<void>;
  /** Still there? A card that was pulled out fails with the same errors as a bad one. */
  readonly present: () => Promise<boolean>;
  /** Has the medium been taken away or changed? Cheap enough to be asked every second. */
  readonly gone: () => boolean;
  readonly close: () => Promise<void>;
};

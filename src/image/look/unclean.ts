// Describes a file system that was still in use when its disk was copied.

export type Unclean = {
  /** Such as "ext4". */
  readonly name: string;
  /** A clause that follows "it": "was not unmounted cleanly". */
  readonly reason: string;
};

export const NOT_UNMOUNTED = "was not unmounted cleanly";

/** Reads from the file system's start; what it asks for comes in ascending order. */
export type ReadPart = (offset: number, length: number) => Promise<Buffer>;

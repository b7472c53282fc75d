// Chains of clusters and the folders in them, as FAT and exFAT have them, read within a budget, so that a hostile card cannot take minutes.
import type { Source } from "../source.ts";

/** Bytes of folders that are looked at: enough to find the newest file of a full card. */
export const MOST_FOLDER_BYTES = 8 * 1024 ** 2;

export type Clusters = {
  readonly source: Source;
  /** Where the first cluster is, which has the number 2; in bytes. */
  readonly offset: number;
  /** In bytes. */
  readonly size: number;
  readonly count: number;
};

/** @param most bytes that may be read in all */
export const walkClusters = (
  { source, offset, size, count }: Clusters,
  most: number,
) => {
  let budget = most;

  /** The contents of a chain, or only their beginning where the budget or `bytes` ends first. */
  const read = async (
    first: number,
    next: (cluster: number) => number | Promise<number>,
    bytes = Infinity,
  ): Promise<Buffer> => {
    const parts: Buffer[] = [];
    let left = bytes;
    for (
      let cluster = first;
      cluster >= 2 && cluster < count + 2 && left > 0 && budget > 0;
      cluster = await next(cluster)
    ) {
      const part = Math.min(left, size);
      parts.push(await source.read(offset + (cluster - 2) * size, part));
      left -= part;
      budget -= part;
    }
    return Buffer.concat(parts);
  };

  /** Looks into these folders, and into every folder that `look` finds in one, until the budget is used up. */
  const walk = async <Folder extends number | object>(
    top: readonly Folder[],
    look: (folder: Folder) => Promise<readonly Folder[]>,
  ): Promise<void> => {
    const folders = [...top];
    for (
      let folder = folders.pop();
      folder !== undefined && budget > 0;
      folder = folders.pop()
    ) {
      folders.push(...(await look(folder)));
    }
  };

  return { read, walk };
};

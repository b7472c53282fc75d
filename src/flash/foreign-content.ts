// Says what a target holds that nobody would want to lose by mistake; computes only.
import type { FoundFileSystem } from "../image/look-disk.ts";
import { formatBytes } from "../report/progress-line.ts";

/** A new card has one file system without files. */
const isFactoryFresh = (found: readonly FoundFileSystem[]): boolean => {
  const [only] = found;
  return (
    found.length === 1 &&
    only !== undefined &&
    only.empty &&
    /^(FAT|exFAT)/.test(only.name)
  );
};

const line = (found: FoundFileSystem): string => {
  const { partition, name, label, used, size, newest, empty } = found;
  const place = partition === undefined ? "the disk" : `partition ${partition}`;
  const amount =
    used === undefined
      ? formatBytes(size)
      : `${formatBytes(used)} of ${formatBytes(size)} used`;
  return [
    `${place}: ${name}${label === undefined ? "" : ` "${label}"`}`,
    amount,
    empty ? "no files" : "",
    newest === undefined
      ? ""
      : `newest file ${newest.toISOString().slice(0, 10)}`,
  ]
    .filter((part) => part !== "")
    .join(", ");
};

/** One line for each file system; empty for a new card, an empty one, and one that pi-image wrote. */
export const foreignContent = (
  found: readonly FoundFileSystem[],
): readonly string[] =>
  isFactoryFresh(found) || found.some(({ ours }) => ours !== undefined)
    ? []
    : found.map(line);

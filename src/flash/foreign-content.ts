// Says what a target holds that nobody would want to lose by mistake; computes only.
import { day } from "../report/day.ts";
import type { CardOwner } from "../image/look/file-system-facts.ts";
import type { FoundFileSystem } from "../image/look/look-disk.ts";
import { formatBytes } from "../report/amounts.ts";

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
    newest === undefined ? "" : `newest file ${day(newest)}`,
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

const ownerOf = (found: readonly FoundFileSystem[]): CardOwner | undefined =>
  found.find(({ ours }) => ours !== undefined)?.ours;

/** "the card of worker2 of the cluster homelab", of a card that pi-image made; undefined for every other disk. */
export const cardName = (
  found: readonly FoundFileSystem[],
): string | undefined => {
  const owner = ownerOf(found);
  if (owner === undefined) {
    return undefined;
  }
  const { node, cluster } = owner;
  const of = cluster === undefined ? "" : ` of the cluster ${cluster}`;
  return node === undefined
    ? "a role image that pi-image made"
    : `the card of ${node}${of}`;
};

/** The same, but undefined for a card of the same node and instance: flashing it again loses nothing. */
export const otherCard = (
  found: readonly FoundFileSystem[],
  written: { readonly name: string; readonly instanceId: string } | undefined,
): string | undefined => {
  const owner = ownerOf(found);
  return owner !== undefined &&
    written !== undefined &&
    owner.node === written.name &&
    owner.instanceId === written.instanceId
    ? undefined
    : cardName(found);
};

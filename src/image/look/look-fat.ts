// What a FAT16 or FAT32 file system holds, as far as a person wants to know before it is overwritten.
import { dosTime } from "./dos-time.ts";
import {
  type CardOwner,
  type FileSystemFacts,
  latestOf,
  factText,
} from "./file-system-facts.ts";
import { fatName, parseBootSector } from "../fat/boot-sector.ts";
import type { Range } from "../range.ts";
import type { Source } from "../source.ts";
import { MOST_FOLDER_BYTES, walkClusters } from "./walk-clusters.ts";

const ENTRY = 32;
/** The length of the FAT on a 1 TB card with clusters of 128 KiB. */
const LONGEST_TABLE = 32 * 1024 ** 2;

type Walked = {
  label: string | undefined;
  newest: Date | undefined;
  files: number;
  marker: number | undefined;
};

/** The file that `build` puts beside the seed, pi-image.json, by its short name. */
const MARKER = "PI-IMA~1JSO";
/** Windows makes this folder on every card that it sees, so its files say nothing. */
const WINDOWS_FOLDER = "SYSTEM~1   ";

const look = (folder: Buffer, into: Walked): readonly number[] => {
  const below: number[] = [];
  for (let at = 0; at + ENTRY <= folder.length; at += ENTRY) {
    const first = folder.readUInt8(at);
    const attributes = folder.readUInt8(at + 11);
    if (first === 0) {
      break;
    }
    if (first === 0xe5 || first === 0x2e || (attributes & 0x0f) === 0x0f) {
      continue;
    }
    const name = folder.toString("latin1", at, at + 11);
    const cluster =
      folder.readUInt16LE(at + 20) * 0x1_0000 + folder.readUInt16LE(at + 26);
    if ((attributes & 0x08) !== 0) {
      into.label = factText(name);
    } else if ((attributes & 0x10) !== 0) {
      if (name !== WINDOWS_FOLDER) {
        below.push(cluster);
      }
    } else {
      into.files += 1;
      into.marker = name === MARKER ? cluster : into.marker;
      into.newest = latestOf(
        into.newest,
        dosTime(folder.readUInt16LE(at + 24), folder.readUInt16LE(at + 22)),
      );
    }
  }
  return below;
};

/** The text may be anything that somebody put onto the card: only plain names are taken from it. */
const ownerIn = (text: string): CardOwner | undefined => {
  const value = (key: string): string | undefined =>
    new RegExp(`"${key}": "([a-z0-9.-]{1,90})"`).exec(text)?.[1];
  return /"tool": "pi-image /.test(text)
    ? {
        node: value("node"),
        cluster: value("cluster"),
        instanceId: value("instanceId"),
      }
    : undefined;
};

/** Undefined where the boot sector makes no sense. */
export const lookAtFat = async (
  source: Source,
  { offset, length }: Range,
): Promise<FileSystemFacts | undefined> => {
  const boot = await source.read(offset, 512);
  const found = parseBootSector(boot);
  const { sectorSize, clusterSize, rootLength, clusters, wide } = found;
  const tableAt = offset + found.reserved;
  const rootAt = tableAt + found.fatCopies * found.fatLength;
  const dataAt = rootAt + rootLength;
  if (
    ![512, 1024, 2048, 4096].includes(sectorSize) ||
    clusterSize === 0 ||
    found.length > length ||
    clusters < 1
  ) {
    return undefined;
  }
  const name = fatName(found);
  const label = factText(
    boot.toString("latin1", wide ? 71 : 43, wide ? 82 : 54),
  );
  const entrySize = wide ? 4 : 2;
  if (name === "FAT12" || found.fatLength > LONGEST_TABLE) {
    return { name, label, used: undefined, newest: undefined, empty: false };
  }
  const table = await source.read(
    tableAt,
    Math.min(found.fatLength, (clusters + 2) * entrySize),
  );
  const next = (cluster: number): number =>
    cluster < 2 || (cluster + 1) * entrySize > table.length
      ? 0
      : wide
        ? table.readUInt32LE(cluster * 4) & 0x0fff_ffff
        : table.readUInt16LE(cluster * 2);
  let inUse = 0;
  for (let cluster = 2; cluster < table.length / entrySize; cluster += 1) {
    inUse += next(cluster) === 0 ? 0 : 1;
  }
  const { read, walk } = walkClusters(
    { source, offset: dataAt, size: clusterSize, count: clusters },
    MOST_FOLDER_BYTES,
  );
  const walked: Walked = {
    label: undefined,
    newest: undefined,
    files: 0,
    marker: undefined,
  };
  const root = wide
    ? await read(found.rootCluster, next)
    : await source.read(rootAt, rootLength);
  const below = look(root, walked);
  const made = walked.marker;
  await walk(below, async (folder) => look(await read(folder, next), walked));
  const marker =
    made === undefined ? "" : (await read(made, next)).toString("utf8");
  return {
    name,
    label: walked.label ?? label,
    used: inUse * clusterSize,
    newest: walked.newest,
    empty: walked.files === 0,
    ours: ownerIn(marker),
  };
};

// Turns what Linux tells about its disks, mounts and swap into block devices; computes only.
import type {
  BlockDevice,
  DeviceKind,
  DevicePartition,
  DeviceUse,
} from "../block-device.ts";
import { type LsblkNode, parseLsblk, withDescendants } from "./lsblk-output.ts";
import { type Mount, parseMountinfo, parseSwaps } from "./mount-table.ts";

export type LinuxFacts = {
  /** Output of `lsblk --json --bytes --all`. */
  readonly lsblk: string;
  /** One text for each mount namespace that could be read. */
  readonly mountinfo: readonly string[];
  readonly swaps: string;
  /** Kernel name -> names under /dev/disk/by-id. */
  readonly byId: ReadonlyMap<string, readonly string[]>;
  /** Kernel names of the members of each mounted btrfs. */
  readonly btrfs: readonly (readonly string[])[];
  /** Kernel names of the disks below the root directory. */
  readonly root: readonly string[];
  /** Kernel name -> disk sequence number. */
  readonly sequences: ReadonlyMap<string, string>;
  /** Kernel names of soldered eMMC chips, which look like cards. */
  readonly soldered: ReadonlySet<string>;
  /** Kernel name -> kernel names in its `holders` folder. */
  readonly holders: ReadonlyMap<string, readonly string[]>;
};

/** Mount points without which the system stops; live systems run from the last three. */
const SYSTEM_MOUNT =
  /^\/(|boot|efi|etc|home|nix|opt|root|srv|usr|var|cdrom|run\/live\/medium|run\/archiso\/bootmnt)$|^\/(boot|var)\//;

const kindOf = (node: LsblkNode): DeviceKind => {
  if (node.type === "loop") {
    return "loop";
  }
  if (node.type === "rom") {
    return "optical";
  }
  if (node.type !== "disk") {
    return "mapped";
  }
  return /^(nbd|zram|ram|nullb)\d/.test(node.kname) ? "virtual" : "disk";
};

/** lsblk leaves the transport of cards empty before 2.38. */
const transportOf = (node: LsblkNode): string | undefined =>
  node.tran ??
  (node.subsystems?.split(":").includes("mmc") === true ? "mmc" : undefined);

/** Where a file system without a device number of its own (btrfs, ZFS, bcachefs) lies. */
const liesOn = (
  mount: Mount,
  node: LsblkNode,
  btrfs: LinuxFacts["btrfs"],
): boolean => {
  if (mount.fsType === "zfs") {
    return (
      node.fstype === "zfs_member" && mount.source.split("/")[0] === node.label
    );
  }
  const isSource = (candidates: readonly string[]) =>
    mount.source.split(":").some((source) => candidates.includes(source));
  const group =
    mount.fsType === "btrfs"
      ? btrfs.find((members) => members.includes(node.kname))
      : undefined;
  return isSource([
    node.path,
    ...(group ?? [node.kname]).map((name) => `/dev/${name}`),
  ]);
};

const usesOf = (
  node: LsblkNode,
  mounts: readonly Mount[],
  swaps: readonly string[],
  btrfs: LinuxFacts["btrfs"],
): readonly DeviceUse[] => {
  const at = mounts
    .filter(
      (mount) =>
        mount.number === node["maj:min"] ||
        (mount.number.startsWith("0:") && liesOn(mount, node, btrfs)),
    )
    .map((mount) => mount.at);
  if (swaps.includes(node.path) || swaps.includes(`/dev/${node.kname}`)) {
    at.push("[SWAP]");
  }
  return [...new Set(at)].map((place) => ({ device: node.path, at: place }));
};

const systemReason = (
  stack: readonly LsblkNode[],
  uses: readonly DeviceUse[],
  root: readonly string[],
): string | undefined => {
  const use =
    uses.find(({ at }) => at === "/") ??
    uses.find(({ at }) => SYSTEM_MOUNT.test(at));
  if (use !== undefined) {
    return `${use.device} is mounted on ${use.at}`;
  }
  const below = stack.find((node) => root.includes(node.kname));
  return below === undefined
    ? undefined
    : `the root directory is on ${below.path}`;
};

const partitionsOf = (node: LsblkNode): readonly DevicePartition[] =>
  (node.children ?? [])
    .filter((child) => child.type === "part")
    .map((child) => ({
      path: child.path,
      size: child.size,
      fsType: child.fstype,
      label: child.label,
    }));

const holdersOf = (
  stack: readonly LsblkNode[],
  paths: ReadonlyMap<string, string>,
  holders: LinuxFacts["holders"],
): readonly string[] => {
  const stacked = stack
    .slice(1)
    .filter((node) => node.type !== "part")
    .map((node) => node.path);
  const held = stack
    .flatMap((node) => holders.get(node.kname) ?? [])
    .map((name) => paths.get(name) ?? `/dev/${name}`);
  return [...new Set([...stacked, ...held])];
};

/**
 * Every block device that is not a partition, in lsblk's order; an unused loop, nbd or zram device has size 0.
 * @throws ZodError when lsblk prints something other than expected
 */
export const linuxDevices = (facts: LinuxFacts): readonly BlockDevice[] => {
  const all = new Map<string, LsblkNode>();
  for (const top of parseLsblk(facts.lsblk)) {
    for (const node of withDescendants(top)) {
      all.set(node.kname, node);
    }
  }
  const mounts = facts.mountinfo.flatMap(parseMountinfo);
  const swaps = parseSwaps(facts.swaps);
  const paths = new Map(
    [...all.values()].map((node) => [node.kname, node.path]),
  );
  return [...all.values()]
    .filter((node) => node.type !== "part")
    .map((node) => {
      const stack = withDescendants(node);
      const uses = stack.flatMap((part) =>
        usesOf(part, mounts, swaps, facts.btrfs),
      );
      const transport = transportOf(node);
      return {
        path: node.path,
        name: node.kname,
        number: node["maj:min"],
        byId: facts.byId.get(node.kname) ?? [],
        kind: kindOf(node),
        size: node.size,
        logicalBlock: node["log-sec"],
        physicalBlock: node["phy-sec"],
        removable:
          node.rm || (transport === "mmc" && !facts.soldered.has(node.kname)),
        readOnly: node.ro,
        transport,
        vendor: node.vendor,
        model: node.model,
        serial: node.serial,
        diskSequence: facts.sequences.get(node.kname),
        group: node.group,
        partitions: partitionsOf(node),
        uses,
        holders: holdersOf(stack, paths, facts.holders),
        system: systemReason(stack, uses, facts.root),
      };
    });
};

// The part of a resolved node that its board decides: storage, PCIe, boot loader and what config.txt gets.
import { mergeSections } from "../../firmware/config-lines.ts";
import { boardConfig, splitSections } from "./board-config.ts";
import { imagePath } from "../rules/board-rules.ts";
import { DEFAULT_CLUSTER } from "../cluster-defaults.ts";
import type { Inventory } from "../schema/cluster-schema.ts";
import { completeHardware } from "./hardware.ts";
import { absolutePath, type PathOrigins } from "../load/paths.ts";
import type { ResolvedNode, Runtime } from "../resolved.ts";
import { completeSettings } from "../settings.ts";
import { STORAGE_FACTS } from "./storage.ts";

/** Where a container runtime keeps images and containers: most of what a node writes. */
const runtimeFolder = (runtime: Runtime): string =>
  runtime === "cri-o" ? "/var/lib/containers" : "/var/lib/containerd";

type Resolved = Pick<
  ResolvedNode,
  | "board"
  | "storage"
  | "dataMount"
  | "keepCard"
  | "pcieGen"
  | "eeprom"
  | "eepromImage"
  | "hardware"
  | "config"
>;

type NodeEntry = Inventory["nodes"][number];

/** Where the disk of a storage node is mounted; `defaults` speaks of the disks of the others. */
const EXPORT_MOUNT = "/srv/nfs";

export const resolveBoard = (
  node: NodeEntry,
  inventory: {
    readonly cluster: Inventory["cluster"];
    readonly defaults: NonNullable<Inventory["defaults"]>;
  },
  places: PathOrigins,
): Resolved => {
  const { cluster, defaults } = inventory;
  const { board, storage, eeprom, keepCard, pcieGen } = completeSettings(
    node,
    defaults,
  );
  const image = node.eepromImage ?? defaults.eepromImage;
  const hardware = completeHardware({
    ...defaults.hardware,
    ...node.hardware,
  });
  const { way } = STORAGE_FACTS[storage];
  return {
    board,
    storage,
    dataMount:
      way === "data"
        ? (node.dataMount ??
          (node.role === "storage" ? EXPORT_MOUNT : undefined) ??
          defaults.dataMount ??
          runtimeFolder(cluster.runtime ?? DEFAULT_CLUSTER.runtime))
        : undefined,
    keepCard: way === "copied" && keepCard,
    pcieGen,
    eeprom,
    eepromImage:
      eeprom === "recovery" && image !== undefined
        ? absolutePath(imagePath(image), places)
        : undefined,
    hardware,
    config: mergeSections([
      ...boardConfig({ board, storage, hardware }),
      ...splitSections(node.config ?? defaults.config ?? []),
    ]),
  };
};

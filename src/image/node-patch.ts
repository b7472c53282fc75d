// Makes the patch that turns the base image into one node's image: its files, its boot settings, its disk id.
import { UserError } from "../report/user-error.ts";
import { applyBootSettings, type BootSettings } from "./boot/boot-settings.ts";
import { editFat, prepareFat, type EditableFat } from "./fat/edit-fat.ts";
import { findBootPartitions } from "./table/find-partitions.ts";
import { joinPatch } from "./join-patch.ts";
import { readGptHeaders, renameGpt } from "./table/gpt-identity.ts";
import { DISK_ID_OFFSET } from "./table/mbr.ts";
import type { DiskTable } from "./table/table.ts";
import { readPartitionTable } from "./table/partition-table.ts";
import type { Patch } from "./patch.ts";
import type { Source } from "./source.ts";

/** A base whose table and boot partition were read and checked; any number of nodes start from it. */
export type PreparedBase = {
  /** The decoded base. */
  readonly source: Source;
  readonly table: DiskTable;
  readonly fat: EditableFat;
  /** Of a GPT; see `readGptHeaders`. */
  readonly gptHeaders: Patch;
};

export type NodeChanges = {
  /** Files for the root folder of the boot partition: the seed and pi-image.json. */
  readonly files: readonly {
    readonly name: string;
    readonly data: Uint8Array;
  }[];
  /** Names to remove from that folder; most bases do not have them. */
  readonly absent?: readonly string[];
  readonly bootSettings: BootSettings;
  /** 1 to 0xffffffff; see `diskIdOf`. "keep": the base's fstab finds its partitions by the id that the base has now. */
  readonly diskId: number | "keep";
  /** The time of the files, in UTC. */
  readonly now: Date;
};

export type NodePatch = {
  readonly patch: Patch;
  /** With the node's disk id. */
  readonly table: DiskTable;
  readonly configTxt: string;
  /** The command line of an ordinary boot. */
  readonly cmdlineTxt: string;
};

/**
 * Of several FAT32 partitions, such as slots A and B, the first with a config.txt: the Pi's firmware boots from no other.
 * https://github.com/raspberrypi/documentation/blob/develop/documentation/asciidoc/computers/config_txt/autoboot.adoc
 */
const firmwarePartition = async (
  source: Source,
  table: DiskTable,
): Promise<EditableFat> => {
  const [first, ...others] = await findBootPartitions(source, table);
  const fat = await prepareFat(source, first);
  if (others.length === 0) {
    return fat;
  }
  for (const boot of [first, ...others]) {
    const candidate = await prepareFat(source, boot);
    const { result } = await editFat(candidate, new Date(0), (volume) =>
      volume.exists("config.txt"),
    );
    if (result) {
      return candidate;
    }
  }
  return fat;
};

/**
 * Reads what every node's patch needs: the partition table, the FAT and the folders of the boot partition.
 * Throws the BASE_* and BOOT_PARTITION_* errors that say why the image is not a base.
 */
export const prepareBase = async (source: Source): Promise<PreparedBase> => {
  const table = await readPartitionTable(source);
  const fat = await firmwarePartition(source, table);
  const gptHeaders = await readGptHeaders(source, table);
  return { source, table, fat, gptHeaders };
};

/** A new disk id, which is the first part of each PARTUUID, would hide a root partition that is found by its PARTUUID. */
const refuseOldDiskId = (cmdlineTxt: string, oldId: number): void => {
  const id = oldId.toString(16).padStart(8, "0");
  if (cmdlineTxt.toLowerCase().includes(`partuuid=${id}-`)) {
    throw new UserError(
      "BASE_BOUND_TO_DISK_ID",
      `the base image finds its root partition by the disk id ${id}, but every card gets an id of its own`,
      {
        facts: [`cmdline.txt: ${cmdlineTxt.trim()}`],
        state: "nothing was written",
        hint: "use a base image that finds it by label, as Ubuntu's do: root=LABEL=writable",
      },
    );
  }
};

/**
 * The patch for one node. Nothing is written. The same input gives the same patch.
 * Throws BOOT_PARTITION_FULL when the files do not fit, BOOT_CMDLINE_MISSING and BASE_BOUND_TO_DISK_ID.
 */
export const makeNodePatch = async (
  base: PreparedBase,
  node: NodeChanges,
): Promise<NodePatch> => {
  const { table, fat } = base;
  if (node.diskId === 0) {
    throw new Error("disk id 0 means that there is none");
  }
  const { result, patch } = await editFat(fat, node.now, (volume) => {
    node.absent?.forEach(volume.remove);
    for (const file of node.files) {
      volume.writeFile(file.name, file.data);
    }
    return applyBootSettings(volume, node.bootSettings);
  });
  const cmdlineTxt = result.cmdlines[0]?.text ?? "";
  const { configTxt } = result;
  if (node.diskId === "keep") {
    return { patch: joinPatch([...patch]), table, configTxt, cmdlineTxt };
  }
  if (table.kind === "mbr") {
    refuseOldDiskId(cmdlineTxt, table.diskId);
  }
  const diskId = Buffer.alloc(4);
  diskId.writeUInt32LE(node.diskId);
  return {
    patch: joinPatch([
      ...patch,
      { offset: DISK_ID_OFFSET, data: diskId },
      ...renameGpt(base.gptHeaders, node.diskId),
    ]),
    table: { ...table, diskId: node.diskId },
    configTxt,
    cmdlineTxt,
  };
};

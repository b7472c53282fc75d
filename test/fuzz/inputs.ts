// All inputs of the fuzzer, by name; each child process loads the code of one.
import type { FuzzInput } from "./fuzz-input.ts";

const archives = () => import("./archive-inputs.ts");
const disks = () => import("./disk-inputs.ts");
const records = () => import("./record-inputs.ts");
const yaml = () => import("./yaml-inputs.ts");
const trust = () => import("./trust-inputs.ts");

export const INPUTS: Readonly<Record<string, () => Promise<FuzzInput>>> = {
  "xz files": async () => (await archives()).XZ,
  "zstd files": async () => (await archives()).ZSTD,
  "gzip files": async () => (await archives()).GZIP,
  "zip files": async () => (await archives()).ZIP,
  "partition tables": async () => (await disks()).PARTITION_TABLES,
  "FAT32 volumes": async () => (await disks()).FAT,
  "ext4 file systems": async () => (await disks()).EXT4,
  "block map files": async () => (await records()).BMAP,
  "checksum lists": async () => (await records()).CHECKSUM_LISTS,
  "JSON files": async () => (await records()).JSON_FILES,
  inventories: async () => (await yaml()).INVENTORIES,
  "fragments and profiles": async () => (await yaml()).FRAGMENTS,
  "Kubernetes manifests": async () => (await yaml()).MANIFESTS,
  "OpenPGP signatures": async () => (await trust()).SIGNATURES,
  "secrets files": async () => (await trust()).SECRETS,
  kubeconfigs: async () => (await trust()).KUBECONFIGS,
};

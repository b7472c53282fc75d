// The record of one node's image: what went in and what came out, without any secret.
import { createHash } from "node:crypto";
import type { BaseRecord } from "../base/base-request.ts";
import type { ResolvedCluster, ResolvedNode } from "../inventory/resolved.ts";
import type { CarriedBundle, RestoredSeed } from "../project/render-seeds.ts";
import type { Seed } from "../seed/seed.ts";
import type { BootSettings } from "../image/boot/boot-settings.ts";

/** Raised when a field changes its meaning. */
const MANIFEST_SCHEMA = 1;

/** The file that was written; absent for `--format seed` and `--format patch`. */
export type ImageRecord = {
  readonly file: string;
  /** Size of `file` in bytes. */
  readonly bytes: number;
  /** SHA-256 of `file`. */
  readonly sha256: string;
  /** Size of the raw image in bytes. */
  readonly imageBytes: number;
  /** Bytes that a file system or the partition table uses. */
  readonly usedBytes: number;
};

type ManifestInput = {
  readonly version: string;
  readonly buildTime: Date;
  readonly cluster: ResolvedCluster;
  readonly node: ResolvedNode;
  readonly seed: Seed;
  readonly restore: RestoredSeed | undefined;
  readonly bundle: CarriedBundle | undefined;
  readonly base: BaseRecord;
  readonly bootSettings: BootSettings;
  /** MBR disk id. */
  readonly diskId: number;
  readonly image: ImageRecord | undefined;
};

/**
 * One digest over the three seed files. The network-config must not have a digest of its own: its only secret is the Wi-Fi
 * key, which could be guessed with the help of the digest. With user-data included that is impossible, because it holds
 * random keys.
 */
export const seedDigest = (seed: Seed): string =>
  createHash("sha256")
    .update(
      JSON.stringify([seed.userData, seed.metaData, seed.networkConfig]),
      "utf8",
    )
    .digest("hex");

export const formatDiskId = (diskId: number): string =>
  `0x${diskId.toString(16).padStart(8, "0")}`;

/** One address and one gateway stand alone, as in manifests that were made before there could be two. */
const addressingOf = ({ network: { addressing } }: ResolvedNode): object => {
  if (addressing.method === "dhcp") {
    return addressing;
  }
  const { method, addresses, gateways, ...names } = addressing;
  return addresses.length === 1 && gateways.length === 1
    ? { method, address: addresses[0], gateway: gateways[0], ...names }
    : addressing;
};

/** `<node>.manifest.json`: stable key order, so that the same inputs give the same bytes. */
export const renderManifest = (input: ManifestInput): string => {
  const { cluster, node, seed, restore, bundle } = input;
  const manifest = {
    schema: MANIFEST_SCHEMA,
    tool: { name: "pi-image", version: input.version },
    buildTime: input.buildTime.toISOString(),
    cluster: {
      name: cluster.name,
      kubernetes: cluster.kubernetes,
      endpoint: cluster.endpoint,
      podSubnet: cluster.podSubnet,
      serviceSubnet: cluster.serviceSubnet,
      cni: cluster.cni,
      runtime: cluster.runtime,
    },
    node: {
      name: node.name,
      role: node.role,
      board: node.board,
      storage: node.storage,
      pcieGen: node.pcieGen,
      cardSerial: node.cardSerial ?? null,
      timezone: node.timezone,
      locale: node.locale,
      users: node.users.map((user) => user.name),
      uplink: node.network.uplink,
      addressing: addressingOf(node),
      wifi: node.network.wifi.map(({ ssid, country, security }) => ({
        ...(typeof ssid === "string"
          ? { ssid }
          : { ssidHex: Buffer.from(ssid).toString("hex") }),
        country,
        security,
      })),
    },
    base: input.base,
    seed: {
      instanceId: seed.instanceId,
      withoutPasswords: seed.withoutPasswords,
      sha256: seedDigest(seed),
    },
    ...(bundle === undefined
      ? {}
      : { bundle: { bytes: bundle.bytes, sha256: bundle.sha256 } }),
    ...(restore === undefined
      ? {}
      : {
          restore: { digest: restore.digest, otherwise: restore.otherwise },
        }),
    bootSettings: input.bootSettings,
    diskId: formatDiskId(input.diskId),
    image: input.image ?? null,
  };
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
};

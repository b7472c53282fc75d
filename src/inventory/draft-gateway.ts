// The gateway of an inventory that may still have mistakes, and the nodes behind it.
import type { Draft, DraftNode } from "./draft.ts";
import {
  defaultRanges,
  type AddressRange,
  type NetworkMember,
} from "./gateway-network.ts";
import { parseCidr, type Cidr } from "./rules/ipv4.ts";
import { parseRange } from "./schema/service-schema.ts";
import { nodesOf, settingOf } from "./settings.ts";
import { networksOf } from "./wifi-networks.ts";
import { cidrsOf, ipv4Number } from "./written-addresses.ts";
import type { Path } from "./yaml/yaml-file.ts";

export type DraftGateway = {
  readonly index: number;
  readonly node: DraftNode;
  /** The place of its `serves`. */
  readonly path: Path;
  readonly address: number;
  readonly network: Cidr;
  /** The written ranges with their places, or the default range, which has no place. */
  readonly ranges: readonly (AddressRange & { readonly path?: Path })[];
};

/** The first gateway whose address can be read; undefined where nothing is known of the network behind it. */
export const draftGateway = (draft: Draft): DraftGateway | undefined => {
  const found = nodesOf(draft).find(({ node }) => node.role === "gateway");
  const network = parseCidr(found?.node.serves?.address ?? "");
  if (found === undefined || network === undefined) {
    return undefined;
  }
  const path: Path = ["nodes", found.index, "serves"];
  const written = found.node.serves?.ranges;
  return {
    ...found,
    path,
    address: network.address,
    network,
    ranges:
      written === undefined
        ? defaultRanges(network)
        : written.flatMap((text, index) => {
            const range = parseRange(text ?? "");
            return range === undefined
              ? []
              : [{ ...range, path: [...path, "ranges", index] }];
          }),
  };
};

/** Whether the node's uplink is Ethernet; undefined where that is not known. */
export const isWired = (draft: Draft, index: number): boolean | undefined => {
  const uplink = settingOf(draft, index, "uplink");
  const wifi = settingOf(draft, index, "wifi");
  if (uplink === undefined || wifi === undefined) {
    return undefined;
  }
  return uplink.value === undefined
    ? networksOf(wifi.value).length === 0
    : uplink.value === "ethernet";
};

/** What `isBehind` needs to know of the node with this index. */
export const draftMember = (draft: Draft, index: number): NetworkMember => {
  const node = draft.content.nodes?.[index] ?? {};
  return {
    gateway: node.role === "gateway",
    wired: isWired(draft, index) ?? true,
    address: ipv4Number(cidrsOf(node.address)),
  };
};

// Puts a node's documents together: fragments and network documents, filled with values and merged.
import { systemFacts } from "../inventory/boards/systems.ts";
import type { ResolvedNode, Wifi } from "../inventory/resolved.ts";
import { listed } from "../inventory/wording.ts";
import type { Problem } from "../report/problem.ts";
import { isWritable, isPlainName } from "./network/access-point.ts";
import { withLinkSettings } from "./network/link-settings.ts";
import { missingFragment } from "./library/check-library.ts";
import type { Library } from "./library/library.ts";
import { mergeFragments } from "./library/merge-fragments.ts";
import { profileOf } from "./library/profile-names.ts";
import {
  type Empty,
  substitute,
  substituteText,
  type Values,
} from "./library/substitute.ts";
import { childOf, type MapTree, type TextTree } from "./library/tree.ts";

/** Paths under cloud-init/network/, to be merged in this order. */
const chooseNetwork = ({
  base,
  reserved,
  serves,
  network: { uplink, addressing, wifi },
}: ResolvedNode): string[] => [
  `uplink-${uplink}-${addressing.method}.yaml`,
  ...(serves === undefined ? [] : ["gateway.yaml"]),
  ...(reserved !== undefined && addressing.method === "dhcp"
    ? ["behind-gateway.yaml"]
    : []),
  ...(uplink === "wlan0" && serves?.interface !== "eth0"
    ? ["second-eth0.yaml"]
    : []),
  ...(uplink === "eth0" && wifi.length > 0 ? ["second-wlan0.yaml"] : []),
  ...(wifi.length > 0 && !isJammy(base) ? ["country.yaml"] : []),
];

/**
 * The netplan of Ubuntu 22.04 refuses the whole file for a key that it does not know: `regulatory-domain` came with 0.105,
 * and `sae` with 0.107; 22.04 was released with 0.104 and got them as updates that an image may lack. There, the country is
 * set on the kernel's command line. https://github.com/canonical/netplan/tree/0.104/src/parse.c
 */
const isJammy = (base: string): boolean => /22\.04|jammy/i.test(base);

/** Whether the netplan of this base supports the network's kind of authentication. */
const knowsSecurity = (base: string, { security }: Wifi): boolean =>
  !(isJammy(base) && security === "wpa3");

/**
 * Whether the netplan of this base passes the network's name on unchanged: escapes came with 1.1, which Ubuntu 24.04 got as
 * an update. https://github.com/canonical/netplan/blob/1.0/src/networkd.c#L1247
 */
const knowsName = (base: string, { ssid }: Wifi): boolean =>
  !isJammy(base) || isPlainName(ssid);

type ReportProblem = (problem: Problem) => void;

/** Says that everything is on the disk, so that whatever comes after it may be lost in a power cut. */
const LAST_FRAGMENT = "node/start.yaml";

/**
 * The cloud-config of the node's profile; undefined if the profile or one of its fragments is missing or has problems.
 * Problems that loadLibrary reports anyway are not reported again.
 */
export const profileDocument = (
  library: Library,
  node: ResolvedNode,
  values: Values,
  report: ReportProblem,
): MapTree | undefined => {
  const name = profileOf(node);
  const profile = library.profiles.get(`${name}.yaml`);
  if (!library.profiles.has(`${name}.yaml`)) {
    report({
      code: "PROFILE_MISSING",
      severity: "error",
      message: `there is no profile for ${name}, which ${node.name} asks for`,
      hint: `there are ${listed([...library.profiles.keys()].map((path) => `profiles/${path}`))}`,
    });
  }
  const paths = profile?.fragments ?? [];
  const last = paths.findIndex(({ value }) => value === LAST_FRAGMENT);
  const found = paths.map((path) =>
    findFragment(library, path, values, report),
  );
  // loadInventory has told of those that are missing, and a fragment that the profile has already is merged once.
  const own = node.host.fragments
    .filter((path) => paths.every(({ value }) => value !== path))
    .map((path) => library.fragments.get(path));
  const all = found.toSpliced(last < 0 ? found.length : last, 0, ...own);
  const fragments = all.filter((fragment) => fragment !== undefined);
  const filled = fill(fragments, values, report, "left out");
  const merged = mergeFragments(filled, report);
  return fragments.length === all.length ? merged : undefined;
};

const findFragment = (
  { fragments }: Library,
  path: TextTree,
  values: Values,
  report: ReportProblem,
): MapTree | undefined => {
  const problems: Problem[] = [];
  const filled = substituteText(path, values, (problem) =>
    problems.push(problem),
  );
  const chosen = path.placeholders.length > 0;
  if (chosen && problems.length === 0 && !fragments.has(filled)) {
    problems.push(missingFragment(path, filled, fragments.keys()));
  }
  problems.forEach(report);
  return fragments.get(filled);
};

/** The netplan document of the node; undefined if a part of it is missing or has problems. */
export const networkDocument = (
  library: Library,
  node: ResolvedNode,
  values: Values,
  report: ReportProblem,
): MapTree | undefined => {
  for (const wifi of node.network.wifi) {
    checkWifi(node, wifi, report);
  }
  const paths = chooseNetwork(node);
  const documents = paths.flatMap((path) => {
    const document = library.networks.get(path);
    return document === undefined ? [] : [document];
  });
  const filled = fill(documents, values, report, "kept");
  const merged = mergeFragments(filled, report);
  const { uplink } = node.network;
  const kind = uplink === "wlan0" ? "wifis" : "ethernets";
  const device = childOf(childOf(childOf(merged, "network"), kind), uplink);
  if (merged !== undefined && device?.kind !== "map") {
    report({
      code: "NETWORK_UPLINK_MISSING",
      severity: "error",
      message: `the network of ${node.name} has no ${kind}.${uplink}, so the node would have no network`,
      at: documents[0]?.at,
      hint: `add ${uplink} below network.${kind} in your own cloud-init/network/${paths[0]}, as pi-image's has it`,
    });
  }
  return documents.length === paths.length && merged !== undefined
    ? withLinkSettings(merged, node)
    : undefined;
};

/** Reports Wi-Fi settings that the inventory allows but the programs on the node do not support. */
const checkWifi = (
  node: ResolvedNode,
  wifi: Wifi,
  report: ReportProblem,
): void => {
  if (!knowsName(node.base, wifi)) {
    report({
      code: "WIFI_SSID_UNSUPPORTED",
      severity: "error",
      message: `the netplan of Ubuntu 22.04, which ${node.name} has, cannot write the octets of its Wi-Fi network's name`,
      hint: "use a newer base, or give the network a name of letters, digits and blanks",
    });
  }
  if (!knowsSecurity(node.base, wifi)) {
    report({
      code: "WIFI_SECURITY_UNSUPPORTED",
      severity: "error",
      message: `${node.name} cannot use ${wifi.security} with Ubuntu 22.04, whose netplan does not know it`,
      hint: "use a newer base, or `security: wpa2` if the access point offers it",
    });
  }
  const { renderer, cloudInit } = systemFacts(node.base);
  if (renderer === "networkd" && cloudInit && !isWritable(wifi)) {
    report({
      code: "WIFI_PASSWORD_UNWRITABLE",
      severity: "error",
      message: `the Wi-Fi password of ${node.name} has a # behind a ", which wpa_supplicant's configuration cannot hold with ${wifi.security}`,
      hint: "use a password without one of the two, or `security: wpa2`, where the card gets a key derived from it",
    });
  }
};

const fill = (
  trees: readonly MapTree[],
  values: Values,
  report: ReportProblem,
  empty: Empty,
): MapTree[] =>
  trees.flatMap((tree) => {
    const filled = substitute(tree, values, report, empty);
    return filled.kind === "map" ? [filled] : [];
  });

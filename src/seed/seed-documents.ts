// Puts a node's documents together: fragments and network documents, filled with values and merged.
import type { ResolvedNode } from "../inventory/resolved.ts";
import { listed } from "../inventory/wording.ts";
import type { Problem } from "../report/problem.ts";
import { isWritable } from "./access-point.ts";
import { missingFragment } from "./check-library.ts";
import { chooseNetwork, knowsSecurity } from "./choose-network.ts";
import type { Library } from "./library.ts";
import { mergeFragments } from "./merge-fragments.ts";
import { substitute, substituteText, type Values } from "./substitute.ts";
import type { MapTree } from "./tree.ts";

type Report = (problem: Problem) => void;

/** The cloud-config of the node's profile; undefined if there is no profile or nothing in it. */
export const profileDocument = (
  library: Library,
  node: ResolvedNode,
  values: Values,
  report: Report,
): MapTree | undefined => {
  const profile = library.profiles.get(`${node.role}.yaml`);
  if (!library.profiles.has(`${node.role}.yaml`)) {
    report({
      code: "PROFILE_MISSING",
      severity: "error",
      message: `there is no profile for ${node.role}, which ${node.name} asks for`,
      hint: `there are ${listed([...library.profiles.keys()].map((path) => `profiles/${path}`))}`,
    });
  }
  const fragments = (profile?.fragments ?? []).flatMap((path) => {
    const problems: Problem[] = [];
    const filled = substituteText(path, values, (problem) =>
      problems.push(problem),
    );
    problems.forEach(report);
    const fragment = library.fragments.get(filled);
    if (!library.fragments.has(filled) && problems.length === 0) {
      report(missingFragment(path, filled, library.fragments.keys()));
    }
    return fragment === undefined ? [] : [fragment];
  });
  return mergeFragments(fill(fragments, values, report), report);
};

/** The netplan document of the node. */
export const networkDocument = (
  library: Library,
  node: ResolvedNode,
  values: Values,
  report: Report,
): MapTree | undefined => {
  checkWifi(node, report);
  const documents = chooseNetwork(node).flatMap((path) => {
    const document = library.networks.get(path);
    return document === undefined ? [] : [document];
  });
  return mergeFragments(fill(documents, values, report), report);
};

/** What the inventory may ask for and the programs on the node cannot do. */
const checkWifi = (node: ResolvedNode, report: Report): void => {
  const { wifi } = node.network;
  if (wifi === undefined) {
    return;
  }
  if (!knowsSecurity(node)) {
    report({
      code: "WIFI_SECURITY_UNSUPPORTED",
      severity: "error",
      message: `${node.name} cannot use ${wifi.security} with Ubuntu 22.04, whose netplan does not know it`,
      hint: "use a newer base, or `security: wpa2` if the access point offers it",
    });
  }
  if (!isWritable(wifi)) {
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
  report: Report,
): MapTree[] =>
  trees.flatMap((tree) => {
    const filled = substitute(tree, values, report);
    return filled.kind === "map" ? [filled] : [];
  });

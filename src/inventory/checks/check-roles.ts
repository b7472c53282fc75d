// Keys that belong to one role only, and what a storage node needs.
import type { Problem } from "../../report/problem.ts";
import type { DraftCheck, Draft } from "../draft.ts";
import { draftGateway, draftMember } from "../draft-gateway.ts";
import { isBehind } from "../gateway-network.ts";
import { nodesOf, settingPlace, settingOf, titleOf } from "../settings.ts";
import { STORAGE_FACTS, STORAGES } from "../boards/storage.ts";
import { listed } from "../wording.ts";
import { cidrsOf } from "../written-addresses.ts";

const ROLE_KEYS = [
  { key: "serves", role: "gateway" },
  { key: "joins", role: "storage" },
] as const;

export const checkRoleKeys: DraftCheck = (draft) =>
  nodesOf(draft).flatMap(({ index, node }) =>
    ROLE_KEYS.flatMap(({ key, role }): readonly Problem[] =>
      node[key] === undefined || node.role === undefined || node.role === role
        ? []
        : [
            {
              code: "ROLE_KEY_UNUSED",
              severity: "error",
              message: `${titleOf({ index, node })} has the role ${node.role}, and \`${key}\` is for nodes of the role ${role}`,
              at: draft.keyAt(["nodes", index, key]),
              hint: `remove it, or set role: ${role}`,
            },
          ],
    ),
  );

const hasKnownAddress = (draft: Draft, index: number): boolean => {
  const gateway = draftGateway(draft);
  const member = draftMember(draft, index);
  return (
    cidrsOf(draft.content.nodes?.[index]?.address).length > 0 ||
    (gateway !== undefined && isBehind(gateway.network, member))
  );
};

/**
 * etcd's members know each other by address, and keep it: a member whose address DHCP changes is lost to the others. A virtual
 * address must lie in the control planes' network, which nobody knows before DHCP has given one.
 */
export const checkControlPlaneAddresses: DraftCheck = (draft) => {
  const planes = nodesOf(draft).filter(
    ({ node }) => node.role === "control-plane",
  );
  const virtual = draft.content.cluster?.virtualAddress;
  const reason =
    planes.length > 1
      ? "and the control planes' etcd members know each other by address"
      : virtual === undefined
        ? undefined
        : `so nothing tells whether the virtual address ${virtual} is in its network`;
  return reason === undefined
    ? []
    : planes
        .filter(
          ({ index }) =>
            !draft.isBroken(["nodes", index, "address"]) &&
            !hasKnownAddress(draft, index),
        )
        .map((plane) => ({
          code: "CONTROL_PLANE_ADDRESS_MISSING",
          severity: "error",
          message: `${titleOf(plane)} has no fixed address, ${reason}`,
          at: draft.at(["nodes", plane.index, "name"]),
          hint: "add `address`, or put the node behind a gateway, which keeps one for it",
        }));
};

/** A storage node needs a disk that is only for data, and an address that stays the same for as long as its volumes live. */
export const checkStorageNodes: DraftCheck = (draft) => {
  const nodes = nodesOf(draft).filter(({ node }) => node.role === "storage");
  const disks = STORAGES.filter((name) => STORAGE_FACTS[name].way === "data");
  return nodes.flatMap((numbered, number): readonly Problem[] => {
    const { index } = numbered;
    const title = titleOf(numbered);
    const storage = settingOf(draft, index, "storage");
    const problems: Problem[] = [];
    if (number > 0) {
      problems.push({
        code: "STORAGE_NODE_TAKEN",
        severity: "error",
        message: `${title} is a second storage node, and the cluster's StorageClass is for one`,
        at: draft.at(["nodes", index, "role"]),
        hint: "give the node another role",
      });
    }
    if (
      storage?.value !== undefined &&
      STORAGE_FACTS[storage.value].way !== "data"
    ) {
      problems.push({
        code: "STORAGE_DISK_MISSING",
        severity: "error",
        message: `the storage node ${title} has storage: ${storage.value}, so it has no disk to export`,
        ...settingPlace(draft, numbered, storage),
        hint: `set storage: ${listed(disks, "or")} at the node`,
      });
    }
    if (
      !draft.isBroken(["nodes", index, "address"]) &&
      !hasKnownAddress(draft, index)
    ) {
      problems.push({
        code: "STORAGE_ADDRESS_MISSING",
        severity: "error",
        message: `the storage node ${title} has no fixed address, and volumes keep their server's address permanently`,
        at: draft.at(["nodes", index, "name"]),
        hint: "add `address`, or put the node behind a gateway, which keeps one for it",
      });
    }
    return problems;
  });
};

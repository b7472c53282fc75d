// Takes a node's credentials out of the cluster's secrets and remembers its name, for good.
import type { ResolvedProject } from "../inventory/resolved.ts";
import { UserError } from "../report/user-error.ts";
import {
  type ChangedSecrets,
  type ClusterSecrets,
  credentialsOf,
} from "./secrets/cluster-secrets.ts";

/** @throws UserError WRONG_ARGUMENTS when neither the inventory nor the secrets know the node */
export const demandKnownNode = (
  secrets: ClusterSecrets,
  { nodes }: ResolvedProject,
  name: string,
): void => {
  const known = [
    ...new Set([
      ...nodes.map((node) => node.name),
      ...Object.keys(secrets.nodes),
      ...secrets.revoked,
    ]),
  ];
  if (!known.includes(name)) {
    throw new UserError("WRONG_ARGUMENTS", `there is no node ${name}`, {
      hint: `known are: ${known.join(", ")}`,
      state: "nothing was changed",
    });
  }
};

/** Removes its host key as well: a thief has it too, so no SSH client may trust it any more. */
export const revokeNode = (
  existing: ClusterSecrets,
  name: string,
): ChangedSecrets => {
  if (existing.revoked.includes(name)) {
    return { secrets: existing, changes: [] };
  }
  const nodes = Object.fromEntries(
    Object.entries(existing.nodes).filter(([node]) => node !== name),
  );
  return {
    secrets: { ...existing, nodes, revoked: [...existing.revoked, name] },
    changes: [
      credentialsOf(existing, name) === undefined
        ? `Noted that ${name} is revoked.`
        : `Noted that ${name} is revoked, and removed its host key and join identity.`,
    ],
  };
};

/** @throws UserError NODE_REVOKED */
export const demandNotRevoked = (
  { revoked }: Pick<ClusterSecrets, "revoked">,
  { nodes }: Pick<ResolvedProject, "nodes">,
): void => {
  const back = nodes.find(({ name }) => revoked.includes(name));
  if (back !== undefined) {
    throw new UserError(
      "NODE_REVOKED",
      `${back.name} was revoked, and the cluster refuses every card of that name`,
      {
        hint: `give the node another name in the inventory, or take ${back.name} out of it`,
        state: "nothing was written",
      },
    );
  }
};

// Replaces every credential with which a card could join, without touching the cluster's authorities.
import type { ResolvedProject } from "../../inventory/resolved.ts";
import { UserError } from "../../report/user-error.ts";
import { checkAuthorities } from "./check-secrets.ts";
import {
  type ChangedSecrets,
  type ClusterSecrets,
  credentialsOf,
  type NodeCredentials,
} from "./cluster-secrets.ts";
import {
  makeAdmin,
  makeBootstrapToken,
  makeJoinIdentity,
  makeNodeCredentials,
  type Making,
} from "./make-cluster-secrets.ts";
import { demandNotRevoked } from "../revoke-node.ts";
import { demandNoRotation } from "../rotation/demand-no-rotation.ts";

/**
 * New join identities for all nodes of the inventory together with a new bootstrap token and admin certificate, or new join
 * identities for `only` these nodes. The old certificates need not belong to the authorities, so this also helps a user who
 * has put in another cluster CA.
 *
 * Kubernetes cannot revoke a certificate: cards built before can join until their own identity ends.
 * https://github.com/kubernetes/kubernetes/issues/18982
 *
 * @throws UserError NODE_REVOKED, ROTATION_UNFINISHED, SECRETS_OTHER_CLUSTER, SECRETS_INCONSISTENT (authorities),
 * WRONG_ARGUMENTS (no such node)
 */
export const rotateJoinCredentials = async (
  existing: ClusterSecrets,
  { cluster, nodes }: ResolvedProject,
  making: Making,
  only: readonly string[] = [],
): Promise<ChangedSecrets> => {
  checkAuthorities(existing, cluster.name, making.now);
  const names = nodes.map((node) => node.name);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      `the inventory has no node ${unknown}`,
      { hint: `its nodes are: ${names.join(", ")}` },
    );
  }
  demandNoRotation(existing);
  demandNotRevoked(existing, { nodes });
  const { ca } = existing;
  const { days } = cluster.join;
  const changes: string[] = [];
  const credentials: Record<string, NodeCredentials> = { ...existing.nodes };
  for (const name of only.length === 0 ? names : only) {
    const known = credentialsOf(existing, name);
    credentials[name] =
      known === undefined
        ? await makeNodeCredentials(name, ca, days, making)
        : {
            ...known,
            joinIdentity: await makeJoinIdentity(name, ca, days, making),
          };
    changes.push(`Renewed the join identity of ${name}.`);
  }
  if (only.length > 0) {
    return { secrets: { ...existing, nodes: credentials }, changes };
  }
  return {
    secrets: {
      ...existing,
      admin: await makeAdmin(ca, making),
      bootstrapToken: makeBootstrapToken(making.crypto),
      nodes: credentials,
    },
    changes: [
      ...changes,
      "Renewed the bootstrap token.",
      "Renewed the admin certificate: take the new kubeconfig.",
    ],
  };
};

// Adds what a cluster's secrets lack for this inventory, and renews what ends soon; authorities and host keys stay.
import type { ResolvedProject } from "../../inventory/resolved.ts";
import { readCertificate } from "../certificate.ts";
import { checkSecrets } from "./check-secrets.ts";
import {
  type ChangedSecrets,
  type ClusterSecrets,
  credentialsOf,
  type NodeCredentials,
} from "./cluster-secrets.ts";
import {
  makeAdmin,
  makeEncryptionKey,
  makeJoinIdentity,
  makeNodeCredentials,
  type Making,
} from "./make-cluster-secrets.ts";
import { demandNotRevoked } from "../revoke-node.ts";
import { demandNoRotation } from "../rotation/demand-no-rotation.ts";

/** Early enough to matter: any command within the last two months of the certificate's year renews it. */
const ADMIN_DAYS_LEFT = 60;

const DAY = 24 * 60 * 60 * 1000;

const daysLeft = (certificate: string, now: Date): number =>
  (readCertificate(certificate).validTo.getTime() - now.getTime()) / DAY;

/**
 * The administrator's certificate is made anew where it ends soon.
 *
 * @throws UserError ROTATION_UNFINISHED
 */
export const renewAdmin = async (
  existing: ClusterSecrets,
  making: Making,
): Promise<ChangedSecrets> => {
  demandNoRotation(existing);
  if (daysLeft(existing.admin.certificate, making.now) >= ADMIN_DAYS_LEFT) {
    return { secrets: existing, changes: [] };
  }
  return {
    secrets: { ...existing, admin: await makeAdmin(existing.ca, making) },
    changes: ["Renewed the administrator's certificate."],
  };
};

/** Why a join identity is to be made again, or undefined. */
const whyRenew = (
  certificate: string,
  days: number,
  now: Date,
): string | undefined => {
  const left = daysLeft(certificate, now);
  if (left <= 0) {
    return "the old one had ended";
  }
  if (left < days / 2) {
    return `the old one had ${Math.floor(left)} of ${days} days left`;
  }
  // A shorter time in the inventory means that a stolen identity should be usable for less time.
  return left > days ? `the inventory now allows ${days} days` : undefined;
};

/**
 * The same secrets, complete for this inventory.
 *
 * Credentials of nodes that the inventory no longer names are kept: a line that is commented out for a day must not change
 * the host key of a running node, and they are worth nothing to a thief who has this file with its CA key.
 *
 * @throws UserError NODE_REVOKED, ROTATION_UNFINISHED, SECRETS_OTHER_CLUSTER, SECRETS_INCONSISTENT: nothing of an inconsistent
 * file is ever replaced
 */
export const completeClusterSecrets = async (
  existing: ClusterSecrets,
  { cluster, nodes }: ResolvedProject,
  making: Making,
): Promise<ChangedSecrets> => {
  checkSecrets(existing, cluster.name, making.now);
  demandNoRotation(existing);
  demandNotRevoked(existing, { nodes });
  const { ca } = existing;
  const { days } = cluster.join;
  const renewed = await renewAdmin(existing, making);
  const { admin } = renewed.secrets;
  const changes: string[] = [];
  const credentials: Record<string, NodeCredentials> = { ...existing.nodes };
  for (const { name } of nodes) {
    const known = credentialsOf(existing, name);
    if (known === undefined) {
      credentials[name] = await makeNodeCredentials(name, ca, days, making);
      changes.push(`${name} is new: generated its host key and join identity.`);
      continue;
    }
    const why = whyRenew(known.joinIdentity.certificate, days, making.now);
    if (why !== undefined) {
      credentials[name] = {
        ...known,
        joinIdentity: await makeJoinIdentity(name, ca, days, making),
      };
      changes.push(`Renewed the join identity of ${name}: ${why}.`);
    }
  }
  changes.push(...renewed.changes);
  let { encryptionKey } = existing;
  if (encryptionKey === undefined) {
    // The running cluster does not use it: how its API servers are started was decided when the cluster was made.
    encryptionKey = makeEncryptionKey(making.crypto);
    changes.push(
      "Made a key to encrypt Secrets with; a running cluster does not use it.",
    );
  }
  return changes.length === 0
    ? { secrets: existing, changes }
    : {
        secrets: { ...existing, admin, encryptionKey, nodes: credentials },
        changes,
      };
};

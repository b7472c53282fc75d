// The steps of a rotation of the cluster's authorities, as changes of its secrets.
import type { ResolvedProject } from "../../inventory/resolved.ts";
import { UserError } from "../../report/user-error.ts";
import { makeAuthority, makeServiceAccountKeys } from "../pki.ts";
import { demandNotRevoked } from "../revoke-node.ts";
import { checkSecrets } from "../secrets/check-secrets.ts";
import {
  type Authorities,
  type ChangedSecrets,
  type ClusterSecrets,
  type NodeCredentials,
  type Rotation,
  ROTATION_STEPS,
  type RotationStep,
} from "../secrets/cluster-secrets.ts";
import {
  makeAdmin,
  makeBootstrapToken,
  makeEncryptionKey,
  makeJoinIdentity,
  type Making,
} from "../secrets/make-cluster-secrets.ts";

const authoritiesOf = ({
  ca,
  frontProxyCa,
  etcdCa,
  serviceAccount,
  encryptionKey,
}: Authorities): Authorities => ({
  ca,
  frontProxyCa,
  etcdCa,
  serviceAccount,
  encryptionKey,
});

const makeAuthorities = async ({
  now,
  crypto,
}: Making): Promise<Authorities> => ({
  ca: await makeAuthority("kubernetes", now, crypto),
  frontProxyCa: await makeAuthority("front-proxy-ca", now, crypto),
  etcdCa: await makeAuthority("etcd-ca", now, crypto),
  serviceAccount: await makeServiceAccountKeys(crypto),
  encryptionKey: makeEncryptionKey(crypto),
});

/**
 * Makes the new authorities. A rotation that has begun goes on as it is.
 *
 * @param keepEncryptionKey for a cluster whose API servers do not use the key of the secrets file
 * @throws UserError NODE_REVOKED, SECRETS_OTHER_CLUSTER, SECRETS_INCONSISTENT
 */
export const beginRotation = async (
  existing: ClusterSecrets,
  { cluster, nodes }: ResolvedProject,
  making: Making,
  keepEncryptionKey: boolean,
): Promise<ChangedSecrets> => {
  checkSecrets(existing, cluster.name, making.now);
  demandNotRevoked(existing, { nodes });
  if (existing.rotation !== undefined) {
    return { secrets: existing, changes: [] };
  }
  const made = await makeAuthorities(making);
  const other = keepEncryptionKey
    ? { ...made, encryptionKey: existing.encryptionKey }
    : made;
  return {
    secrets: { ...existing, rotation: { step: "trust", done: [], other } },
    changes: ["Made new authorities."],
  };
};

const demandRotation = ({ rotation }: ClusterSecrets): Rotation => {
  if (rotation === undefined) {
    throw new UserError(
      "AUTHORITY_NOT_ROTATED",
      "another run has ended this rotation",
      { hint: "`pi-image secrets status` shows how things are" },
    );
  }
  return rotation;
};

/** Notes that a node has taken the step. @throws UserError AUTHORITY_NOT_ROTATED when another run has ended the rotation */
export const noteTurn = (
  existing: ClusterSecrets,
  step: RotationStep,
  node: string,
): ChangedSecrets => {
  const rotation = demandRotation(existing);
  if (rotation.step !== step || rotation.done.includes(node)) {
    return { secrets: existing, changes: [] };
  }
  const done = [...rotation.done, node];
  return {
    secrets: { ...existing, rotation: { ...rotation, done } },
    changes: [`${node} has taken the step ${step}.`],
  };
};

/** From here on the new authorities sign: also what the laptop and cards that have not joined have. */
const exchange = async (
  existing: ClusterSecrets,
  rotation: Rotation,
  days: number,
  making: Making,
): Promise<ClusterSecrets> => {
  const { ca } = rotation.other;
  const nodes: Record<string, NodeCredentials> = {};
  for (const [name, credentials] of Object.entries(existing.nodes)) {
    nodes[name] = {
      ...credentials,
      joinIdentity: await makeJoinIdentity(name, ca, days, making),
    };
  }
  return {
    ...existing,
    ...rotation.other,
    admin: await makeAdmin(ca, making),
    bootstrapToken: makeBootstrapToken(making.crypto),
    nodes,
    rotation: { step: "issue", done: [], other: authoritiesOf(existing) },
  };
};

/**
 * Ends a step that every node has taken.
 *
 * @throws UserError AUTHORITY_NOT_ROTATED when another run has ended the rotation
 */
export const endStep = async (
  existing: ClusterSecrets,
  step: RotationStep,
  { cluster }: Pick<ResolvedProject, "cluster">,
  making: Making,
): Promise<ChangedSecrets> => {
  const rotation = demandRotation(existing);
  if (rotation.step !== step) {
    return { secrets: existing, changes: [] };
  }
  const changes = [`Every node has taken the step ${step}.`];
  switch (step) {
    case "trust":
      return {
        secrets: await exchange(existing, rotation, cluster.join.days, making),
        changes,
      };
    case "issue":
      return {
        secrets: {
          ...existing,
          rotation: { ...rotation, step: "retire", done: [] },
        },
        changes,
      };
    case "retire": {
      const { rotation: _ended, ...secrets } = existing;
      return { secrets, changes };
    }
  }
};

/** The steps that are to be taken, the one that is at work first. */
export const stepsLeft = ({
  rotation,
}: Pick<ClusterSecrets, "rotation">): readonly RotationStep[] =>
  ROTATION_STEPS.slice(
    rotation === undefined ? 0 : ROTATION_STEPS.indexOf(rotation.step),
  );

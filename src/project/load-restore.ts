// Reads the snapshot of etcd that a card is to begin with, and proves it: whole, and of this cluster.
import { open } from "node:fs/promises";
import { createGzip } from "node:zlib";
import { pipeline } from "node:stream/promises";
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import {
  decryptStream,
  isEncrypted,
} from "../kubernetes/secrets/age-envelope.ts";
import { loadAgeIdentities } from "../kubernetes/secrets/load-age-identities.ts";
import { snapshotProof } from "../kubernetes/snapshot-proof.ts";
import { systemCode } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";
import { kubeadmAction } from "../seed/node-facts.ts";
import { errnoReason } from "../system/errno-words.ts";

/** What goes onto the card's boot partition. */
export type RestoredState = {
  /** The snapshot, packed by gzip. */
  readonly packed: Uint8Array;
  /** The snapshot's own, as hexadecimal digits. */
  readonly digest: string;
};

const STATE = "nothing was written";

/**
 * The one node that may begin a cluster.
 *
 * @throws UserError RESTORE_REFUSED
 */
export const demandBeginner = (
  project: ResolvedProject,
  nodes: readonly ResolvedNode[],
  file: string,
): void => {
  const first = project.nodes.find(
    (node) => kubeadmAction(project, node) === "init",
  );
  const [node, ...more] = nodes;
  if (
    more.length === 0 &&
    node !== undefined &&
    kubeadmAction(project, node) === "init"
  ) {
    return;
  }
  throw new UserError(
    "RESTORE_REFUSED",
    node === undefined || more.length > 0
      ? `${file} is the state of one cluster, which one card begins with`
      : `${node.name} does not begin the cluster: the state in ${file} comes to it from the control plane that does`,
    {
      state: STATE,
      hint: `restore it on ${first?.name ?? "the first control plane"} alone: --host ${first?.name ?? "NAME"} --restore ${file}; the others join it`,
    },
  );
};

const refuse = (code: "SNAPSHOT_DAMAGED" | "SNAPSHOT_FOREIGN", text: string) =>
  new UserError(code, text, {
    state: STATE,
    hint: "choose another file from the folder of backups, or another day's",
  });

const unreadable = (file: string, error: unknown): UserError =>
  new UserError(
    "FILE_UNUSABLE",
    `${file} cannot be read: ${errnoReason(systemCode(error))}`,
    { state: STATE, hint: "name a file that `pi-image backup` wrote" },
  );

type Restoring = {
  /** Of the cluster's authority, in PEM; undefined where the cluster has no secrets file. */
  readonly authority: string | undefined;
  readonly cluster: string;
  readonly env: NodeJS.ProcessEnv;
};

/**
 * The packed snapshot is in memory, as the patch that holds it will be; it has to fit into a boot partition.
 *
 * @throws UserError FILE_UNUSABLE, RESTORE_REFUSED, SNAPSHOT_DAMAGED, SNAPSHOT_FOREIGN, AGE_IDENTITY_UNUSABLE
 */
export const loadRestore = async (
  file: string,
  { authority, cluster, env }: Restoring,
): Promise<RestoredState> => {
  if (authority === undefined) {
    throw new UserError(
      "RESTORE_REFUSED",
      `there is no secrets file of the cluster ${cluster}, and its state is of no use without that`,
      {
        state: STATE,
        hint: `put a copy of ${cluster}.secrets.yaml beside the inventory`,
      },
    );
  }
  const damaged = () =>
    refuse(
      "SNAPSHOT_DAMAGED",
      `${file} is damaged or not whole: it cannot be decrypted to its end`,
    );
  const handle = await open(file).catch((error: unknown) => {
    throw unreadable(file, error);
  });
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0);
    const stored: AsyncIterable<Uint8Array> = handle.createReadStream({
      start: 0,
      autoClose: false,
    });
    const snapshot = isEncrypted(buffer.subarray(0, bytesRead))
      ? decryptStream(
          stored,
          await loadAgeIdentities(undefined, env),
          file,
          damaged,
        )
      : stored;
    const proof = snapshotProof(authority);
    const packed: Uint8Array[] = [];
    await pipeline(
      snapshot,
      async function* (chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          proof.add(chunk);
          yield chunk;
        }
      },
      createGzip(),
      async (chunks: AsyncIterable<Uint8Array>) => {
        for await (const chunk of chunks) {
          packed.push(chunk);
        }
      },
    );
    const verdict = proof.verdict();
    if (!verdict.sound) {
      throw refuse(
        verdict.kind === "damaged" ? "SNAPSHOT_DAMAGED" : "SNAPSHOT_FOREIGN",
        `${file} ${verdict.because}`,
      );
    }
    return { packed: Buffer.concat(packed), digest: verdict.digest };
  } catch (error) {
    throw error instanceof UserError || systemCode(error) === undefined
      ? error
      : unreadable(file, error);
  } finally {
    await handle.close();
  }
};

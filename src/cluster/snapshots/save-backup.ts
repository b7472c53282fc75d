// Keeps a snapshot of etcd beside the inventory, under its name only when it is proven and on the disk.
import { createWriteStream } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import {
  snapshotProof,
  type SnapshotVerdict,
} from "../../kubernetes/snapshot-proof.ts";
import { encryptStream } from "../../kubernetes/secrets/age-envelope.ts";
import type { Report } from "../../report/events.ts";
import {
  publishFile,
  removeStalePartials,
  temporaryName,
} from "../../system/atomic-file.ts";
import { explainNoRoom } from "../../system/disk-full.ts";
import { makeFolder } from "../../system/make-folder.ts";
import type { OverSsh } from "../over-ssh/run-as-root.ts";
import {
  type SnapshotHead,
  type StreamAnswer,
  streamSnapshot,
} from "./stream-snapshot.ts";

export type BackupPlace = {
  /** `<cluster>.backups` beside the inventory. */
  readonly folder: string;
  readonly cluster: string;
  /** Of the cluster's authority, in PEM. */
  readonly authority: string;
  /** Of age; none for a backup that is not encrypted. */
  readonly recipients: readonly string[];
  readonly report: Report;
};

export type Backup = SnapshotHead & { readonly file: string };

const nameOf = (
  { cluster, recipients }: BackupPlace,
  { time }: SnapshotHead,
): string =>
  `${cluster}-${time.toISOString().replace(".000Z", "Z").replaceAll(":", "-")}.db${recipients.length === 0 ? "" : ".age"}`;

const syncFile = async (path: string): Promise<void> => {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/**
 * Asks one control plane for a snapshot and keeps it.
 *
 * @throws UserError AGE_RECIPIENT_WRONG, DISK_FULL, TOOL_MISSING
 */
export const saveBackup = async (
  node: string,
  place: BackupPlace,
  asked: OverSsh,
): Promise<StreamAnswer<Backup>> => {
  const { folder, authority, recipients, report } = place;
  await makeFolder(folder, 0o700);
  await removeStalePartials(folder);
  const temporary = temporaryName(join(folder, `${place.cluster}.db`));
  try {
    const answer = await streamSnapshot(node, asked, async (stream) => {
      const { head } = stream;
      const proof = snapshotProof(authority);
      let done = 0;
      const about = { phase: "fetch", subject: node, total: head.bytes };
      report({ ...about, type: "phase" });
      const seen = async function* () {
        for await (const chunk of stream.data) {
          proof.add(chunk);
          done += chunk.length;
          report({ ...about, type: "progress", done });
          yield chunk;
        }
      };
      await pipeline(
        recipients.length === 0
          ? seen()
          : await encryptStream(seen(), recipients),
        createWriteStream(temporary, { flags: "wx", mode: 0o600 }),
      );
      return { head, verdict: proof.verdict() };
    });
    return answer.ok ? await keep(place, temporary, answer.result) : answer;
  } catch (error) {
    throw explainNoRoom(error, `a backup in ${folder}`, {
      state: "the earlier backups are there still",
      hint: "free some space and run the command again",
    });
  } finally {
    await rm(temporary, { force: true });
  }
};

type Fetched = {
  readonly head: SnapshotHead;
  readonly verdict: SnapshotVerdict;
};

const keep = async (
  place: BackupPlace,
  temporary: string,
  { head, verdict }: Fetched,
): Promise<StreamAnswer<Backup>> => {
  if (!verdict.sound || verdict.bytes !== head.bytes) {
    return {
      ok: false,
      because: `what it sent ${verdict.sound ? "is not whole" : verdict.because}`,
    };
  }
  await syncFile(temporary);
  const file = join(place.folder, nameOf(place, head));
  await publishFile(temporary, file);
  return { ok: true, result: { ...head, file } };
};

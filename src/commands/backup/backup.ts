// pi-image backup: fetches a snapshot of the cluster's state from a control plane.
import { join, relative } from "node:path";
import { z } from "zod";
import {
  type Backup,
  type BackupPlace,
  saveBackup,
} from "../../cluster/snapshots/save-backup.ts";
import type { OverSsh } from "../../cluster/over-ssh/run-as-root.ts";
import { withSshAccess } from "../../cluster/over-ssh/ssh-access.ts";
import type { ResolvedProject } from "../../inventory/resolved.ts";
import { listed } from "../../inventory/wording.ts";
import { controlPlanes } from "../../kubernetes/addresses.ts";
import { keepBackupsOutOfGit } from "../../project/keep-out-of-git.ts";
import { formatBytes } from "../../report/amounts.ts";
import { UserError } from "../../report/user-error.ts";
import type { Context } from "../../terminal/context.ts";
import { type KeptProject, openSoundSecrets } from "../kept-secrets.ts";

const backupOptions = z.object({
  inventory: z.string(),
  identity: z.string().optional(),
});

const planesToAsk = (
  project: ResolvedProject,
  chosen: string | undefined,
): readonly string[] => {
  const planes = controlPlanes(project).map(({ name }) => name);
  if (chosen === undefined) {
    return planes;
  }
  if (!planes.includes(chosen)) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      `${chosen} is not a control plane of the cluster ${project.cluster.name}`,
      {
        hint: `the state of the cluster is on ${listed(planes)}`,
        state: "nothing was written",
      },
    );
  }
  return [chosen];
};

/** The first control plane that gives a whole snapshot is enough: each has the whole state. */
const backUp = async (
  planes: readonly string[],
  place: BackupPlace,
  asked: OverSsh,
): Promise<readonly [plane: string, backup: Backup]> => {
  const facts: string[] = [];
  for (const plane of planes) {
    const answer = await saveBackup(plane, place, asked);
    if (answer.ok) {
      return [plane, answer.result];
    }
    facts.push(`${plane}: ${answer.because}`);
  }
  throw new UserError(
    "BACKUP_FAILED",
    `${planes.length === 1 ? listed(planes) : "no control plane"} gave ${planes.length === 1 ? "no" : "a"} snapshot of the cluster's state`,
    {
      facts,
      state: "nothing was written; earlier backups are there still",
      hint: "run `pi-image watch` to see which control planes answer, and the command again when one does",
    },
  );
};

type KeptBackup = {
  readonly plane: string;
  readonly backup: Backup;
  /** Its path, as it is shown. */
  readonly shown: string;
};

/**
 * Keeps a snapshot beside the inventory.
 *
 * @param chosen the control plane to ask; any without one
 * @throws UserError WRONG_ARGUMENTS, BACKUP_FAILED, DISK_FULL, AGE_RECIPIENT_WRONG
 */
export const keepBackup = async (
  context: Context,
  { project, secrets, folder, encryptedTo }: KeptProject,
  chosen: string | undefined,
  sshConfig: string,
): Promise<KeptBackup> => {
  const cluster = project.cluster.name;
  const [plane, kept] = await backUp(
    planesToAsk(project, chosen),
    {
      folder: join(folder, `${cluster}.backups`),
      cluster,
      authority: secrets.ca.certificate,
      recipients: encryptedTo,
      report: context.report,
    },
    { sshConfig, signal: context.signal },
  );
  if (encryptedTo.length === 0) {
    await keepBackupsOutOfGit(context, folder);
  }
  if (kept.origin === "kept") {
    context.report({
      type: "warning",
      message: `etcd on ${plane} could make no snapshot now; this is the newest that ${plane} keeps`,
      hint: `to see why: pi-image doctor ${plane}`,
    });
  }
  return { plane, backup: kept, shown: relative(context.cwd, kept.file) };
};

/** @throws UserError of the inventory and the secrets, WRONG_ARGUMENTS, BACKUP_FAILED, DISK_FULL, AGE_RECIPIENT_WRONG */
export const backup = async (
  context: Context,
  [chosen]: readonly (string | undefined)[],
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options = backupOptions.parse(given);
  const opened = await openSoundSecrets(context, options);
  const { project, secrets, file, encryptedTo } = opened;
  planesToAsk(project, chosen);
  const cluster = project.cluster.name;
  const {
    plane,
    backup: kept,
    shown,
  } = await withSshAccess(project, secrets, (sshConfig) =>
    keepBackup(context, opened, chosen, sshConfig),
  );
  const encrypted = encryptedTo.length > 0;
  const time = kept.time.toISOString().replace(".000Z", "Z");
  context.printJson({
    type: "result",
    cluster,
    node: plane,
    file: shown,
    time,
    bytes: kept.bytes,
    origin: kept.origin,
    encrypted,
  });
  context.print(
    [
      `${shown} holds the state of the cluster ${cluster} at ${time}, from ${plane} (${formatBytes(kept.bytes)}).`,
      encrypted
        ? "It is encrypted like the secrets file, and of no use without that: keep copies of both, apart from the cluster."
        : `It is not encrypted, like ${relative(context.cwd, file)}: whoever has both can read every Secret. To encrypt them from now on: pi-image secrets rotate --encrypt-to RECIPIENT`,
    ].join("\n"),
  );
};

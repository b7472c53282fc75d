// Makes, completes and stores a cluster's secrets file, so that runs at the same time share one cluster.
import { dirname } from "node:path";
import { errorCode } from "../../report/expected-failure.ts";
import type { ResolvedProject } from "../../inventory/resolved.ts";
import { UserError } from "../../report/user-error.ts";
import { removeStalePartials } from "../../system/atomic-file.ts";
import { errnoWords } from "../../system/errno-words.ts";
import { readIfThere } from "../../system/read-if-there.ts";
import { withFileLock } from "../../system/file-lock.ts";
import {
  createPrivateFile,
  replacePrivateFile,
} from "../../system/private-file.ts";
import { encryptText } from "./age-envelope.ts";
import type { ChangedSecrets, ClusterSecrets } from "./cluster-secrets.ts";
import { completeClusterSecrets } from "./complete-cluster-secrets.ts";
import {
  type LoadedSecrets,
  loadClusterSecrets,
  type OpenOptions,
  resolveSecretsPath,
} from "./load-cluster-secrets.ts";
import { makeClusterSecrets, type Making } from "./make-cluster-secrets.ts";
import { rotateJoinCredentials } from "./rotate-join-credentials.ts";
import { revokeNode } from "../revoke-node.ts";
import { writeSecretsDocument } from "./secrets-document.ts";

/** The secrets that a run works with before it may write anything: the file's own, complete for the inventory. */
export type SecretsDraft = ChangedSecrets & {
  /** What the file held; undefined without a file. */
  readonly loaded: LoadedSecrets | undefined;
};

export type StoreOptions = OpenOptions & {
  /** Secrets made in memory for this file; they are stored as they are, unless another run has changed the file since. */
  readonly draft?: SecretsDraft | undefined;
  /** age recipients to encrypt the file to from now on; undefined keeps the file as it is, and a new one plain. */
  readonly encryptTo?: readonly string[] | undefined;
  /** How long to wait for another run that is changing the file. */
  readonly lockSeconds?: number | undefined;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
};

type KeptSecrets = {
  readonly secrets: ClusterSecrets;
  /** Whether the file is encrypted. */
  readonly encrypted: boolean;
  /** One sentence for each change of the file; empty where it is unchanged. */
  readonly changes: readonly string[];
};

type Change = (existing: ClusterSecrets | undefined) => Promise<ChangedSecrets>;

/** Making an RSA key on a busy machine takes seconds, and another run may have many nodes to add. */
const LOCK_SECONDS = 60;

const sameSet = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((item) => other.includes(item));

type Next = ChangedSecrets & { readonly encryptedTo: readonly string[] };

const decide = async (
  path: string,
  loaded: LoadedSecrets | undefined,
  change: Change,
  { encryptTo: wanted = [] }: StoreOptions,
): Promise<Next> => {
  const { secrets, changes } = await change(loaded?.secrets);
  const known = loaded?.encryptedTo ?? [];
  if (wanted.length > 0 && !sameSet(wanted, known)) {
    const sentence = `Encrypted the file to ${wanted.join(", ")}.`;
    return { secrets, changes: [...changes, sentence], encryptedTo: wanted };
  }
  if (changes.length > 0 && loaded?.encrypted === true && known.length === 0) {
    throw new UserError(
      "AGE_RECIPIENT_WRONG",
      `${path} must be changed, but does not say to whom it is to be encrypted again.`,
      {
        facts: changes,
        hint: "name all recipients: --encrypt-to age1...",
        state: "the file is unchanged",
      },
    );
  }
  return { secrets, changes, encryptedTo: known };
};

const textOf = async ({ secrets, encryptedTo }: Next): Promise<string> => {
  const text = writeSecretsDocument({ secrets, encryptedTo });
  return encryptedTo.length === 0 ? text : encryptText(text, encryptedTo);
};

const explain = (error: unknown, path: string): unknown => {
  const words = errnoWords(errorCode(error));
  return words === undefined
    ? error
    : new UserError(
        "SECRETS_NOT_WRITTEN",
        `the secrets file ${path} cannot be written: ${words.why}`,
        {
          hint: words.hint,
          state: "the file is unchanged; what was generated for it is lost",
          cause: error,
        },
      );
};

const heldBy =
  (path: string) =>
  (holder: string): UserError => {
    const [pid = "", host = ""] = holder.split(" ");
    const who = pid === "" ? "" : ` (process ${pid} on ${host})`;
    return new UserError(
      "SECRETS_LOCKED",
      `another run${who} is changing ${path}`,
      {
        hint: "run the command again when it has ended",
        state: "the file is unchanged",
      },
    );
  };

/** Loads, changes and writes the file; it is locked only when there is something to write. */
const changeSecrets = async (
  path: string,
  change: Change,
  options: StoreOptions,
): Promise<KeptSecrets> => {
  const file = await resolveSecretsPath(path);
  const before = await loadClusterSecrets(file, options);
  if (before !== undefined) {
    const { secrets, changes } = await decide(path, before, change, options);
    if (changes.length === 0) {
      return { secrets, encrypted: before.encrypted, changes };
    }
  }
  const update = async (): Promise<Next> => {
    await removeStalePartials(dirname(file));
    const loaded = await loadClusterSecrets(file, options);
    const next = await decide(path, loaded, change, options);
    const text = await textOf(next);
    if (loaded !== undefined) {
      await replacePrivateFile(file, text, options.env);
      return next;
    }
    const created = await createPrivateFile(file, text, options.env);
    // Somebody has created the file without taking the lock; their cluster counts.
    return created ? next : update();
  };
  try {
    const { secrets, changes, encryptedTo } = await withFileLock(
      file,
      update,
      options.lockSeconds ?? LOCK_SECONDS,
      heldBy(path),
      options.signal,
    );
    return { secrets, encrypted: encryptedTo.length > 0, changes };
  } catch (error) {
    throw explain(error, path);
  }
};

const makeOrComplete = async (
  existing: ClusterSecrets | undefined,
  project: ResolvedProject,
  making: Making,
): Promise<ChangedSecrets> =>
  existing === undefined
    ? {
        secrets: await makeClusterSecrets(project, making),
        changes: [`Made the secrets of the cluster ${project.cluster.name}.`],
      }
    : completeClusterSecrets(existing, project, making);

const contentOf = (existing: ClusterSecrets | undefined): string | undefined =>
  existing && writeSecretsDocument({ secrets: existing, encryptedTo: [] });

/**
 * What `keepSecrets` would store now, in memory only, for commands that may end before they write anything.
 *
 * @throws UserError what `loadSecrets` and `completeClusterSecrets` throw
 */
export const draftSecrets = async (
  path: string,
  project: ResolvedProject,
  making: Making,
  options: OpenOptions = {},
): Promise<SecretsDraft> => {
  const loaded = await loadClusterSecrets(path, options);
  const made = await makeOrComplete(loaded?.secrets, project, making);
  return { ...made, loaded };
};

/**
 * Finds out, before anything is asked or written, whether the draft can be encrypted.
 *
 * @throws UserError AGE_RECIPIENT_WRONG
 */
export const rehearseKeeping = async (
  path: string,
  draft: SecretsDraft,
  options: StoreOptions,
): Promise<void> => {
  const next = await decide(path, draft.loaded, async () => draft, options);
  if (next.changes.length > 0) {
    await textOf(next);
  }
};

/**
 * The secrets of the inventory's cluster: made when the file does not exist, and completed when it lacks something. With a
 * draft, they are exactly the draft's secrets, or those of another run that was quicker.
 *
 * @throws UserError what `loadSecrets` and `completeClusterSecrets` throw, and AGE_RECIPIENT_WRONG, SECRETS_LOCKED,
 * SECRETS_NOT_WRITTEN; the file is unchanged then
 */
export const keepSecrets = (
  path: string,
  project: ResolvedProject,
  making: Making,
  options: StoreOptions = {},
): Promise<KeptSecrets> =>
  changeSecrets(
    path,
    async (existing) =>
      options.draft !== undefined &&
      contentOf(options.draft.loaded?.secrets) === contentOf(existing)
        ? options.draft
        : makeOrComplete(existing, project, making),
    options,
  );

const heldBack = (path: string): UserError =>
  new UserError(
    "SECRETS_NOT_ADOPTED",
    `there is a secrets file already: ${path}`,
    {
      hint: "if it is not the cluster's, move it away first",
      state: "it is unchanged",
    },
  );

/** @throws UserError SECRETS_NOT_ADOPTED where there is a file */
export const demandNoSecretsFile = async (path: string): Promise<void> => {
  if ((await readIfThere(await resolveSecretsPath(path))) !== undefined) {
    throw heldBack(path);
  }
};

/** Stores secrets where there is no file yet. @throws UserError as `keepSecrets`, and SECRETS_NOT_ADOPTED */
export const storeAdopted = (
  path: string,
  secrets: ClusterSecrets,
  options: StoreOptions,
): Promise<KeptSecrets> =>
  changeSecrets(
    path,
    async (existing) => {
      if (existing !== undefined) {
        throw heldBack(path);
      }
      return {
        secrets,
        changes: [`Stored the secrets of ${secrets.cluster}.`],
      };
    },
    options,
  );

const demandFile = (
  path: string,
  existing: ClusterSecrets | undefined,
): ClusterSecrets => {
  if (existing === undefined) {
    throw new UserError(
      "SECRETS_UNREADABLE",
      `there is no secrets file ${path} yet`,
      { hint: "pi-image build makes it" },
    );
  }
  return existing;
};

/**
 * Changes the secrets in the file.
 *
 * @param change may be called twice: it is asked again when the file is locked
 * @throws UserError as `keepSecrets`, and SECRETS_UNREADABLE when there is no file
 */
export const changeKeptSecrets = (
  path: string,
  change: (existing: ClusterSecrets) => Promise<ChangedSecrets>,
  options: StoreOptions = {},
): Promise<KeptSecrets> =>
  changeSecrets(
    path,
    async (existing) => change(demandFile(path, existing)),
    options,
  );

/**
 * Replaces the join credentials in the file: all, or the join identities of `only` these nodes.
 *
 * @throws UserError as `changeKeptSecrets`
 */
export const rotateSecrets = (
  path: string,
  project: ResolvedProject,
  making: Making,
  only: readonly string[] = [],
  options: StoreOptions = {},
): Promise<KeptSecrets> =>
  changeKeptSecrets(
    path,
    (existing) => rotateJoinCredentials(existing, project, making, only),
    options,
  );

/** Records in the file that a node is revoked. @throws UserError as `changeKeptSecrets` */
export const revokeInSecrets = (
  path: string,
  name: string,
  options: StoreOptions = {},
): Promise<KeptSecrets> =>
  changeKeptSecrets(
    path,
    async (existing) => revokeNode(existing, name),
    options,
  );

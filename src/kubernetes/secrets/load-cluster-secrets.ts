// Reads a cluster's secrets file, plain or encrypted, and refuses one that others can read.
import { lstat, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  ifSystem,
  isAbsent,
  systemCode,
} from "../../report/expected-failure.ts";
import { UserError } from "../../report/user-error.ts";
import { decryptText, isEncrypted } from "./age-envelope.ts";
import { loadAgeIdentities } from "./load-age-identities.ts";
import {
  parseSecretsDocument,
  type SecretsDocument,
} from "./secrets-document.ts";
import { errnoReason } from "../../system/errno-words.ts";
import { openPlainFile } from "../../system/read-whole.ts";

export const SECRETS_ENDING = ".secrets.yaml";

/** The file beside the inventory that holds the secrets of this cluster. */
export const secretsPath = (inventoryFile: string, cluster: string): string =>
  join(dirname(inventoryFile), `${cluster}${SECRETS_ENDING}`);

export type OpenOptions = {
  /** File with age identities; PI_IMAGE_AGE_IDENTITY or ~/.config/pi-image/age.txt otherwise. */
  readonly identityFile?: string | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
};

const GROUP_AND_OTHERS = 0o077;

const unreadable = (path: string, why: string, hint: string): UserError =>
  new UserError(
    "SECRETS_UNREADABLE",
    `the secrets file ${path} cannot be opened: ${why}`,
    {
      hint,
      state: "no new one was made",
    },
  );

const isSymbolicLink = async (path: string): Promise<boolean> => {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch (error) {
    return ifSystem(error, false);
  }
};

/**
 * The file itself where `path` is a symbolic link to it, else `path`.
 *
 * @throws UserError SECRETS_UNREADABLE for a link that leads nowhere: its disk is probably not mounted, and making new
 * secrets would mean making another cluster
 */
export const resolveSecretsPath = async (path: string): Promise<string> => {
  try {
    return await realpath(path);
  } catch (error) {
    if (isAbsent(error) && (await isSymbolicLink(path))) {
      throw unreadable(
        path,
        "it is a symbolic link to a file that is not there",
        "mount the disk that it leads to, or delete the link",
      );
    }
    if (systemCode(error) === "ENOENT") {
      return path;
    }
    throw unreadable(
      path,
      errnoReason(systemCode(error)),
      "check the permissions of its folder",
    );
  }
};

/**
 * The bytes of the file, or undefined when there is none. An encrypted file may be readable for everyone, a plain one may
 * not.
 */
const readPrivately = async (path: string): Promise<Buffer | undefined> => {
  try {
    const handle = await openPlainFile(path);
    try {
      const stats = await handle.stat();
      const data = await handle.readFile();
      if (!isEncrypted(data) && (stats.mode & GROUP_AND_OTHERS) !== 0) {
        throw new UserError(
          "SECRETS_READABLE",
          `other users can open the secrets file ${path} (mode ${(stats.mode & 0o777).toString(8).padStart(4, "0")})`,
          {
            hint: `run: chmod 600 ${path}`,
            state: "the file is unchanged",
          },
        );
      }
      return data;
    } finally {
      await handle.close();
    }
  } catch (error) {
    switch (systemCode(error)) {
      case "ENOENT":
        return undefined;
      case "EACCES":
      case "EPERM":
        throw unreadable(
          path,
          "it belongs to another user",
          `take ownership of it: sudo chown "$USER" ${path}`,
        );
      case "EISDIR":
        throw unreadable(path, "it is a folder", "move the folder away");
      case "ESPIPE":
      case "ENXIO":
        throw unreadable(path, errnoReason("ESPIPE"), "move it away");
      default:
        throw error;
    }
  }
};

export type LoadedSecrets = SecretsDocument & { readonly encrypted: boolean };

/**
 * The secrets of a cluster, or undefined when the file does not exist.
 *
 * @throws UserError SECRETS_READABLE, SECRETS_UNREADABLE, SECRETS_DAMAGED, AGE_IDENTITY_UNUSABLE
 */
export const loadClusterSecrets = async (
  path: string,
  { identityFile, env = process.env }: OpenOptions = {},
): Promise<LoadedSecrets | undefined> => {
  const data = await readPrivately(await resolveSecretsPath(path));
  if (data === undefined) {
    return undefined;
  }
  const encrypted = isEncrypted(data);
  const text = encrypted
    ? await decryptText(data, await loadAgeIdentities(identityFile, env), path)
    : data.toString("utf8");
  const { secrets, encryptedTo } = parseSecretsDocument(text, path);
  // A file that the user has decrypted by hand stays plain.
  return { secrets, encryptedTo: encrypted ? encryptedTo : [], encrypted };
};

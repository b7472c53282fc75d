// Where on this computer the cluster's secrets are stored unencrypted, even if the secrets file itself is encrypted.
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isEncrypted } from "../kubernetes/secrets/age-envelope.ts";
import type { ClusterSecrets } from "../kubernetes/secrets/cluster-secrets.ts";
import { SECRETS_ENDING } from "../kubernetes/secrets/load-cluster-secrets.ts";
import { ifSystem } from "../report/expected-failure.ts";
import { openPlainFile, readWholeText } from "../system/read-whole.ts";

export type PlainCopy = {
  readonly path: string;
  /** What the copy holds, such as "the administrator's access". */
  readonly holds: string;
};

const IMAGE = /\.(?:img|img\.xz|img\.zst|patch\.json)$/;
const ADMIN = "the administrator's access";

const namesIn = async (folder: string): Promise<readonly string[]> => {
  try {
    return (await readdir(folder)).toSorted();
  } catch (error) {
    return ifSystem(error, []);
  }
};

/** The first bytes are enough to recognise an encrypted file. */
const ENOUGH = 64;

/** Whether there is a file that is not encrypted. */
export const isPlainFile = async (path: string): Promise<boolean> => {
  try {
    const handle = await openPlainFile(path);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(ENOUGH));
      return bytesRead > 0 && !isEncrypted(buffer.subarray(0, bytesRead));
    } finally {
      await handle.close();
    }
  } catch (error) {
    return ifSystem(error, false);
  }
};

/** Copies in the out folder: images, patches and seeds hold the secrets that their node needs. */
export const copiesInOut = async (
  out: string,
): Promise<readonly PlainCopy[]> => {
  const copies: PlainCopy[] = [];
  for (const name of await namesIn(out)) {
    const path = join(out, name);
    if (IMAGE.test(name)) {
      copies.push({ path, holds: `the secrets of ${name.replace(IMAGE, "")}` });
    } else if (/^kubeconfig(?:\..+\.bak)?$/.test(name)) {
      copies.push({ path, holds: ADMIN });
    } else if (await isPlainFile(join(path, "user-data"))) {
      copies.push({
        path: join(path, "user-data"),
        holds: `the secrets of ${name}`,
      });
    }
  }
  return copies;
};

/** Names of unencrypted secrets files in the folder, of any cluster, and of copies beside them. */
export const plainSecretsIn = async (
  folder: string,
): Promise<readonly string[]> => {
  const names: string[] = [];
  for (const name of await namesIn(folder)) {
    if (
      name.includes(SECRETS_ENDING) &&
      (await isPlainFile(join(folder, name)))
    ) {
      names.push(name);
    }
  }
  return names;
};

/** The secrets file itself, and what editors and people leave beside it: homelab.secrets.yaml~, .bak, .swp. */
const copiesBeside = async (
  secretsFile: string,
): Promise<readonly PlainCopy[]> => {
  const folder = dirname(secretsFile);
  const name = basename(secretsFile);
  const copies: PlainCopy[] = [];
  for (const each of await namesIn(folder)) {
    const path = join(folder, each);
    if (each.includes(name) && (await isPlainFile(path))) {
      copies.push({ path, holds: "every secret of the cluster" });
    }
  }
  return copies;
};

/** A larger file is not a kubeconfig. */
const KUBECONFIG_LIMIT = 16 * 1024 * 1024;

/** Kubeconfigs, and backups beside them, into which the administrator's key was merged. */
const copiesInKubeconfigs = async (
  files: readonly string[],
  { admin }: ClusterSecrets,
): Promise<readonly PlainCopy[]> => {
  const key = Buffer.from(admin.key.reveal()).toString("base64");
  const copies: PlainCopy[] = [];
  for (const file of new Set(files)) {
    const beside = (await namesIn(dirname(file)))
      .filter((name) => name.startsWith(basename(file)))
      .map((name) => join(dirname(file), name));
    for (const path of beside) {
      const text = await readWholeText(path, KUBECONFIG_LIMIT).catch(
        (error: unknown) => ifSystem(error, ""),
      );
      if (text.includes(key)) {
        copies.push({ path, holds: ADMIN });
      }
    }
  }
  return copies;
};

type Places = {
  readonly secretsFile: string;
  readonly secrets: ClusterSecrets;
  readonly out: string;
  /** The kubeconfigs that kubectl reads. */
  readonly kubeconfigs: readonly string[];
};

/** Finds copies in the places that pi-image knows; one that was moved elsewhere is not found. */
export const plainCopies = async ({
  secretsFile,
  secrets,
  out,
  kubeconfigs,
}: Places): Promise<readonly PlainCopy[]> => [
  ...(await copiesBeside(secretsFile)),
  ...(await copiesInOut(out)),
  ...(await copiesInKubeconfigs(kubeconfigs, secrets)),
];

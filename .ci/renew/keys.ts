// Keys of base images that end soon: a person has to look for the new one, because a key vouches for what follows it.
import { readKey } from "openpgp";
import { parse } from "yaml";
import { day } from "../../src/report/day.ts";
import type { Get } from "./manifests.ts";

/** Time to find the new key, and to release a version that has it. */
const DAYS_LEFT = 90;

const DAY = 24 * 60 * 60 * 1000;

type PinnedKey = {
  readonly fingerprint: string;
  /** One of both: a file beside the catalogue, or where the key is fetched, the first that answers. */
  readonly file?: string;
  readonly addresses?: readonly string[];
};

const textOf = async (
  { file, addresses = [] }: PinnedKey,
  load: (file: string) => Promise<string>,
  get: Get,
): Promise<string> => {
  if (file !== undefined) {
    return load(file);
  }
  const failures: string[] = [];
  for (const address of addresses) {
    try {
      return (await get(address)).toString("utf8");
    } catch (error) {
      failures.push(String(error));
    }
  }
  throw new Error(failures.join("; "));
};

const judge = async (
  armored: string,
  fingerprint: string,
  now: Date,
): Promise<string | undefined> => {
  const key = await readKey({ armoredKey: armored });
  if (key.getFingerprint().toUpperCase() !== fingerprint) {
    return `is ${key.getFingerprint().toUpperCase()}, not ${fingerprint}`;
  }
  if (await key.isRevoked()) {
    return "is revoked";
  }
  const end = await key.getExpirationTime();
  return end instanceof Date && end.getTime() - now.getTime() < DAYS_LEFT * DAY
    ? `ends on ${day(end)}`
    : undefined;
};

/**
 * @param catalogue text of profiles/base-images.yaml
 * @param load a key file's text
 * @returns a line for each key that somebody has to look at
 */
export const keyFindings = async (
  catalogue: string,
  load: (file: string) => Promise<string>,
  get: Get,
  now: Date,
): Promise<readonly string[]> => {
  const { keys } = parse(catalogue) as {
    readonly keys: Readonly<Record<string, PinnedKey>>;
  };
  const findings: string[] = [];
  for (const [name, pinned] of Object.entries(keys)) {
    const finding = await textOf(pinned, load, get).then(
      (text) => judge(text, pinned.fingerprint, now),
      (error: unknown) => `cannot be read: ${String(error)}`,
    );
    if (finding !== undefined) {
      findings.push(`- The key ${name} ${finding}.`);
    }
  }
  return findings;
};

// Where the packages of a bundle come from, and who signs them.
import { dirname, join, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { PinnedKey } from "../base/proof/signature.ts";
import { UserError } from "../report/user-error.ts";
import { configFolder } from "../system/folders.ts";
import { existsAt } from "../system/read-if-there.ts";
import { readWholeText } from "../system/read-whole.ts";
import { packageFile } from "../system/package-files.ts";

const archivesSchema = z.strictObject({
  keys: z.record(
    z.string(),
    z.strictObject({
      file: z.string(),
      fingerprint: z.string().regex(/^[0-9A-F]{40}$/),
    }),
  ),
  systems: z.record(
    z.string(),
    z.strictObject({
      address: z.url({ protocol: /^https?$/ }),
      suites: z.array(z.string()).min(1),
      components: z.array(z.string()).min(1),
      key: z.string(),
    }),
  ),
});

export type SystemArchive = {
  /** Without a slash at its end. */
  readonly address: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly key: PinnedKey;
};

const NAME = "package-archives.yaml";

type Archives = z.infer<typeof archivesSchema>;

/** The archives that a file names, with their keys read; a key's file lies beside it. */
const readArchives = async (
  path: string,
): Promise<ReadonlyMap<string, SystemArchive>> => {
  const { keys, systems }: Archives = archivesSchema.parse(
    parse(await readWholeText(path)),
  );
  const found = new Map<string, SystemArchive>();
  for (const [system, { key, address, suites, components }] of Object.entries(
    systems,
  )) {
    const named = keys[key];
    if (named === undefined) {
      throw new SyntaxError(
        `${system} names the key ${key}, which is not there`,
      );
    }
    found.set(system, {
      address: address.replace(/\/+$/, ""),
      suites,
      components,
      key: {
        fingerprint: named.fingerprint,
        armored: await readWholeText(resolve(dirname(path), named.file)),
      },
    });
  }
  return found;
};

/** The user's own: further systems, or other archives of the same. */
const usersArchives = async (
  env: NodeJS.ProcessEnv,
): Promise<ReadonlyMap<string, SystemArchive>> => {
  const path = join(configFolder(env), NAME);
  if (!(await existsAt(path))) {
    return new Map();
  }
  return readArchives(path).catch((error: unknown) => {
    throw new UserError("CATALOGUE_WRONG", `${path} cannot be used`, {
      facts: error instanceof Error ? [error.message] : [],
      state: "nothing was written",
      hint: "compare it with profiles/package-archives.yaml of pi-image, or move it away",
      cause: error,
    });
  });
};

/**
 * Where the packages of a system are: in profiles/package-archives.yaml, where a mistake is our bug and thrown as such, or in
 * a file of the same form among the user's settings. Throws BUNDLE_INCOMPLETE for a system that neither names, and
 * CATALOGUE_WRONG.
 *
 * @param system such as "ubuntu-24.04"
 * @param base its name, for messages
 */
export const loadSystemArchive = async (
  system: string,
  base: string,
  env: NodeJS.ProcessEnv,
): Promise<SystemArchive> => {
  const known = new Map([
    ...(await readArchives(packageFile(`profiles/${NAME}`))),
    ...(await usersArchives(env)),
  ]);
  const found = known.get(system);
  if (found === undefined) {
    throw new UserError(
      "BUNDLE_INCOMPLETE",
      `${base} is ${system}, whose packages this version of pi-image cannot fetch`,
      {
        state: "no bundle was made",
        hint: `a bundle can be made for ${[...known.keys()].join(" and ")}`,
      },
    );
  }
  return found;
};

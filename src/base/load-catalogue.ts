// Loads the catalogue of base images: the package's own and the user's additions, with the keys that they name.
import { dirname, join, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { UserError } from "../report/user-error.ts";
import { isMissing } from "../system/read-if-there.ts";
import { configFolder } from "../system/folders.ts";
import { readWholeText } from "../system/read-whole.ts";
import { packageFile } from "../system/package-files.ts";

const fingerprint = z.string().regex(/^[0-9A-F]{40}$/);

const keySchema = z.union([
  z.strictObject({
    /** Armored public key, relative to the catalogue's folder. */
    file: z.string(),
    fingerprint,
  }),
  z.strictObject({
    /** Where the key is served; what comes from there must have the fingerprint. */
    addresses: z.array(z.url({ protocol: /^https?$/ })).min(1),
    fingerprint,
  }),
]);

const releaseSchema = z.discriminatedUnion("signed", [
  z.strictObject({
    signed: z.literal("list"),
    title: z.string(),
    key: z.string(),
    folder: z.url({ protocol: /^https?$/ }).endsWith("/"),
    file: z.string().regex(/^[^/*]+\*[^/*]+$/),
    sample: z.string().optional(),
  }),
  z.strictObject({
    signed: z.literal("file"),
    title: z.string(),
    key: z.string(),
    address: z.url({ protocol: /^https?$/ }),
    list: z.url({ protocol: /^https?$/ }).optional(),
    checksum: z.boolean(),
    sample: z.string().optional(),
  }),
]);

const sampleSchema = z.strictObject({
  title: z.string(),
  /** Relative to the catalogue's folder. */
  file: z.string(),
});

const catalogueSchema = z.strictObject({
  keys: z.record(z.string(), keySchema).default({}),
  releases: z.record(z.string(), releaseSchema).default({}),
  samples: z.record(z.string(), sampleSchema).default({}),
});

/** A vendor's key: either the package contains it, or servers do and the package contains its fingerprint. */
export type CatalogueKey = {
  /** The primary key's fingerprint, in capitals without spaces. */
  readonly fingerprint: string;
  /** The armored public key, where the package contains it. */
  readonly armored?: string | undefined;
  /** Where else it is served, asked in this order. */
  readonly addresses?: readonly string[] | undefined;
};

type Common = {
  readonly title: string;
  readonly key: CatalogueKey;
  /** Name of the sample that is used instead where there is no network. */
  readonly sample?: string | undefined;
};

/** The vendor signs SHA256SUMS, which lists the images. */
export type ListedRelease = Common & {
  readonly signed: "list";
  /** Where SHA256SUMS, its signature and the images are; ends in /. */
  readonly folder: string;
  /** Name of the image; a * stands for the point release: nothing or ".N". */
  readonly file: string;
};

/** The vendor signs the file itself: `<address>.sig`. */
export type SignedFileRelease = Common & {
  readonly signed: "file";
  /** The file's address; with `list`, each * stands for a date such as 2025-12-04. */
  readonly address: string;
  /** An `os_list` of Raspberry Pi Imager that names the newest address; undefined where there is only one address. */
  readonly list?: string | undefined;
  /** Whether `<address>.sha256` is published as well. */
  readonly checksum: boolean;
};

export type Release = ListedRelease | SignedFileRelease;

export type Sample = { readonly title: string; readonly path: string };

export type Catalogue = {
  readonly releases: ReadonlyMap<string, Release>;
  readonly samples: ReadonlyMap<string, Sample>;
};

/** A mistake in an entry; a file that cannot be read has an error of its own. */
class WrongEntry extends Error {
  override readonly name = "WrongEntry";
}

const loadKey = async (
  key: z.infer<typeof keySchema>,
  folder: string,
): Promise<CatalogueKey> =>
  "file" in key
    ? {
        fingerprint: key.fingerprint,
        armored: await readWholeText(resolve(folder, key.file)),
      }
    : key;

const readCatalogue = async (
  text: string,
  folder: string,
  ours: Catalogue,
): Promise<Catalogue> => {
  const { keys, releases, samples } = catalogueSchema.parse(parse(text));
  const pinned = new Map<string, CatalogueKey>();
  for (const [name, key] of Object.entries(keys)) {
    pinned.set(name, await loadKey(key, folder));
  }
  const allSamples = new Map([
    ...ours.samples,
    ...Object.entries(samples).map(
      ([name, { title, file }]) =>
        [name, { title, path: resolve(folder, file) }] as const,
    ),
  ]);
  const release = (
    name: string,
    written: z.infer<typeof releaseSchema>,
  ): Release => {
    const key = pinned.get(written.key);
    if (
      key === undefined ||
      (written.sample !== undefined && !allSamples.has(written.sample)) ||
      allSamples.has(name)
    ) {
      throw new WrongEntry(
        `the entry ${name} needs a key and a sample that exist, and a name of its own`,
      );
    }
    return { ...written, key };
  };
  return {
    samples: allSamples,
    releases: new Map([
      ...ours.releases,
      ...Object.entries(releases).map(
        ([name, each]) => [name, release(name, each)] as const,
      ),
    ]),
  };
};

const NAME = "base-images.yaml";
const NOTHING: Catalogue = { releases: new Map(), samples: new Map() };

const catalogueWrong = (path: string, error: unknown): UserError =>
  new UserError("CATALOGUE_WRONG", `the catalogue ${path} cannot be used`, {
    facts:
      error instanceof z.ZodError
        ? z.prettifyError(error).split("\n").slice(0, 8)
        : error instanceof Error
          ? error.message.split("\n").slice(0, 4)
          : [],
    state: "nothing was written",
    hint: "docs/base-images.md shows how it is written; without the file, the built-in catalogue is used",
    cause: error,
  });

/** The user's additions; entries of the same name replace ours. Throws CATALOGUE_WRONG. */
const addUsers = async (
  ours: Catalogue,
  env: NodeJS.ProcessEnv,
): Promise<Catalogue> => {
  const path = join(configFolder(env), NAME);
  let text: string;
  try {
    text = await readWholeText(path);
  } catch (error) {
    if (await isMissing(path, error)) {
      return ours;
    }
    throw catalogueWrong(path, error);
  }
  return readCatalogue(text, dirname(path), ours).catch((error: unknown) => {
    throw catalogueWrong(path, error);
  });
};

/** Without the user's additions. A mistake in it is our bug, and thrown as such. */
export const loadPackageCatalogue = async (): Promise<Catalogue> => {
  const path = packageFile(`profiles/${NAME}`);
  return readCatalogue(await readWholeText(path), dirname(path), NOTHING);
};

/** The package's catalogue with the user's. Throws CATALOGUE_WRONG. */
export const loadCatalogue = async (
  env: NodeJS.ProcessEnv,
): Promise<Catalogue> => addUsers(await loadPackageCatalogue(), env);

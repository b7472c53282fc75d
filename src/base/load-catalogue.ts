// Loads the catalogue of base images that the package carries, with the keys that it names.
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { z } from "zod";
import { packageFile } from "../system/package-files.ts";
import type { PinnedKey } from "./signature.ts";

const keySchema = z.strictObject({
  /** Armored public key, relative to profiles/. */
  file: z.string(),
  fingerprint: z.string().regex(/^[0-9A-F]{40}$/),
});

const releaseSchema = z.strictObject({
  title: z.string(),
  folder: z.url({ protocol: /^https$/ }).endsWith("/"),
  file: z.string().regex(/^[^/*]+\*[^/*]+$/),
  key: z.string(),
  sample: z.string(),
});

const sampleSchema = z.strictObject({
  title: z.string(),
  /** Relative to profiles/. */
  file: z.string(),
});

const catalogueSchema = z.strictObject({
  keys: z.record(z.string(), keySchema),
  releases: z.record(z.string(), releaseSchema),
  samples: z.record(z.string(), sampleSchema),
});

export type Release = {
  readonly title: string;
  /** Where SHA256SUMS, its signature and the images are; ends in /. */
  readonly folder: string;
  /** Name of the image; a * stands for the point release: nothing or ".N". */
  readonly file: string;
  readonly key: PinnedKey;
  /** Name of the sample that stands in where there is no network. */
  readonly sample: string;
};

export type Sample = { readonly title: string; readonly path: string };

export type Catalogue = {
  readonly releases: ReadonlyMap<string, Release>;
  readonly samples: ReadonlyMap<string, Sample>;
};

/** The catalogue of the package; a mistake in it is ours, and thrown as such. */
export const loadCatalogue = async (): Promise<Catalogue> => {
  const { keys, releases, samples } = catalogueSchema.parse(
    parse(await readFile(packageFile("profiles/base-images.yaml"), "utf8")),
  );
  const pinned = new Map<string, PinnedKey>();
  for (const [name, { file, fingerprint }] of Object.entries(keys)) {
    const armored = await readFile(packageFile(`profiles/${file}`), "utf8");
    pinned.set(name, { armored, fingerprint });
  }
  const release = (
    name: string,
    { key: keyName, ...rest }: z.infer<typeof releaseSchema>,
  ): Release => {
    const key = pinned.get(keyName);
    if (key === undefined || !(rest.sample in samples) || name in samples) {
      throw new Error(
        `the catalogue's entry ${name} needs a key, a sample, and a name of its own`,
      );
    }
    return { ...rest, key };
  };
  return {
    releases: new Map(
      Object.entries(releases).map(([name, each]) => [
        name,
        release(name, each),
      ]),
    ),
    samples: new Map(
      Object.entries(samples).map(([name, { title, file }]) => [
        name,
        { title, path: packageFile(`profiles/${file}`) },
      ]),
    ),
  };
};

// What the lockfile records of a bundle: enough to make the same bytes again from the same servers or from the cache.
import { z } from "zod";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const packageSchema = z.strictObject({
  name: z.string(),
  version: z.string(),
  /** Which archive has it: that of the base's system, or that of Kubernetes. */
  archive: z.enum(["system", "kubernetes"]),
  /** Below the archive's address. */
  path: z.string(),
  bytes: z.int().nonnegative(),
  sha256,
  /** What its list says of it, by the names of the fields. */
  fields: z.record(z.string(), z.string()),
});

export const bundleSchema = z.strictObject({
  /** The name that the lockfile has for the base. */
  base: z.string(),
  /** The base's digest: another one may have other packages. */
  baseSha256: sha256,
  /** Such as "ubuntu-24.04". */
  system: z.string(),
  /** Such as "1.36.5". */
  kubernetes: z.string(),
  /** What was asked for; the packages below are these and what they need. */
  wanted: z.array(z.string()),
  /** The signed lists that were read, with their dates: an older one is not accepted later. */
  lists: z.array(z.strictObject({ name: z.string(), date: z.iso.datetime() })),
  packages: z.array(packageSchema),
  images: z.array(
    z.strictObject({
      name: z.string(),
      digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
    }),
  ),
  /** SHA-256 of the bundle's index, by which a node knows it, and of the whole file. */
  index: sha256,
  sha256,
});

export type LockedBundle = Readonly<z.infer<typeof bundleSchema>>;
export type LockedPackage = LockedBundle["packages"][number];

/** Of its lists: no package in the bundle can be newer. */
export const oldestList = ({ lists }: LockedBundle): Date =>
  new Date(lists.map(({ date }) => date).toSorted()[0] ?? "");

// A base image that is a file on this computer: the user's own, or a sample of the package.
import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { openImage } from "../image/open-image.ts";
import { UserError } from "../report/user-error.ts";
import type { FoundBase, ResolveOptions } from "./base-request.ts";
import {
  checksumsBeside,
  demandChecksums,
  type ExpectedChecksum,
} from "./checksums.ts";
import { digestFile } from "./digest-file.ts";

export const wrongAddress = (base: string, cause: unknown): UserError =>
  new UserError("WRONG_ARGUMENTS", `${base} is not a valid address`, {
    hint: "give a full address such as https://example.com/base.img.xz, or a path",
    cause,
  });

/** The digest of a file that the user gave; where it cannot be read, in the words of `openImage`. */
const digestOf = async (
  path: string,
  name: string,
  options: ResolveOptions,
): Promise<string> => {
  try {
    return await digestFile(path, { ...options, subject: name });
  } catch (error) {
    if (!options.signal.aborted) {
      await (await openImage(path)).close();
    }
    throw error;
  }
};

/** Compares the file with `given` and with every checksum beside it. */
const resolveFile = async (
  path: string,
  given: ExpectedChecksum | undefined,
  origin: "file" | "sample",
  options: ResolveOptions,
): Promise<FoundBase> => {
  const name = basename(path);
  const expected = [
    ...(given === undefined ? [] : [given]),
    ...(await checksumsBeside(path)),
  ];
  const sha256 = await digestOf(path, name, options);
  demandChecksums(path, sha256, expected);
  return { name, path, sha256, origin };
};

/** A sample of the catalogue. */
export const resolveSample = async (
  name: string,
  given: ExpectedChecksum | undefined,
  options: ResolveOptions,
): Promise<FoundBase> => {
  const sample = options.catalogue.samples.get(name);
  if (sample === undefined) {
    throw new Error(`the catalogue has no sample ${name}`);
  }
  return resolveFile(sample.path, given, "sample", options);
};

const filePath = (base: string): string => {
  if (!base.startsWith("file:")) {
    return resolve(base);
  }
  try {
    return fileURLToPath(base);
  } catch (error) {
    throw wrongAddress(base, error);
  }
};

const fileOf = async (
  base: string,
  { catalogue }: ResolveOptions,
): Promise<string> => {
  const path = filePath(base);
  const found = await stat(path).catch((error: unknown) => error);
  if (
    found instanceof Error &&
    "code" in found &&
    (found.code === "ENOENT" || found.code === "ENOTDIR")
  ) {
    const names = [...catalogue.releases.keys(), ...catalogue.samples.keys()];
    throw new UserError(
      "BASE_NOT_FOUND",
      `${base} is neither in the catalogue nor a file`,
      {
        state: "nothing was written",
        hint: `give the path of an image, or one of: ${names.join(", ")}`,
      },
    );
  }
  return path;
};

/** The file that the user names by its path or a file: address. */
export const resolveGivenFile = async (
  base: string,
  given: ExpectedChecksum | undefined,
  options: ResolveOptions,
): Promise<FoundBase> =>
  resolveFile(await fileOf(base, options), given, "file", options);

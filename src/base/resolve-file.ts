// A base image that is a file on this computer: the user's own, or a sample of the package.
import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { openImage } from "../image/archive/open-image.ts";
import { isAbsent } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";
import type {
  BasePin,
  BaseRequest,
  FoundBase,
  ResolveOptions,
} from "./base-request.ts";
import {
  checksumsBeside,
  demandFileChecksums,
  type ExpectedChecksum,
} from "./proof/checksums.ts";
import { digestFile } from "../network/digest-file.ts";
import { demandedChecksum } from "./proof/signed-checksum.ts";
import { isListedByVendor, vendorChecksum } from "./proof/vendor-checksum.ts";

export const wrongAddress = (base: string, cause: unknown): UserError =>
  new UserError("WRONG_ARGUMENTS", `${base} is not a valid address`, {
    state: "nothing was written",
    hint: "give a full address such as https://example.com/base.img.xz, or a path",
    cause,
  });

/** The digest of a file that the user gave; if it cannot be read, the error is that of `openImage`. */
const digestOf = async (
  path: string,
  name: string,
  options: ResolveOptions,
): Promise<string> => {
  try {
    if (!(await stat(path)).isFile()) {
      throw new Error(`${path} has no digest`);
    }
    return await digestFile(path, { ...options, subject: name });
  } catch (error) {
    if (!options.signal.aborted) {
      await (await openImage(path)).close();
    }
    throw error;
  }
};

/** Compares the file with each of the checksums. */
const resolveFile = async (
  path: string,
  expected: readonly ExpectedChecksum[],
  origin: "file" | "sample",
  options: ResolveOptions,
): Promise<FoundBase> => {
  const name = basename(path);
  const sha256 = await digestOf(path, name, options);
  await demandFileChecksums(path, sha256, expected, options.signal);
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
  const expected = [
    ...(given === undefined ? [] : [given]),
    ...(await checksumsBeside(sample.path, given)),
  ];
  return {
    ...(await resolveFile(sample.path, expected, "sample", options)),
    known: true,
  };
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
  if (await stat(path).then(() => false, isAbsent)) {
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

/** The user's own file may change if something else proves it or the user insists, but not unnoticed. */
const tellChange = (
  { path, sha256 }: FoundBase,
  pin: BasePin | undefined,
  { report }: ResolveOptions,
): void => {
  if (pin !== undefined && pin.sha256 !== sha256) {
    report({
      type: "notice",
      message: `${path} is not the file that the last build used, according to ${pin.from}; the cards that are built now differ from earlier ones`,
    });
  }
};

const takeIt = (sha256: string): string =>
  `if the publisher shows the same digest, run the command again with --sha256 ${sha256}; the publisher's SHA256SUMS beside the file works too, and --insecure accepts the file unchecked`;

const unproven = (
  path: string,
  sha256: string,
  pin: BasePin | undefined,
  facts: readonly string[],
): UserError =>
  pin === undefined
    ? new UserError(
        "CHECKSUM_MISSING",
        `there is no checksum to check ${path} against`,
        {
          facts: [`its SHA-256 is ${sha256}`, ...facts],
          state: "nothing was written",
          hint: takeIt(sha256),
        },
      )
    : new UserError(
        "CHECKSUM_MISMATCH",
        `${path} is not the file that the last build used, according to ${pin.from}`,
        {
          facts: [`expected ${pin.sha256}`, `found    ${sha256}`, ...facts],
          state: "nothing was written",
          hint: takeIt(sha256),
        },
      );

/**
 * The file that the user names by its path or a file: address. It must have every checksum that is known for it: the given
 * one and those beside it, else the vendor's own, else the pinned one. Throws CHECKSUM_MISSING where there is none, unless
 * the request says that none is needed.
 */
export const resolveGivenFile = async (
  request: BaseRequest,
  options: ResolveOptions,
): Promise<FoundBase> => {
  const { base, insecure, pin } = request;
  const path = await fileOf(base, options);
  const given = await demandedChecksum(path, request, options);
  const known = [
    ...(given === undefined ? [] : [given]),
    ...(await checksumsBeside(path, given)),
  ];
  const listed = await isListedByVendor(path, known, options);
  const vendors =
    known.length > 0 || insecure === true
      ? undefined
      : await vendorChecksum(basename(path), options);
  const expected = vendors?.checksum === undefined ? known : [vendors.checksum];
  const found = await resolveFile(path, expected, "file", options);
  if (
    expected.length === 0 &&
    insecure !== true &&
    pin?.sha256 !== found.sha256
  ) {
    throw unproven(path, found.sha256, pin, vendors?.facts ?? []);
  }
  tellChange(found, pin, options);
  // Only the list beside the file counts here, not the vendor's list on the network: with and without a network, the same
  // files must give the same block map.
  return { ...found, known: listed ? true : undefined };
};

// Options that several commands take, and how their values are read.
import { InvalidArgumentError, Option } from "commander";
import { parseBytes } from "../system/parse-bytes.ts";
import { DEFAULT_MAX_SIZE } from "../device/target-rules.ts";

/**
 * Each --host adds a value, and so does each part of a value separated by commas. An empty one is kept so that it is refused
 * later: dropping it could turn the list into "all nodes".
 */
export const collect = (
  value: string,
  before: readonly string[] = [],
): string[] => {
  const parts = value.split(",").filter((part) => part !== "");
  return [...before, ...(parts.length === 0 ? [""] : parts)];
};

/** Each use adds one value, which is not split, because a serial may contain a comma. */
const addOne = (value: string, before: readonly string[] = []): string[] => [
  ...before,
  value,
];

/** See `parseBytes`. */
export const parseSize = (text: string): number => {
  const bytes = parseBytes(text);
  if (bytes === undefined) {
    throw new InvalidArgumentError("Expected a size such as 64GB or 512GiB.");
  }
  return bytes;
};

export const inventoryOption = () =>
  new Option("-f, --inventory <file>", "the inventory").default("cluster.yaml");
export const hostOption = () =>
  new Option("--host <name>", "only this node; may be repeated").argParser(
    collect,
  );
export const outOption = () =>
  new Option("-o, --out <folder>", "folder of the results").default("out");
export const baseOption = () =>
  new Option("--base <base>", "a catalogue name, a file or a URL");
export const sha256Option = () =>
  new Option("--sha256 <digest>", "SHA-256 of the base file as downloaded");
export const signedByOption = () =>
  new Option(
    "--signed-by <fingerprint>",
    "of the key that must have signed SHA256SUMS",
  );
export const insecureOption = () =>
  new Option("--insecure", "accept a base without a checksum");

export const restoreOption = () =>
  new Option(
    "--restore <file>",
    "begin with this state, which `pi-image backup` fetched",
  );

export const bundleOption = () =>
  new Option(
    "--bundle <file>",
    "what the cards carry, from `pi-image bundle write`",
  );

export const identityOption = () =>
  new Option("--identity <file>", "age identities that open the secrets file");

export const yesOption = () =>
  new Option("-y, --yes", "do not ask; a real disk also needs --serial");
export const serialOption = () =>
  new Option(
    "--serial <serial>",
    "the serial that the target must have; may be repeated",
  ).argParser(addOne);
export const allowFixedOption = () =>
  new Option("--allow-fixed", "allow a disk that is not removable");
export const maxSizeOption = () =>
  new Option("--max-size <size>", "refuse larger targets")
    .argParser(parseSize)
    .default(DEFAULT_MAX_SIZE, "512GiB");
export const allowExecOption = () =>
  new Option("--allow-exec", "run the inventory's exec: commands unasked");

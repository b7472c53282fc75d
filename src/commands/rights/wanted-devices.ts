// Which devices a command line names, read by the helper that opens them: the program proper reads it again for itself.
import { parseArgs } from "node:util";
import type { WantedDevices } from "../../device/helper/give-devices.ts";
import { DEFAULT_MAX_SIZE } from "../../device/target-rules.ts";
import { parseBytes } from "../../system/parse-bytes.ts";

/**
 * The commands that work on devices, with their options that take a value, as the word after such an option is not a target.
 */
export const DEVICE_COMMANDS: Readonly<Record<string, readonly string[]>> = {
  flash: [
    "inventory",
    "host",
    "base",
    "sha256",
    "out",
    "serial",
    "max-size",
    "patience",
    "signed-by",
    "restore",
    "bundle",
  ],
  verify: ["inventory", "out", "signed-by"],
  devices: ["test", "serial", "max-size"],
};

const SHORT: Readonly<Record<string, string>> = { inventory: "f", out: "o" };

/** The command is the first word that is not an option. */
export const commandOf = (words: readonly string[]): string =>
  words.find((word) => !word.startsWith("-")) ?? "";

/** `--host NODE=TARGET`, several of them separated by commas. */
const pathsOfHosts = (hosts: readonly string[]): readonly string[] =>
  hosts
    .flatMap((host) => host.split(","))
    .flatMap((pair) => {
      const at = pair.indexOf("=");
      return at < 0 ? [] : [pair.slice(at + 1)];
    });

/** @param words the words of the command line after the program's name */
export const wantedDevices = (words: readonly string[]): WantedDevices => {
  const command = commandOf(words);
  const taking = DEVICE_COMMANDS[command];
  if (
    taking === undefined ||
    words.some((word) => /^(-h|--help)$/.test(word))
  ) {
    return { use: "nothing" };
  }
  const { values, positionals } = parseArgs({
    args: [...words],
    strict: false,
    allowPositionals: true,
    options: Object.fromEntries(
      taking.map((name) => {
        const short = SHORT[name];
        return [
          name,
          {
            type: "string",
            multiple: true,
            ...(short === undefined ? {} : { short }),
          },
        ];
      }),
    ),
  });
  const all = (name: string): readonly string[] =>
    [values[name] ?? []].flat().filter((value) => typeof value === "string");
  const [, target] = positionals;
  const named = target === undefined ? [] : [target];
  const test = all("test");
  const paths =
    command === "devices"
      ? test.slice(-1)
      : [...named, ...pathsOfHosts(all("host"))];
  if (command === "devices" && test.length === 0) {
    return { use: "look" };
  }
  if (command === "verify" || values["dry-run"] === true) {
    return { use: "read", paths };
  }
  return {
    use: "write",
    paths,
    allowFixed: values["allow-fixed"] === true,
    maxSize: parseBytes(all("max-size").at(-1) ?? "") ?? DEFAULT_MAX_SIZE,
    serials: all("serial"),
  };
};

// What CONTRIBUTING says a new thing costs: the files that name the last one of each kind, and no others.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageFile } from "../../src/system/package-files.ts";

const sources = (): readonly string[] =>
  ["src", "profiles", "cloud-init"]
    .flatMap((folder) =>
      readdirSync(packageFile(folder), { recursive: true, encoding: "utf8" })
        .filter((name) => /(^|\/)[\w-]+(\.(ts|yaml|sh))?$/.test(name))
        .map((name) => join(folder, name)),
    )
    .toSorted();

/** The words of other tools, among which a name of ours may be. */
const FOREIGN = "src/inventory/yaml/foreign-keys.ts";

/** Without comments, which may name anything, and folders. */
const codeOf = (path: string): string => {
  try {
    return readFileSync(packageFile(path), "utf8").replaceAll(
      /^\s*(\/\/|\/?\*|#).*$/gm,
      "",
    );
  } catch {
    return "";
  }
};

const files = new Map(
  sources()
    .filter((path) => path !== FOREIGN)
    .map((path) => [path, codeOf(path)]),
);

const naming = (name: RegExp): readonly string[] =>
  [...files].flatMap(([path, code]) =>
    name.test(code) || name.test(path) ? [path] : [],
  );

it.each([
  [
    "a switch that ends in config.txt",
    /clockBattery/,
    ["src/inventory/boards/hardware.ts"],
  ],
  [
    "a base system",
    /raspios/,
    [
      "cloud-init/fragments/host/system-raspios.yaml",
      "profiles/base-images.yaml",
      // One of its switches, which is another row of this table.
      "src/inventory/boards/hardware.ts",
      "src/inventory/boards/systems.ts",
    ],
  ],
  [
    "a phase on the node",
    /65-extras/,
    [
      "cloud-init/files/usr/local/lib/pi-image/phases/65-extras",
      "src/seed/host-files.ts",
    ],
  ],
  [
    "a fragment",
    /host\/boot-partition\.yaml/,
    [
      "cloud-init/fragments/host/boot-partition.yaml",
      "profiles/control-plane.yaml",
      "profiles/gateway.yaml",
      "profiles/storage-worker.yaml",
      "profiles/storage.yaml",
      "profiles/worker.yaml",
    ],
  ],
  [
    "a network plug-in",
    /calico/i,
    [
      "profiles/manifests.yaml",
      "src/inventory/resolved.ts",
      "src/supplies/fetch-cni.ts",
      "src/supplies/fill-calico.ts",
    ],
  ],
  [
    "a rule that refuses a target",
    /TARGET_OTHER_SECTORS/,
    ["src/device/target-rules.ts", "src/report/error-codes.ts"],
  ],
  [
    "a command",
    /\bdoctor\.ts|"doctor"/,
    ["src/commands/doctor.ts", "src/program.ts"],
  ],
] as const)("%s costs what the table says", (_, name, expected) => {
  expect(naming(name)).toEqual(expected);
});

// A project in a folder of its own, and pi-image run in it at a fixed build time.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runTool } from "../../src/system/run/run-tool.ts";
import { type CliResult, runCli } from "../support/run-cli.ts";

export const EPOCH = { SOURCE_DATE_EPOCH: "1790000000" };

/** Names, a network and a user that no release may tell. */
const INVENTORY = `cluster:
  name: homelab
  kubernetes: "1.36"
  endpoint: cellar
defaults:
  board: pi5
  base: sample
  timezone: Europe/Madrid
  users: [{name: ana, sshKeys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqWKuBLVgYPj6tLVvmnJ5Iu3VPrFQDmRTsVZyyMXV0x ana@laptop"]}]
  wifi: {ssid: upstairs, country: ES, security: wpa2, password: env:WIFI_PASSWORD}
nodes:
  - {name: cellar, role: control-plane, address: 192.168.1.50/24, gateway: 192.168.1.1}
  - {name: attic, role: worker}
  - {name: loft, role: worker, uplink: wifi, storage: nvme, pcieGen: 3}
`;

/** Words of that inventory that belong to nodes. */
export const IDENTITY = [
  "cellar",
  "attic",
  "loft",
  "ana@laptop",
  "AAAAC3NzaC1lZDI1NTE5AAAAIJqWKuBLVgYPj6tLVvmnJ5Iu3VPrFQDmRTsVZyyMXV0x",
  "upstairs",
  "192.168.1.",
  "Madrid",
] as const;

export type Project = {
  readonly folder: string;
  /** Fails the test when the program does not end with 0. */
  readonly pi: (...args: readonly string[]) => Promise<CliResult>;
  readonly tryPi: (
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ) => Promise<CliResult>;
  readonly path: (...parts: readonly string[]) => string;
  readonly remove: () => void;
};

export const makeProject = (inventory = INVENTORY): Project => {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-release-"));
  writeFileSync(join(folder, "cluster.yaml"), inventory);
  const tryPi: Project["tryPi"] = (args, env = {}) =>
    runCli(args, {
      cwd: folder,
      env: { ...EPOCH, WIFI_PASSWORD: "correct horse battery", ...env },
    });
  return {
    folder,
    tryPi,
    pi: async (...args) => {
      const result = await tryPi(args);
      if (result.status !== 0) {
        throw new Error(`${args.join(" ")}: ${result.stderr}`);
      }
      return result;
    },
    path: (...parts) => join(folder, ...parts),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
};

/** Every file of an image's boot partition, with its content in base64. */
export const bootFiles = async (
  image: string,
): Promise<ReadonlyMap<string, string>> => {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-boot-"));
  try {
    const boot = `${image}@@1M`;
    await runTool("mcopy", ["-s", "-n", "-Q", "-i", boot, "::", folder]);
    const { stdout } = await runTool("sh", [
      "-c",
      'cd "$1" && find . -type f | sort | while read -r file; do echo "$file $(base64 -w 0 "$file")"; done',
      "sh",
      folder,
    ]);
    return new Map(
      stdout
        .trim()
        .split("\n")
        .map((line) => {
          const at = line.indexOf(" ");
          return [line.slice(2, at), line.slice(at + 1)];
        }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

// A cluster as a user makes it: an inventory, a key, and `pi-image build` on a base of the tests.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runTool } from "../../../src/system/run-tool.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");
export const USER = "ana";

export type Project = {
  readonly folder: string;
  readonly image: (node: string) => string;
  /** The key with which the user logs in, without a passphrase. */
  readonly key: string;
  readonly knownHosts: string;
  readonly kubeconfig: string;
};

/** Runs `pi-image` from its sources, in the folder of the project. */
export const piImage = async (
  folder: string,
  ...args: readonly string[]
): Promise<void> => {
  await runTool(
    process.execPath,
    [
      "--import",
      join(REPOSITORY, "node_modules/tsx/dist/loader.mjs"),
      join(REPOSITORY, "src/cli.ts"),
      ...args,
    ],
    { cwd: folder },
  );
};

/** Writes the inventory beside a new key and builds all its nodes; `${key}` in the text is the key's public line. */
export const buildProject = async (
  folder: string,
  inventory: string,
  base: string,
  ...options: readonly string[]
): Promise<Project> => {
  await mkdir(folder, { recursive: true });
  const key = join(folder, "id_ed25519");
  await runTool(
    "ssh-keygen",
    ["-q", "-t", "ed25519", "-N", "", "-C", USER, "-f", key],
    { package: "openssh-client" },
  );
  const publicKey = (await readFile(`${key}.pub`, "utf8")).trim();
  await writeFile(
    join(folder, "cluster.yaml"),
    inventory.replaceAll("${key}", publicKey),
  );
  await piImage(folder, "build", "--base", base, ...options);
  const out = (name: string) => join(folder, "out", name);
  return {
    folder,
    image: (node) => out(`${node}.img`),
    key,
    knownHosts: out("known_hosts"),
    kubeconfig: out("kubeconfig"),
  };
};

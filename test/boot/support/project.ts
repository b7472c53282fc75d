// A cluster as a user makes it: an inventory, a key, and `pi-image build` on a base of the tests.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runTool, tryTool } from "../../../src/system/run/run-tool.ts";
import { makeOfflinePackage, type OfflinePackage } from "./offline-package.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");
export const USER = "ana";

export type Project = {
  readonly folder: string;
  readonly package: OfflinePackage;
  readonly image: (node: string) => string;
  /** The key with which the user logs in, without a passphrase. */
  readonly key: string;
  readonly knownHosts: string;
  readonly kubeconfig: string;
};

/** The words that run `pi-image`. */
export const piImageCommand = (
  { cache, cli, path }: OfflinePackage,
  ...args: readonly string[]
): readonly ["env", ...string[]] => [
  "env",
  `PI_IMAGE_CACHE_HOME=${cache}`,
  `PATH=${path}`,
  process.execPath,
  "--import",
  join(REPOSITORY, "node_modules/tsx/dist/loader.mjs"),
  cli,
  ...args,
];

/** Runs `pi-image` in the folder of the project; what it says of a failure is the error. */
export const piImage = async (
  project: Pick<Project, "folder" | "package">,
  ...args: readonly string[]
): Promise<void> => {
  const [program, ...words] = piImageCommand(project.package, ...args);
  const done = await tryTool(program, words, { cwd: project.folder });
  if (done.status !== 0) {
    throw new Error(
      `pi-image ${args.join(" ")} ended with ${done.status}:\n${done.stderr}`,
    );
  }
};

export type Vendor = {
  /** What `--base` gets; without it the inventory names the bases. */
  readonly image?: string;
  /** Flannel's manifest for the control plane's card; the small one of the tests when not given. */
  readonly flannel?: string;
};

/** Writes the inventory beside a new key and builds all its nodes; `${key}` in the text is the key's public line. */
export const buildProject = async (
  folder: string,
  inventory: string,
  { image, flannel }: Vendor,
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
  const offline = await makeOfflinePackage(folder, flannel);
  await piImage(
    { folder, package: offline },
    "build",
    ...(image === undefined ? [] : ["--base", image]),
    // The base is of the tests' own making.
    "--insecure",
    ...options,
  );
  const out = (name: string) => join(folder, "out", name);
  return {
    folder,
    package: offline,
    image: (node) => out(`${node}.img`),
    key,
    knownHosts: out("known_hosts"),
    kubeconfig: out("kubeconfig"),
  };
};

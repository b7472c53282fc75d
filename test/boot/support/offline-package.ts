// A copy of pi-image that pins the tests' manifests of every CNI, with these in its cache: no server is asked.
import {
  chmod,
  cp,
  mkdir,
  readFile,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import {
  CALICO,
  CHART,
  DRIVER,
  FLANNEL,
  renderedChart,
  sha256,
} from "../../supplies/manifests.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");

export type OfflinePackage = {
  readonly cli: string;
  /** What PI_IMAGE_CACHE_HOME has to be. */
  readonly cache: string;
  /** What PATH has to be: with a helm that knows the one chart. */
  readonly path: string;
};

const writeHelm = async (folder: string): Promise<void> => {
  await mkdir(folder);
  const manifest = join(folder, "cilium.yaml");
  await writeFile(manifest, renderedChart("kubernetes"));
  const helm = join(folder, "helm");
  await writeFile(helm, `#!/bin/sh\nexec cat '${manifest}'\n`);
  await chmod(helm, 0o755);
};

export const makeOfflinePackage = async (
  folder: string,
  flannel: string = FLANNEL,
): Promise<OfflinePackage> => {
  const root = join(folder, "package");
  const cache = join(folder, "cache");
  const helm = join(folder, "helm");
  await mkdir(root, { recursive: true });
  for (const part of ["src", "profiles", "cloud-init", "package.json"]) {
    await cp(join(REPOSITORY, part), join(root, part), { recursive: true });
  }
  await symlink(join(REPOSITORY, "node_modules"), join(root, "node_modules"));
  const file = join(root, "profiles/manifests.yaml");
  const pins = parse(await readFile(file, "utf8")) as {
    manifests: Record<"calico" | "cilium" | "flannel", { sha256: string }>;
    storage: { manifests: { sha256: string }[] };
  };
  await mkdir(join(cache, "archives"), { recursive: true, mode: 0o700 });
  const { manifests, storage } = pins;
  for (const [pinned, text] of [
    [[manifests.flannel], flannel],
    [[manifests.calico], CALICO],
    [[manifests.cilium], CHART],
    [storage.manifests, DRIVER],
  ] as const) {
    for (const pin of pinned) {
      pin.sha256 = sha256(text);
    }
    await writeFile(join(cache, "archives", sha256(text)), text);
  }
  await writeFile(file, stringify(pins));
  await writeHelm(helm);
  return {
    cli: join(root, "src/cli.ts"),
    cache,
    path: `${helm}:${process.env["PATH"] ?? ""}`,
  };
};

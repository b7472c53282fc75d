// A copy of pi-image that pins a flannel manifest of the tests, with that manifest in its cache: no server is asked.
import { createHash } from "node:crypto";
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { FLANNEL } from "../../addons/manifests.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");

export type OfflinePackage = {
  readonly cli: string;
  /** What PI_IMAGE_CACHE_HOME has to be. */
  readonly cache: string;
};

export const makeOfflinePackage = async (
  folder: string,
  flannel: string = FLANNEL,
): Promise<OfflinePackage> => {
  const root = join(folder, "package");
  const cache = join(folder, "cache");
  await mkdir(root, { recursive: true });
  for (const part of ["src", "profiles", "cloud-init", "package.json"]) {
    await cp(join(REPOSITORY, part), join(root, part), { recursive: true });
  }
  await symlink(join(REPOSITORY, "node_modules"), join(root, "node_modules"));
  const sha256 = createHash("sha256").update(flannel).digest("hex");
  const file = join(root, "profiles/manifests.yaml");
  const pins = parse(await readFile(file, "utf8")) as {
    manifests: { flannel: { sha256: string } };
  };
  pins.manifests.flannel.sha256 = sha256;
  await writeFile(file, stringify(pins));
  await mkdir(join(cache, "archives"), { recursive: true });
  await writeFile(join(cache, "archives", sha256), flannel);
  return { cli: join(root, "src/cli.ts"), cache };
};

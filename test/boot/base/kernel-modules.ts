// Copies the few kernel modules that the tests need, with all that they depend on.
import { cp, mkdir, readFile, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { runTool } from "../../../src/system/run/run-tool.ts";
import { MODULES } from "./recipe.ts";

type Dependencies = ReadonlyMap<string, readonly string[]>;

export const moduleName = (path: string): string =>
  basename(path).replace(/\.ko(\.xz)?$/, "");

/** modules.dep names, for each module, all modules to load before it, the first one last. */
const readDependencies = async (folder: string): Promise<Dependencies> => {
  const text = await readFile(join(folder, "modules.dep"), "utf8");
  return new Map(
    text
      .split("\n")
      .filter((line) => line.includes(":"))
      .map((line) => {
        const [path = "", needs = ""] = line.split(":");
        return [path, needs.trim().split(" ").filter(Boolean)] as const;
      }),
  );
};

/** The files to load, in order, for these modules; what is built in needs none. */
export const loadOrder = async (
  folder: string,
  names: readonly string[],
): Promise<readonly string[]> => {
  const dependencies = await readDependencies(folder);
  const order = names.flatMap((name) =>
    [...dependencies]
      .filter(([path]) => moduleName(path) === name)
      .flatMap(([path, needs]) => [...needs.toReversed(), path]),
  );
  return [...new Set(order)];
};

/** Installs the wanted modules of `folder` as /usr/lib/modules/<release> of `root`. */
export const installModules = async (
  folder: string,
  root: string,
  release: string,
): Promise<void> => {
  const dependencies = await readDependencies(folder);
  const wanted = new Set<string>();
  for (const [path, needs] of dependencies) {
    if (MODULES.some((pattern) => pattern.test(moduleName(path)))) {
      [path, ...needs].forEach((file) => wanted.add(file));
    }
  }
  const target = join(root, "usr/lib/modules", release);
  await rm(target, { recursive: true, force: true });
  for (const file of wanted) {
    await mkdir(dirname(join(target, file)), { recursive: true });
    await cp(join(folder, file), join(target, file));
  }
  for (const list of [
    "modules.builtin",
    "modules.builtin.modinfo",
    "modules.order",
  ]) {
    await cp(join(folder, list), join(target, list));
  }
  await runTool("chroot", [root, "depmod", release]);
};

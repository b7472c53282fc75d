// The Ubuntu-shaped base image for the boot tests, made once and kept in the cache.
import { existsSync } from "node:fs";
import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { basename, join } from "node:path";
import { cacheFolder } from "../../../src/system/folders.ts";
import { runTool } from "../../../src/system/run/run-tool.ts";
import { makeDebianRoot } from "./debian-root.ts";
import { makeDiskImage } from "./disk-layout.ts";
import { installModules } from "./kernel-modules.ts";
import { makeInitrd } from "./make-initrd.ts";
import { recipeKey, type Arch } from "./recipe.ts";
import { shapeRoot } from "./ubuntu-shape.ts";

export type Base = {
  readonly arch: Arch;
  /** The raw image that `pi-image build --base` gets. */
  readonly image: string;
  /** A folder with user-mode Linux and its libc to chroot into; undefined for a foreign architecture. */
  readonly uml: string | undefined;
};

const only = async (folder: string): Promise<string> => {
  const [name] = await readdir(folder);
  if (name === undefined) {
    throw new Error(`nothing in ${folder}`);
  }
  return join(folder, name);
};

/** The UML binary needs a newer libc than an older host has, so it takes its own along. */
const makeUmlFolder = async (
  folder: string,
  root: string,
  kernel: string,
): Promise<void> => {
  const loader = "lib64/ld-linux-x86-64.so.2";
  const libc = "lib/x86_64-linux-gnu/libc.so.6";
  for (const path of [
    "lib64",
    "lib/x86_64-linux-gnu",
    "dev",
    "proc",
    "tmp",
    "card",
  ]) {
    await mkdir(join(folder, path), { recursive: true });
  }
  await cp(join(root, loader), join(folder, loader), { dereference: true });
  await cp(join(root, libc), join(folder, libc), { dereference: true });
  await cp(join(kernel, "usr/bin/linux.uml"), join(folder, "linux.uml"));
};

const makeBase = async (work: string, arch: Arch): Promise<void> => {
  const { root, kernel } = await makeDebianRoot(work, arch);
  await shapeRoot(root);
  const modules = await only(join(kernel, "usr/lib/modules"));
  const release = basename(modules);
  // The package's own installation would have indexed them; depmod wants /lib.
  await symlink("usr/lib", join(kernel, "lib"));
  await runTool("chroot", [root, "depmod", "-b", "/kernel", release]);
  await installModules(modules, root, release);
  const boot = join(work, "boot");
  await cp(join(import.meta.dirname, "system-boot"), boot, { recursive: true });
  await cp(join(kernel, "boot", `vmlinuz-${release}`), join(boot, "vmlinuz"));
  await cp(await makeInitrd(work, root, modules), join(boot, "initrd.img"));
  if (arch === "amd64") {
    const uml = await only(join(kernel, "usr/lib/uml/modules"));
    await installModules(uml, root, basename(uml));
    await makeUmlFolder(join(work, "uml"), root, kernel);
  }
  await rm(kernel, { recursive: true });
  await makeDiskImage(join(work, "base.img"), root, boot);
  await writeFile(join(work, "made"), "");
};

const DAY = 24 * 3600 * 1000;

/** A recipe that has changed leaves a gigabyte behind; one of today may still be in use by another run. */
const removeOldBases = async (cache: string, keep: string): Promise<void> => {
  for (const name of await readdir(cache)) {
    const path = join(cache, name);
    if (path !== keep && Date.now() - (await stat(path)).mtimeMs > DAY) {
      await rm(path, { recursive: true, force: true });
    }
  }
};

/** The cached base, or a new one: about a minute, then less than a second. */
export const baseImage = async (arch: Arch): Promise<Base> => {
  const cache = join(cacheFolder(), "test-boot");
  const folder = join(cache, `${arch}-${recipeKey(arch)}`);
  if (!existsSync(join(folder, "made"))) {
    await mkdir(cache, { recursive: true });
    const work = await mkdtemp(join(cache, "making-"));
    try {
      await removeOldBases(cache, folder);
      await makeBase(work, arch);
      await mkdir(`${folder}`, { recursive: true });
      for (const name of ["base.img", "uml", "made"]) {
        if (existsSync(join(work, name))) {
          await rm(join(folder, name), { recursive: true, force: true });
          await rename(join(work, name), join(folder, name));
        }
      }
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  return {
    arch,
    image: join(folder, "base.img"),
    uml: arch === "amd64" ? join(folder, "uml") : undefined,
  };
};

// A small initial RAM disk: busybox, a few modules and one script.
import { chmod, cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { runTool } from "../../../src/system/run/run-tool.ts";
import { loadOrder } from "./kernel-modules.ts";
import { INITRD_MODULES } from "./recipe.ts";

/** Writes `<folder>/initrd.img` from busybox of `root` and the modules in `modules`. */
export const makeInitrd = async (
  folder: string,
  root: string,
  modules: string,
): Promise<string> => {
  const tree = join(folder, "initrd");
  const files = await loadOrder(modules, INITRD_MODULES);
  await mkdir(join(tree, "bin"), { recursive: true });
  await mkdir(join(tree, "modules"));
  await cp(join(root, "usr/bin/busybox"), join(tree, "bin/busybox"));
  await writeFile(
    join(tree, "init"),
    await readFile(join(import.meta.dirname, "initrd/init")),
  );
  await chmod(join(tree, "init"), 0o755);
  const names: string[] = [];
  for (const file of files) {
    const name = basename(file).replace(/\.xz$/, "");
    await cp(join(modules, file), join(tree, "modules", basename(file)));
    if (file.endsWith(".xz")) {
      // busybox has no decoder for the kernel's xz settings.
      await runTool("xz", ["-d", join(tree, "modules", basename(file))]);
    }
    names.push(name);
  }
  await writeFile(join(tree, "modules/order"), `${names.join("\n")}\n`);
  const image = join(folder, "initrd.img");
  await runTool("sh", [
    "-c",
    'cd "$1" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1 >"$2"',
    "sh",
    tree,
    image,
  ]);
  return image;
};

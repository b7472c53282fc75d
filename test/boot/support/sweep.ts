// Takes away what a killed run could not: machines, network namespaces, mounts and folders that bear its process id.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PREFIX = "pi-image-boot-";

/** Where `mkdtemp` makes the folder of a test: under the id of this process, so that a later run can tell whose it was. */
export const testFolderPrefix = (): string =>
  join(tmpdir(), `${PREFIX}${process.pid}-`);

const isOver = (name: string, pattern: RegExp): boolean => {
  const pid = pattern.exec(name)?.[1];
  return pid !== undefined && !existsSync(`/proc/${pid}`);
};

const ip = (...words: readonly string[]): string =>
  spawnSync("ip", words, { encoding: "utf8" }).stdout ?? "";

const sweepNamespaces = (): void => {
  const names = existsSync("/run/netns") ? readdirSync("/run/netns") : [];
  for (const name of names) {
    if (isOver(name, /^pi-boot-(\d+)-/)) {
      for (const pid of ip("netns", "pids", name).split("\n")) {
        if (pid !== "") {
          spawnSync("kill", ["-KILL", pid]);
        }
      }
      ip("netns", "del", name);
    }
  }
};

const sweepFolders = (): void => {
  for (const name of readdirSync(tmpdir())) {
    if (isOver(name, /^pi-image-boot-(\d+)-/)) {
      const folder = join(tmpdir(), name);
      const mounts = readFileSync("/proc/mounts", "utf8")
        .split("\n")
        .map((line) => line.split(" ")[1] ?? "")
        .filter((path) => path.startsWith(`${folder}/`));
      for (const path of mounts.toReversed()) {
        spawnSync("umount", ["--lazy", path]);
      }
      rmSync(folder, { recursive: true, force: true });
    }
  }
};

export const sweep = (): void => {
  sweepNamespaces();
  sweepFolders();
};

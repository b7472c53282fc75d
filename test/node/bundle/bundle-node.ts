// A node with a bundle on its card, and the machine's own programs that use it in place of fakes.
import { chmodSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  layNode,
  leftToDo,
  type Circumstances,
  type Phase,
} from "../fake-node.ts";
import { sampleNode, sampleProject } from "../../seed/sample-project.ts";
import { asPartition, type Bundle } from "./make-bundle.ts";

const REAL = ["df", "tar"];

const FAKE = '#!/bin/sh\n. "$FAKES/fake.sh"\n';
const SYSTEM_PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

/** Everything below the node's folder, and of its own sources only what is there. */
const APT = [
  "Dir::State::status=$root/var/lib/dpkg/status",
  "Dir::State::extended_states=$root/var/lib/apt/extended_states",
  "Dir::State::lists=$root/var/lib/apt/lists",
  "Dir::Cache=$root/var/cache/apt",
  "Dir::Etc::sourcelist=/dev/null",
  "Dir::Etc::sourceparts=$root/etc/apt/sources.list.d",
  "Dir::Log=$root/var/log",
  "DPkg::Options::=--root=$root",
  "DPkg::Options::=--force-not-root",
  // Nobody listens there: what asks another archive than the bundle fails at once, and reaches none.
  "Acquire::http::Proxy=http://127.0.0.1:9",
  "Acquire::https::Proxy=http://127.0.0.1:9",
  "Acquire::Retries=0",
]
  .map((option) => `-o "${option}"`)
  .join(" ");

const PROGRAMS: Readonly<Record<string, string>> = {
  "apt-get": `case "$*" in *print-uris*) ;; *" install "*) plan apt-install ;; esac
${SYSTEM_PATH} /usr/bin/apt-get ${APT} "$@"\n`,
  "apt-cache": `${SYSTEM_PATH} exec /usr/bin/apt-cache ${APT} "$@"\n`,
  blockdev: "",
  dpkg: `${SYSTEM_PATH} exec /usr/bin/dpkg --root="$root" --force-not-root "$@"\n`,
  "dpkg-query": `exec /usr/bin/dpkg-query --admindir="$root/var/lib/dpkg" "$@"\n`,
  lsblk: 'cat "$world/partitions"\n',
};

export const PARTITION = "dev/mmcblk0p3";

/** A worker of the sample project; the bundle lies in the card's partition unless `files` say otherwise. */
export const layWithBundle = async (
  bundle: Bundle,
  phases: readonly Phase[],
  is: Partial<Circumstances> = {},
  programs: Readonly<Record<string, string>> = {},
): Promise<string> => {
  const root = await layNode({
    project: sampleProject,
    node: sampleNode,
    installed: [],
    bundle: bundle.index,
    ...is,
    world: {
      partitions: "mmcblk0 \nmmcblk0p1 0xc\nmmcblk0p2 0x83\nmmcblk0p3 0xda",
      ...is.world,
    },
    files: {
      ...leftToDo(...phases),
      "var/lib/dpkg/status": "",
      "var/lib/dpkg/updates/.keep": "",
      "var/lib/dpkg/info/.keep": "",
      "var/lib/apt/lists/partial/.keep": "",
      "var/cache/apt/archives/partial/.keep": "",
      "var/log/.keep": "",
      ...is.files,
    },
  });
  writeFileSync(join(root, PARTITION), asPartition(bundle));
  rmSync(join(root, "var/lib/dpkg/updates/.keep"));
  for (const [name, text] of Object.entries({ ...PROGRAMS, ...programs })) {
    const path = join(root, "bin", name);
    rmSync(path, { force: true });
    writeFileSync(path, FAKE + text);
    chmodSync(path, 0o755);
  }
  for (const tool of REAL) {
    symlinkSync(join("/usr/bin", tool), join(root, "real", tool));
  }
  return root;
};

// The netplan of Debian 13, which Ubuntu 24.04 has as well, for machines whose own does not know WPA3: run from its
// packages without being installed.
import { existsSync } from "node:fs";
import {
  mkdir,
  mkdtemp,
  readdir,
  rename,
  rm,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runTool } from "../../src/system/run/run-tool.ts";
import { debianMirror } from "./debian-mirror.ts";

const SUITE = "trixie";
const KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** The generator and the libraries that it is linked with, down to the C library. */
const PACKAGES = (
  "netplan-generator libnetplan1 libc6 libglib2.0-0t64 libyaml-0-2 libuuid1 libatomic1 libpcre2-8-0 zlib1g libmount1 " +
  "libselinux1 libffi8 libblkid1"
).split(" ");

const CACHE = fileURLToPath(
  new URL("../../node_modules/.cache/pi-image-tests/", import.meta.url),
);

const download = async (mirror: string, folder: string): Promise<void> => {
  const at = (...names: string[]) => join(folder, ...names);
  await mkdir(at("lists/partial"), { recursive: true });
  await mkdir(at("cache/archives/partial"), { recursive: true });
  await mkdir(at("debs"));
  await mkdir(at("root"));
  await writeFile(at("status"), "");
  await writeFile(
    at("sources.list"),
    `deb [signed-by=${KEYS}] ${mirror} ${SUITE} main\n`,
  );
  const options = [
    // The clock of a build machine may be ahead of a mirror that stands still.
    "Acquire::Check-Valid-Until=false",
    "Acquire::Languages=none",
    "APT::Sandbox::User=root",
    `Dir::Etc::SourceList=${at("sources.list")}`,
    "Dir::Etc::SourceParts=/dev/null",
    `Dir::State=${folder}`,
    `Dir::State::status=${at("status")}`,
    `Dir::Cache=${at("cache")}`,
  ].flatMap((option) => ["-o", option]);
  await runTool("apt-get", ["-q", ...options, "update"]);
  await runTool("apt-get", ["-q", ...options, "download", ...PACKAGES], {
    cwd: at("debs"),
  });
  for (const deb of await readdir(at("debs"))) {
    await runTool("dpkg-deb", ["-x", at("debs", deb), at("root")]);
  }
};

/** A command that is to be called with netplan's own arguments; undefined where Debian cannot be had. */
export const newerNetplan = async (): Promise<
  readonly [string, ...string[]] | undefined
> => {
  const root = join(CACHE, `netplan-${SUITE}`);
  if (!existsSync(root)) {
    const mirror = existsSync(KEYS) ? await debianMirror() : undefined;
    if (mirror === undefined) {
      return undefined;
    }
    await mkdir(CACHE, { recursive: true });
    const folder = await mkdtemp(join(CACHE, "new-"));
    try {
      await download(mirror, folder);
      await rename(join(folder, "root"), root);
    } catch {
      return undefined;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  // Its C library is newer than this machine's, so it is started by the loader that belongs to it.
  const [folder = "", loader = ""] = (
    await readdir(join(root, "usr/lib"), { recursive: true })
  )
    .filter((path) => /^[^/]+\/ld-linux-[^/]+$/.test(path))
    .flatMap((path) => path.split("/"));
  const libraries = join(root, "usr/lib", folder);
  return [
    join(libraries, loader),
    "--library-path",
    libraries,
    join(root, "usr/libexec/netplan/generate"),
  ];
};

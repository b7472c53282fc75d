// A Debian root folder and the kernel packages beside it, made by mmdebstrap from the mirror this machine uses.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { debianMirror } from "../../support/debian-mirror.ts";
import { runTool } from "../../../src/system/run/run-tool.ts";
import { LATER_PACKAGES, PACKAGES, SUITE, type Arch } from "./recipe.ts";

const NO_DOCUMENTATION = ["doc", "man", "info", "locale", "lintian", "bug"];

/** apt on this machine with the configuration of the new root. */
const apt = "APT_CONFIG=$MMDEBSTRAP_APT_CONFIG";

/** Downloads the kernel packages into `$1.debs`. */
const downloadHook = (arch: Arch): string => {
  const kernel = `$(${apt} apt-cache depends linux-image-${arch} | sed -n 's/.*Depends: \\(linux-image-[0-9].*\\)/\\1/p')`;
  const uml = arch === "amd64" ? "user-mode-linux" : "";
  return `cd "$1.debs" && ${apt} apt-get -q -o APT::Sandbox::User=root download ${kernel} ${uml}`;
};

/** Downloads each package that a node installs later to a folder of its own, with those that it needs. */
const laterHook = `for name in ${LATER_PACKAGES.join(" ")}; do
  mkdir -p "$1/opt/packages/$name/partial" &&
  ${apt} apt-get -q -y -o APT::Sandbox::User=root -o Dir::Cache::Archives="$1/opt/packages/$name/" --download-only install "$name" &&
  rm -r "$1/opt/packages/$name/partial" "$1/opt/packages/$name/lock" || exit
done`;

/** Makes `<folder>/root`, and in it for a while /kernel, the unpacked kernel packages. About 40 s and 1 GB. */
export const makeDebianRoot = async (
  folder: string,
  arch: Arch,
): Promise<{ readonly root: string; readonly kernel: string }> => {
  const root = join(folder, "root");
  const kernel = join(root, "kernel");
  const mirror = await debianMirror();
  await mkdir(`${root}.debs`, { recursive: true });
  const aptOptions = [
    // The clock of a build machine may be ahead of a mirror that stands still.
    'Acquire::Check-Valid-Until "false"',
    'Acquire::Languages "none"',
    'APT::Install-Recommends "false"',
  ];
  const dpkgOptions = [
    "force-unsafe-io",
    ...NO_DOCUMENTATION.map((name) => `path-exclude=/usr/share/${name}/*`),
  ];
  await runTool(
    "mmdebstrap",
    [
      "--variant=apt",
      "--mode=root",
      "--format=directory",
      `--architectures=${arch}`,
      ...aptOptions.map((option) => `--aptopt=${option}`),
      ...dpkgOptions.map((option) => `--dpkgopt=${option}`),
      `--include=${PACKAGES.join(",")}`,
      `--customize-hook=${downloadHook(arch)}`,
      `--customize-hook=${laterHook}`,
      SUITE,
      root,
      // Without one mmdebstrap takes Debian's own.
      ...(mirror === undefined ? [] : [mirror]),
    ],
    { package: "mmdebstrap" },
  );
  await runTool("sh", [
    "-c",
    'for deb in "$1.debs"/*.deb; do dpkg-deb -x "$deb" "$2"; done',
    "sh",
    root,
    kernel,
  ]);
  return { root, kernel };
};

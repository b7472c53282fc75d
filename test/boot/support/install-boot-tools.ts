// Before the boot tests: as root on Debian or Ubuntu, installs the programs that make and boot images.
import { spawnSync } from "node:child_process";
import { hasTool } from "../../support/tools.ts";

/** tool -> Debian package */
const TOOLS: Readonly<Record<string, string>> = {
  cpio: "cpio",
  dnsmasq: "dnsmasq-base",
  ip: "iproute2",
  mcopy: "mtools",
  "mkfs.vfat": "dosfstools",
  mmdebstrap: "mmdebstrap",
  "qemu-system-x86_64": "qemu-system-x86",
  sfdisk: "fdisk",
  ssh: "openssh-client",
  "systemd-nspawn": "systemd-container",
  xz: "xz-utils",
};

const apt = (...args: readonly string[]) =>
  spawnSync(
    "apt-get",
    // The clock of a build machine may be ahead of a mirror that stands still.
    ["-o", "Acquire::Check-Valid-Until=false", "-qq", ...args],
    {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    },
  );

export default function installBootTools(): void {
  const packages = Object.entries(TOOLS)
    .filter(([tool]) => !hasTool(tool))
    .map(([, name]) => name);
  if (
    packages.length === 0 ||
    process.getuid?.() !== 0 ||
    !hasTool("apt-get")
  ) {
    return;
  }
  apt("update");
  apt("install", "-y", "--no-install-recommends", ...packages);
}

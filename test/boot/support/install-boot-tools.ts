// Before the boot tests: as root on Debian or Ubuntu, installs the programs that make and boot images.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { hasTool } from "../../support/tools.ts";
import { sweep } from "./sweep.ts";

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

/** For images of a foreign architecture. */
const FOREIGN: Readonly<Record<string, string>> = {
  "qemu-aarch64-static": "qemu-user-static",
  "qemu-system-aarch64": "qemu-system-arm",
};

/** mmdebstrap checks the Debian mirror's signatures with it, on Ubuntu too. */
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

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
  if (process.getuid?.() === 0) {
    sweep();
  }
  const foreign = process.env["PI_IMAGE_BOOT_ARCH"] === "arm64";
  const packages = Object.entries({ ...TOOLS, ...(foreign ? FOREIGN : {}) })
    .filter(([tool]) => !hasTool(tool))
    .map(([, name]) => name);
  if (!existsSync(KEYRING)) {
    packages.push("debian-archive-keyring");
  }
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

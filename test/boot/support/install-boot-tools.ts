// Before the boot tests: as root on Debian or Ubuntu, installs the programs that make and boot images.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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
  // mmdebstrap asks it whether foreign programs run.
  "arch-test": "arch-test",
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

const BINFMT = "/proc/sys/fs/binfmt_misc";
const HANDLER = "qemu-aarch64";

/** Lets the kernel run the programs of a foreign root; systemd does it where it runs, which is not in a container. */
const registerHandler = (): void => {
  const settings = `/usr/lib/binfmt.d/${HANDLER}.conf`;
  if (existsSync(join(BINFMT, HANDLER)) || !existsSync(settings)) {
    return;
  }
  if (!existsSync(join(BINFMT, "register"))) {
    spawnSync("mount", ["-t", "binfmt_misc", "binfmt_misc", BINFMT], {
      stdio: "inherit",
    });
  }
  writeFileSync(
    join(BINFMT, "register"),
    readFileSync(settings, "utf8").trim(),
  );
};

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
  if (process.getuid?.() !== 0) {
    return;
  }
  if (packages.length > 0 && hasTool("apt-get")) {
    apt("update");
    apt("install", "-y", "--no-install-recommends", ...packages);
  }
  if (foreign) {
    registerHandler();
  }
}

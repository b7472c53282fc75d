// Before the tests: as root on Debian or Ubuntu, installs the programs that the tests use as judges.
import { spawnSync } from "node:child_process";
import { hasTool } from "./tools.ts";

/** tool, or a file where a package has no tool -> Debian package */
export const TOOLS: Readonly<Record<string, string>> = {
  "/bin/bash-static": "bash-static",
  blkid: "util-linux",
  bmaptool: "bmap-tools",
  "cloud-init": "cloud-init",
  curl: "curl",
  dnsmasq: "dnsmasq-base",
  "docker-registry": "docker-registry",
  dropbear: "dropbear-bin",
  e2fsck: "e2fsprogs",
  etcd: "etcd-server",
  etcdctl: "etcd-client",
  exportfs: "nfs-kernel-server",
  veritysetup: "cryptsetup-bin",
  "fsck.vfat": "dosfstools",
  fish: "fish",
  "/usr/lib/python3/dist-packages/gi/__init__.py": "python3-gi",
  "/usr/share/doc/gir1.2-nm-1.0/copyright": "gir1.2-nm-1.0",
  git: "git",
  gpg: "gpg",
  "gpg-agent": "gpg-agent",
  gpgconf: "gpgconf",
  gpgv: "gpgv",
  "/usr/lib/python3/dist-packages/fusepy.py": "python3-fusepy",
  "mkfs.exfat": "exfatprogs",
  "mount.exfat-fuse": "exfat-fuse",
  ip: "iproute2",
  kubectl: "kubernetes-client",
  "/usr/lib/klibc/bin/sh": "klibc-utils",
  losetup: "mount",
  lsblk: "util-linux",
  mandoc: "mandoc",
  mcopy: "mtools",
  mke2fs: "e2fsprogs",
  "mkfs.f2fs": "f2fs-tools",
  "mkfs.ntfs": "ntfs-3g",
  netplan: "netplan.io",
  nft: "nftables",
  ntpdig: "ntpsec-ntpdig",
  openssl: "openssl",
  sfdisk: "fdisk",
  sgdisk: "gdisk",
  growpart: "cloud-guest-utils",
  shasum: "perl",
  shellcheck: "shellcheck",
  skopeo: "skopeo",
  "ssh-keygen": "openssh-client",
  sysctl: "procps",
  udhcpc: "udhcpc",
  visudo: "sudo",
  unzip: "unzip",
  wpa_passphrase: "wpasupplicant",
  xz: "xz-utils",
  zip: "zip",
  zsh: "zsh",
  zstd: "zstd",
  "systemd-analyze": "systemd",
  debugfs: "e2fsprogs",
  taskset: "util-linux",
  containerd: "containerd",
  age: "age",
};

/** Its warnings are nobody's matter; what keeps it from its work is shown. */
const apt = (...args: string[]): void => {
  const { status, stderr } = spawnSync(
    "apt-get",
    // The clock of a build machine may be ahead of a mirror that stands still.
    ["-o", "Acquire::Check-Valid-Until=false", "-qq", ...args],
    {
      encoding: "utf8",
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    },
  );
  if (status !== 0) {
    process.stderr.write(stderr);
  }
};

export default function installTools(): void {
  const packages = Object.entries(TOOLS)
    .filter(([tool]) => !hasTool(tool))
    .map(([, name]) => name);
  if (packages.length === 0 || process.getuid?.() !== 0 || !hasTool("apt-get"))
    return;
  apt("update");
  apt("install", "-y", "--no-install-recommends", ...new Set(packages));
}

// What the test's base image is made of: suite, packages, kernel modules, and the key of all of it.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export type Arch = "amd64" | "arm64";

export const SUITE = "trixie";

/**
 * What Ubuntu Server's image has and first boot uses; plus hostapd, the other end of the simulated radio, and the NFS server,
 * which an emulated processor would take minutes to install.
 */
export const PACKAGES = [
  "systemd",
  "systemd-sysv",
  "systemd-resolved",
  "systemd-timesyncd",
  "libnss-resolve",
  "libnss-myhostname",
  "libpam-systemd",
  "dbus",
  "udev",
  "kmod",
  "cloud-init",
  "cloud-guest-utils",
  "netplan.io",
  "openssh-server",
  "sudo",
  "containerd",
  "runc",
  "containernetworking-plugins",
  "e2fsprogs",
  "fdisk",
  "dosfstools",
  "conntrack",
  "socat",
  "ethtool",
  "iptables",
  "nftables",
  "iproute2",
  "iputils-ping",
  "wpasupplicant",
  "iw",
  "wireless-regdb",
  "hostapd",
  "nfs-kernel-server",
  "ca-certificates",
  "curl",
  "gpg",
  "openssl",
  "busybox-static",
  "locales",
  "tzdata",
  "procps",
] as const;

/**
 * Kept on the image as packages, each with what it needs that the image lacks: a node installs them at its first boot, as it
 * would from a mirror.
 */
export const LATER_PACKAGES = ["dnsmasq"] as const;

/** Modules by name, with all that they depend on; a Raspberry Pi's kernel has them too, or their like. */
export const MODULES: readonly RegExp[] = [
  /^(sdhci-pci|mmc_block|nvme|xhci-pci|usb-storage|sd_mod|qemu_fw_cfg)$/,
  /^(nfsd|nfs|nfsv4)$/,
  /^(virtio_(pci|mmio|blk|net|rng)|ext4|vfat|fat|nls_(cp437|iso8859-1|ascii|utf8))$/,
  /^(autofs4|binfmt_misc|configfs|fuse|overlay|br_netfilter|bridge|veth|vxlan|dummy|tun|ipip|wireguard)$/,
  /^(mac80211_hwsim|ccm|gcm|cmac|michael_mic|ctr|cbc|ecb|aes.*|sha.*|crc32c.*|arc4|gf128mul|ghash.*)$/,
  /^(nf_|nft_|xt_|ip_set|ip6?_?tables?|ip6?table_|iptable_|ipt_|ip6t_|ip_vs|nfnetlink|x_tables|ebtable)/,
];

/** Modules that the initial RAM disk loads, in this order, to find the root partition: on a virtio disk, a card or an NVMe disk. */
export const INITRD_MODULES = [
  "virtio_pci",
  "virtio_mmio",
  "virtio_blk",
  "sdhci-pci",
  "mmc_block",
  "nvme",
  // ext4 asks the crypto layer for it by name, which modules.dep does not tell.
  "crc32c_generic",
  "ext4",
] as const;

const filesBelow = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();

/** Changes with every file of this folder, so that an old base is never taken for the one asked for. */
export const recipeKey = (arch: Arch): string => {
  const hash = createHash("sha256").update(arch);
  for (const file of filesBelow(import.meta.dirname)) {
    hash.update(file.slice(import.meta.dirname.length)).update("\0");
    hash.update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex").slice(0, 16);
};

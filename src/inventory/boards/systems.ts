// The systems that a base can hold: a record each, with all that depends on which one it is.
import type { Role, Runtime } from "../resolved.ts";
import type { Storage } from "./storage.ts";

/** `why` follows "NODE is" in messages. */
export type BaseRefusal = {
  readonly why: string;
  readonly hint: string;
  /** Default: BASE_TOO_OLD. */
  readonly code?: "BUNDLE_UNSUPPORTED";
};

/** What a base is to be used for. */
export type BaseUse = {
  readonly storage: Storage;
  /** Undefined where the role is not known yet. */
  readonly role: Role | undefined;
  readonly runtime: Runtime;
  /** The Kubernetes minor, such as "1.36". */
  readonly minor: string;
  /** Whether the card is to carry a bundle. */
  readonly bundle: boolean;
};

type SystemFacts = {
  /** A lower-case word in the names of its images; undefined for the system that is assumed for every other name. */
  readonly mark: string | undefined;
  /** Whether it has cloud-init; otherwise the seed is a script that pi-image's own unit runs at first boot. */
  readonly cloudInit: boolean;
  /**
   * Whether its fstab names partitions by the id of the partition table. That id must then stay as it is, because a patch
   * only reaches the boot partition and cannot change the fstab.
   */
  readonly namesDiskId: boolean;
  /**
   * Accounts of its image, besides those that every Debian has (rules/user-rules.ts), as which nobody can log in: a user of this
   * name is not made, because there is one. A name that only a group has is no trouble.
   */
  readonly accounts: readonly string[];
  /** Whether updates that only mend security holes can be told from others. */
  readonly securityUpdates: boolean;
  /** Shells of its image by the last part of their paths, in /bin or /usr/bin. */
  readonly shells: readonly string[];
  /** The program that brings Wi-Fi up there, in netplan's words; it decides how a network's name is written. */
  readonly renderer: "networkd" | "NetworkManager";
  /**
   * What tells the name of a Wi-Fi adapter on USB: its address (wlx00c0ca123456), the order of appearance (wlan0), or pi-image
   * itself, which gives it either.
   */
  readonly namesAdapters: "by address" | "by number" | "as asked";
  /** Where its packages come from: in package URLs and in the paths of Docker's repositories, and for people. */
  readonly archive: { readonly vendor: string; readonly title: string };
  /** Why its cards carry no bundle, as in `BaseRefusal`; undefined where they do. */
  readonly withoutBundle: string | undefined;
  /** Why it cannot be used for this; undefined where it can. */
  readonly refuse: (use: BaseUse) => BaseRefusal | undefined;
};

/**
 * The minor of Kubernetes that drops support for containerd 1, of which Debian 13, and so Raspberry Pi OS, has 1.7.
 * https://github.com/kubernetes/kubernetes/pull/139121 put it off from 1.37.
 */
export const FIRST_WITH_CONTAINERD_2 = 38;

export const SYSTEMS = {
  ubuntu: {
    mark: undefined,
    cloudInit: true,
    namesDiskId: false,
    // The packages of ubuntu-server and of livecd-rootfs for the Raspberry Pi:
    // https://git.launchpad.net/livecd-rootfs, https://ubuntu-archive-team.ubuntu.com/seeds/
    accounts: [
      ..."_chrony dhcpcd dnsmasq fwupd-refresh landscape pollinate".split(" "),
      ..."polkitd tcpdump tss usbmux uuidd".split(" "),
    ],
    securityUpdates: true,
    shells: ["bash", "dash", "rbash", "screen", "sh", "tmux"],
    renderer: "networkd",
    namesAdapters: "by address",
    archive: { vendor: "ubuntu", title: "Ubuntu's archive" },
    withoutBundle: undefined,
    refuse: () => undefined,
  },
  raspios: {
    mark: "raspios",
    cloudInit: true,
    // https://github.com/RPi-Distro/pi-gen/blob/master/export-image/04-set-partuuid/00-run.sh
    namesDiskId: true,
    // https://github.com/RPi-Distro/pi-gen/tree/arm64 (stage1 and stage2, with what their packages bring). The user pi is there
    // too, but can log in once it has a key.
    accounts: [
      ..."_rpc avahi dnsmasq nm-openvpn polkitd rpi-first-boot-wizard".split(
        " ",
      ),
      ..."rtkit statd tss uuidd".split(" "),
    ],
    securityUpdates: true,
    shells: ["bash", "dash", "rbash", "sh"],
    // https://github.com/RPi-Distro/pi-gen/tree/arm64/stage2/04-cloud-init (00-network-manager-all.yaml)
    renderer: "NetworkManager",
    // https://github.com/RPi-Distro/pi-gen/tree/arm64/stage2/02-net-tweaks
    namesAdapters: "by number",
    archive: { vendor: "debian", title: "Debian's archive" },
    withoutBundle:
      "made from Raspberry Pi OS, and a bundle has packages of Ubuntu",
    refuse: ({ runtime, minor }) =>
      runtime === "containerd" &&
      Number(minor.split(".")[1]) >= FIRST_WITH_CONTAINERD_2
        ? {
            why: `made from Raspberry Pi OS, whose containerd 1.7 cannot run Kubernetes ${minor}`,
            hint: "set runtime: containerd-docker or cri-o for the cluster, or use an Ubuntu base",
          }
        : undefined,
  },
  archlinuxarm: {
    mark: "archlinuxarm",
    cloudInit: false,
    namesDiskId: false,
    // https://gitlab.archlinux.org/archlinux/packaging/packages/filesystem (passwd), and sysusers.d of the base packages
    accounts: [
      ..."_talkd alpm avahi dbus dhcpcd ftp git http named nvidia-persistenced".split(
        " ",
      ),
      ..."ntp polkitd rpc rtkit tss uuidd".split(" "),
    ],
    securityUpdates: false,
    shells: ["bash", "sh"],
    renderer: "networkd",
    namesAdapters: "as asked",
    archive: { vendor: "archlinuxarm", title: "Arch Linux ARM" },
    withoutBundle:
      "made from Arch Linux ARM, and a bundle has packages of Ubuntu",
    refuse: ({ storage, role, runtime }) =>
      // Its command line names the card's partition.
      storage !== "sd"
        ? {
            why: "made from Arch Linux ARM, which boots from the card alone (root=/dev/mmcblk0p2)",
            hint: "set storage: sd for this node, or use an Ubuntu base",
          }
        : // Their scripts install packages with apt.
          role === "gateway" || role === "storage"
          ? {
              why: `made from Arch Linux ARM, where pi-image cannot set up the role ${role}`,
              hint: "use an Ubuntu base for this node",
            }
          : runtime !== "containerd"
            ? {
                why: `made from Arch Linux ARM, which has no packages of ${runtime}`,
                hint: "set runtime: containerd for the cluster, or use an Ubuntu base",
              }
            : undefined,
  },
} as const satisfies Readonly<Record<string, SystemFacts>>;

export type BaseSystem = keyof typeof SYSTEMS;

const BASE_SYSTEMS = Object.keys(SYSTEMS) as readonly BaseSystem[];

/** The name from the catalogue, or the vendor's file name at the end of a path or URL. */
export const baseName = (base: string): string => base.split("/").at(-1) ?? "";

/** A base whose name does not tell is taken for Ubuntu. */
export const baseSystem = (base: string): BaseSystem => {
  const name = baseName(base).toLowerCase();
  return (
    BASE_SYSTEMS.find((system) => {
      const { mark } = SYSTEMS[system];
      return mark !== undefined && name.includes(mark);
    }) ?? "ubuntu"
  );
};

export const systemFacts = (base: string): SystemFacts =>
  SYSTEMS[baseSystem(base)];

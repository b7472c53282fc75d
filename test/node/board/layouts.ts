// How the systems of base images name their partitions and find their seed.

export type Layout = "ubuntu" | "raspios";

type LayoutFiles = {
  readonly labels: readonly [boot: string, root: string];
  /** Of the table of partitions. */
  readonly diskId: string;
  readonly cmdline: string;
  /** Files of the root partition. */
  readonly root: Readonly<Record<string, string>>;
};

export const LAYOUTS: Readonly<Record<Layout, LayoutFiles>> = {
  // https://github.com/canonical/pi-gadget and livecd-rootfs, 999-ubuntu-image-customization.chroot
  ubuntu: {
    labels: ["system-boot", "writable"],
    diskId: "1634ec00",
    cmdline:
      "console=serial0,115200 root=LABEL=writable rootfstype=ext4 rootwait fixrtc cgroup_enable=memory\n",
    root: {
      "etc/fstab":
        "LABEL=writable\t/\text4\tdefaults\t0\t1\nLABEL=system-boot\t/boot/firmware\tvfat\tdefaults\t0\t1\n",
      "etc/cloud/cloud.cfg.d/99-fake_cloud.cfg":
        "datasource_list: [ NoCloud, None ]\ndatasource:\n  NoCloud:\n    fs_label: system-boot\n",
    },
  },
  // https://github.com/RPi-Distro/pi-gen: stage1/00-boot-files, stage1/01-sys-tweaks, stage2/04-cloud-init
  raspios: {
    labels: ["bootfs", "rootfs"],
    diskId: "24042404",
    cmdline:
      "console=serial0,115200 console=tty1 root=PARTUUID=24042404-02 rootfstype=ext4 fsck.repair=yes rootwait resize cgroup_enable=memory\n",
    root: {
      "etc/fstab":
        "proc            /proc           proc    defaults          0       0\nPARTUUID=24042404-01  /boot/firmware  vfat    defaults          0       2\nPARTUUID=24042404-02  /               ext4    defaults,noatime  0       1\n",
      "etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg":
        "datasource_list: [ NoCloud, None ]\ndatasource:\n  NoCloud:\n    seedfrom: file:///boot/firmware\n",
    },
  },
};

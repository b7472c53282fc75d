// What is known about a block device before anything is opened.

/** A place where the running system uses a device or something that lies on it. */
export type DeviceUse = {
  /** The partition, volume or disk that is used, such as /dev/sda2. */
  readonly device: string;
  /** Mount point, or "[SWAP]". */
  readonly at: string;
};

export type DevicePartition = {
  readonly path: string;
  readonly size: number;
  readonly fsType: string | undefined;
  readonly label: string | undefined;
};

/** `mapped`: LVM, md, dm-crypt, multipath. `virtual`: no disk of its own, such as nbd or zram. */
export type DeviceKind = "disk" | "loop" | "mapped" | "optical" | "virtual";

export type BlockDevice = {
  /** Device node, such as /dev/sda. */
  readonly path: string;
  /** Kernel name, such as sda or dm-0. */
  readonly name: string;
  /** Major and minor number, such as "8:0"; undefined where the system has none to tell. */
  readonly number: string | undefined;
  /** Stable names under /dev/disk/by-id. */
  readonly byId: readonly string[];
  readonly kind: DeviceKind;
  /** Bytes; 0 without a medium. */
  readonly size: number;
  readonly logicalBlock: number;
  readonly physicalBlock: number;
  readonly removable: boolean;
  readonly readOnly: boolean;
  /** Such as usb, mmc, nvme, sata. */
  readonly transport: string | undefined;
  readonly vendor: string | undefined;
  readonly model: string | undefined;
  readonly serial: string | undefined;
  /** Grows with every medium that the kernel sees; Linux 5.15 and later. */
  readonly diskSequence: string | undefined;
  /** Group that owns the device node. */
  readonly group: string | undefined;
  readonly partitions: readonly DevicePartition[];
  /** Mounts and swap on the device, its partitions and everything stacked on them. */
  readonly uses: readonly DeviceUse[];
  /** Devices stacked on it or its partitions, such as /dev/mapper/vg-root or /dev/md0. */
  readonly holders: readonly string[];
  /** Why the running system needs this device; undefined when it does not. */
  readonly system: string | undefined;
};

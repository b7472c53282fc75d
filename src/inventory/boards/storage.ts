// Where a node boots from and runs, and what its first boot has to do for that.

export const STORAGES = [
  "sd",
  "nvme",
  "sd-to-nvme",
  "sd+nvme-data",
  "usb",
  "sd-to-usb",
  "sd+usb-data",
] as const;
export type Storage = (typeof STORAGES)[number];

type StorageFacts = {
  /**
   * `flashed`: what was flashed is what runs. `copied`: the card boots once and copies its system to the disk.
   * `data`: the card stays the system, and the disk is mounted into it.
   */
  readonly way: "flashed" | "copied" | "data";
  /** The disk beside or in place of the card; undefined where there is only the card. */
  readonly disk: "nvme" | "usb" | undefined;
};

export const STORAGE_FACTS: Readonly<Record<Storage, StorageFacts>> = {
  sd: { way: "flashed", disk: undefined },
  nvme: { way: "flashed", disk: "nvme" },
  "sd-to-nvme": { way: "copied", disk: "nvme" },
  "sd+nvme-data": { way: "data", disk: "nvme" },
  usb: { way: "flashed", disk: "usb" },
  "sd-to-usb": { way: "copied", disk: "usb" },
  "sd+usb-data": { way: "data", disk: "usb" },
};

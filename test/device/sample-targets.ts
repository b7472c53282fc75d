// A card in a reader, and a file to write an image into, as pi-image finds them.
import type { BlockDevice } from "../../src/device/block-device.ts";
import type { FileTarget } from "../../src/device/target.ts";

export const sampleCard: BlockDevice = {
  path: "/dev/sdb",
  name: "sdb",
  number: "8:16",
  byId: [],
  kind: "disk",
  size: 31_914_983_424,
  logicalBlock: 512,
  physicalBlock: 512,
  removable: true,
  readOnly: false,
  transport: "usb",
  vendor: "Generic",
  model: "SD Reader",
  serial: "0x1234abcd",
  diskSequence: "9",
  group: "disk",
  partitions: [],
  uses: [],
  holders: [],
  system: undefined,
};

export const sampleFile: FileTarget = {
  kind: "file",
  path: "card.img",
  realPath: "/home/ana/card.img",
  exists: true,
  size: 10,
  loops: [],
  swap: false,
};

// Short notation for what lsblk and the kernel say of a machine.
import type { LinuxFacts } from "../../src/device/look/linux-devices.ts";

type Fields = Readonly<Record<string, unknown>>;

/** One node as lsblk prints it; `children` are stacked on it. */
export const node = (
  kname: string,
  number: string,
  fields: Fields = {},
  children: readonly Fields[] = [],
): Fields => ({
  name: kname,
  kname,
  path: `/dev/${kname}`,
  "maj:min": number,
  type: "disk",
  size: 32e9,
  "log-sec": 512,
  "phy-sec": 512,
  rm: false,
  ro: false,
  tran: null,
  vendor: null,
  model: null,
  serial: null,
  group: "disk",
  fstype: null,
  label: null,
  subsystems: "block",
  ...fields,
  ...(children.length === 0 ? {} : { children }),
});

export const part = (
  kname: string,
  number: string,
  fields: Fields = {},
  children: readonly Fields[] = [],
): Fields => node(kname, number, { type: "part", ...fields }, children);

/** "8:2 / ext4 /dev/sda2" -> one line of mountinfo. */
export const mountLine = (text: string): string => {
  const [number, at, fsType, source] = text.split(" ");
  return `36 35 ${number} / ${at} rw,relatime shared:1 - ${fsType} ${source} rw`;
};

export const linuxFacts = (
  nodes: readonly Fields[],
  mounts: readonly string[],
  more: Partial<LinuxFacts> = {},
): LinuxFacts => ({
  lsblk: JSON.stringify({ blockdevices: nodes }),
  mountinfo: [mounts.map(mountLine).join("\n")],
  swaps: "Filename\tType\tSize\tUsed\tPriority\n",
  byId: new Map(),
  btrfs: [],
  root: [],
  sequences: new Map(),
  soldered: new Set(),
  holders: new Map(),
  ...more,
});

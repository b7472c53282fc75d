// Files with neither a disk nor memory of their own behind them: those of /proc, /sys and the like.
import { statfs } from "node:fs/promises";
import { platform } from "node:process";

/** https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/magic.h, and what some drivers call themselves. */
const MADE_UP: ReadonlySet<number> = new Set([
  0x9fa0, // proc
  0x62656572, // sysfs
  0x62656570, // configfs
  0x64626720, // debugfs
  0x74726163, // tracefs
  0x73636673, // securityfs
  0xf97cff8c, // selinuxfs
  0x43415d53, // smackfs
  0x27e0eb, // cgroup
  0x63677270, // cgroup2
  0x7655821, // resctrl
  0xcafe4a11, // bpf
  0xde5e81e4, // efivarfs
  0x6165676c, // pstore
  0x42494e4d, // binfmt_misc
  0x65735543, // fusectl
  0x6e736673, // nsfs
  0x1cd1, // devpts
  0x19800202, // mqueue
  0x958458f6, // hugetlbfs
  0x67596969, // rpc_pipefs
  0x6e667364, // nfsd
]);

/** Whether the kernel answers for what is there itself, so that no image can be kept in it. */
export const isMadeUp = async (path: string): Promise<boolean> =>
  platform === "linux" &&
  // The number is signed on some machines.
  MADE_UP.has((await statfs(path)).type >>> 0);

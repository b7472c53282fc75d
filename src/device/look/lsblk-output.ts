// Reads what `lsblk --json` prints: a tree of block devices, with what is stacked on each.
import { z } from "zod";

/** Columns that util-linux has had since 2.33; mounts come from the kernel, because MOUNTPOINTS is newer. */
export const LSBLK_COLUMNS = [
  "NAME",
  "KNAME",
  "PATH",
  "MAJ:MIN",
  "TYPE",
  "SIZE",
  "LOG-SEC",
  "PHY-SEC",
  "RM",
  "RO",
  "TRAN",
  "VENDOR",
  "MODEL",
  "SERIAL",
  "GROUP",
  "FSTYPE",
  "LABEL",
  "SUBSYSTEMS",
] as const;

// Versions differ in what they quote: "1", 1 and true are all seen.
const flag = z
  .union([z.boolean(), z.number(), z.string()])
  .nullable()
  .transform((value) => [true, 1, "1"].some((yes) => yes === value));
const count = z
  .union([z.number(), z.string()])
  .nullable()
  .transform(Number)
  .pipe(z.number().nonnegative());
const word = z
  .string()
  .nullish()
  .transform((value) => {
    const text = value?.trim() ?? "";
    return text === "" ? undefined : text;
  });

const lsblkNode = z.object({
  kname: z.string(),
  path: z.string(),
  "maj:min": z.string().transform((text) => text.trim()),
  type: z.string(),
  size: count,
  "log-sec": count,
  "phy-sec": count,
  rm: flag,
  ro: flag,
  tran: word,
  vendor: word,
  model: word,
  serial: word,
  group: word,
  fstype: word,
  label: word,
  subsystems: word,
  get children() {
    return z.array(lsblkNode).optional();
  },
});

export type LsblkNode = z.infer<typeof lsblkNode>;

const output = z.object({ blockdevices: z.array(lsblkNode) });

/** @throws ZodError when the text is not what lsblk prints: an incompatible util-linux. */
export const parseLsblk = (text: string): readonly LsblkNode[] =>
  output.parse(JSON.parse(text)).blockdevices;

/** The node and everything stacked on it, each once. */
export const withDescendants = (top: LsblkNode): readonly LsblkNode[] => {
  const seen = new Map<string, LsblkNode>();
  const visit = (current: LsblkNode): void => {
    if (!seen.has(current.kname)) {
      seen.set(current.kname, current);
      current.children?.forEach(visit);
    }
  };
  visit(top);
  return [...seen.values()];
};

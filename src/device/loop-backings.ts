// What a loop device stands for.
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { tryTool } from "../system/run-tool.ts";
import { UserError } from "../report/user-error.ts";
import { deviceNumber } from "./device-number.ts";
import { orAbsent } from "./or-absent.ts";

const listed = z.object({
  loopdevices: z.array(
    z.object({
      "maj:min": z.string().transform((text) => text.trim()),
      "back-ino": z.coerce.bigint().nullish(),
      "back-maj:min": z
        .string()
        .transform((text) => text.trim())
        .nullish(),
    }),
  ),
});

/** What the kernel itself says of the file, by LOOP_GET_STATUS64 (loop(4)): right where its name is not, or not any more. */
const askKernel = async (
  number: string,
): Promise<{ device: string; inode: bigint } | undefined> => {
  let printed: string;
  try {
    const columns = "MAJ:MIN,BACK-INO,BACK-MAJ:MIN";
    const args = ["--list", "--json", "--output", columns];
    printed = (await tryTool("losetup", args, { asRoot: true })).stdout;
  } catch (error) {
    if (error instanceof UserError) {
      return undefined;
    }
    throw error;
  }
  const list = printed.trim() === "" ? undefined : JSON.parse(printed);
  const loop = listed
    .safeParse(list)
    .data?.loopdevices.find((one) => one["maj:min"] === number);
  const inode = loop?.["back-ino"];
  const device = loop?.["back-maj:min"];
  return inode == null || device == null ? undefined : { device, inode };
};

/**
 * The layers below a loop device, such as "file 8:2 1234" or "device 7:0". Two where the kernel's own answer and the name
 * differ: some file systems number their devices differently for each.
 * @param number such as "7:0"
 * @param folder its folder in /sys
 */
export const loopBackings = async (
  number: string,
  folder: string,
): Promise<readonly string[]> => {
  const kernel = await askKernel(number);
  const name = await orAbsent(
    readFile(join(folder, "loop", "backing_file"), "utf8"),
  );
  // A blank at the end of a name is part of it; the kernel adds the line's end.
  const path = name?.replace(/\n$/, "");
  const stats =
    path === undefined
      ? undefined
      : await orAbsent(stat(path, { bigint: true }));
  // The name may lead to another file by now, or in this mount namespace.
  const named =
    stats !== undefined && (kernel === undefined || kernel.inode === stats.ino)
      ? stats
      : undefined;
  if (named?.isBlockDevice() === true) {
    return [`device ${deviceNumber(named.rdev)}`];
  }
  return [
    ...(kernel === undefined ? [] : [`file ${kernel.device} ${kernel.inode}`]),
    ...(named === undefined
      ? []
      : [`file ${deviceNumber(named.dev)} ${named.ino}`]),
  ];
};

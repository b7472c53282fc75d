// What a loop device stands for, and which ones stand for a file.
import type { BigIntStats } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { deviceNumber } from "./device-number.ts";
import { listLoops } from "../helper/device-work.ts";
import { orAbsent } from "../or-absent.ts";

const listedBackings = z.object({
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

type Backing = { readonly device: string; readonly inode: bigint };

/**
 * Asks the kernel itself for the files, by LOOP_GET_STATUS64 (loop(4)), which is right even where a name is wrong or outdated.
 * Maps the device number of the loop, such as "7:0", to the file below it; empty where the kernel cannot be asked.
 */
const askKernel = async (): Promise<ReadonlyMap<string, Backing>> => {
  const printed = await listLoops();
  const list = printed.trim() === "" ? undefined : JSON.parse(printed);
  return new Map(
    listedBackings.safeParse(list).data?.loopdevices.flatMap((loop) => {
      const inode = loop["back-ino"];
      const device = loop["back-maj:min"];
      return inode == null || device == null
        ? []
        : [[loop["maj:min"], { device, inode }] as const];
    }),
  );
};

/**
 * The layers below a loop device, such as "file 8:2 1234" or "device 7:0". Two where the kernel's own answer and the name
 * differ: some file systems number their devices differently for each.
 * @param number such as "7:0"
 * @param folder its folder in /sys
 * @param loops what the kernel says, where it has been asked already
 */
export const loopBackings = async (
  number: string,
  folder: string,
  loops?: ReadonlyMap<string, Backing>,
): Promise<readonly string[]> => {
  const kernel = (loops ?? (await askKernel())).get(number);
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

type Loop = {
  readonly name: string;
  readonly below: readonly string[];
  /** The layers that it forms: itself and its partitions. */
  readonly layers: readonly string[];
};

/** Such as "device 7:0"; empty for a device that has gone meanwhile. */
const deviceIn = async (folder: string): Promise<readonly string[]> => {
  const number = await orAbsent(readFile(join(folder, "dev"), "utf8"));
  return number === undefined ? [] : [`device ${number.trim()}`];
};

const attachedLoops = async (): Promise<readonly Loop[]> => {
  const found: Loop[] = [];
  let loops: ReadonlyMap<string, Backing> | undefined;
  for (const name of (await orAbsent(readdir("/sys/block"))) ?? []) {
    const folder = join("/sys/block", name);
    const attached = await orAbsent(stat(join(folder, "loop")));
    const [own] = await deviceIn(folder);
    if (own === undefined || attached === undefined) {
      continue;
    }
    loops ??= await askKernel();
    const number = own.replace("device ", "");
    const below = await loopBackings(number, folder, loops);
    const layers = [own];
    for (const part of (await orAbsent(readdir(folder))) ?? []) {
      if (part.startsWith(`${name}p`)) {
        layers.push(...(await deviceIn(join(folder, part))));
      }
    }
    found.push({ name, below, layers });
  }
  return found;
};

/**
 * The loop devices that stand for this file or a part of it, whatever name they were given for it: also those on such a
 * loop device, or on a partition of one.
 * @returns names such as "loop0"
 */
export const loopsBackedBy = async ({
  dev,
  ino,
}: Pick<BigIntStats, "dev" | "ino">): Promise<readonly string[]> => {
  const layers = new Set([`file ${deviceNumber(dev)} ${ino}`]);
  const found = new Set<string>();
  let left = await attachedLoops();
  for (;;) {
    const next = left.filter(({ below }) =>
      below.some((layer) => layers.has(layer)),
    );
    if (next.length === 0) {
      return [...found];
    }
    for (const loop of next) {
      found.add(loop.name);
      for (const layer of loop.layers) {
        layers.add(layer);
      }
    }
    left = left.filter((loop) => !next.includes(loop));
  }
};

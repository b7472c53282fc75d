// Cards that are to hold an image, on loop devices.
import {
  closeSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { TargetResult } from "../../src/flash/run-flash.ts";
import {
  attachLoop,
  oldData,
  oldFile,
  temporaryFolder,
} from "../device/loop.ts";
import {
  type Flash,
  flash,
  type Flashed,
  only,
  type Wrap,
} from "./flash-run.ts";
import { asDisk } from "../support/as-disk.ts";

const MIB = 1024 ** 2;

/** An image of this many bytes for one test, cards full of old data, and ways to flash all of it onto them. */
export const sampleCards = (size = 20 * MIB) => {
  const folder = temporaryFolder();
  const image = join(folder, "sample.img");
  const bytes = oldData(size);
  asDisk(bytes);
  writeFileSync(image, bytes);
  const cardSize = size + 4 * MIB;

  const card = (name = "card") => {
    const file = oldFile(join(folder, name), cardSize);
    const device = attachLoop(file);
    const content = () => readFileSync(file);
    return {
      file,
      device,
      size: cardSize,
      content,
      /** Changes what the medium holds, behind the block device's back. */
      damage: (offset: number) => {
        const backing = openSync(file, "r+");
        writeSync(backing, Buffer.from("rotten"), 0, 6, offset);
        closeSync(backing);
      },
      boots: () => !content().subarray(0, MIB).equals(Buffer.alloc(MIB)),
      holdsImage: () => content().subarray(0, size).equals(bytes),
      isAsItWas: () => content().equals(oldData(cardSize)),
    };
  };

  const flashAll = (job: Omit<Flash, "image" | "used">): Promise<Flashed> =>
    flash({ ...job, image, used: "everything" });

  /** Onto one target, with a fault between the engine and the device. */
  const flashOne = async (
    path: string,
    wrap: Wrap = (target) => target,
    job: Omit<Flash, "image" | "used" | "targets"> = {},
  ): Promise<TargetResult> =>
    only(await flashAll({ ...job, targets: [{ path, wrap }] }));

  return { image, card, flashAll, flashOne };
};

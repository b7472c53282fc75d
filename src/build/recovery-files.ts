// The files with which a board flashes its boot loader from the card, for nodes with `eeprom: recovery`.
import { dirname, join } from "node:path";
import { errorCode } from "../report/expected-failure.ts";
import { editBootConf } from "../firmware/boot-order.ts";
import {
  type EepromImage,
  parseEepromImage,
  readEepromFile,
  replaceEepromFile,
} from "../firmware/eeprom-image.ts";
import { renderSignature } from "../firmware/eeprom-signature.ts";
import { bootWish } from "../inventory/boards/boot-loader.ts";
import type { ResolvedNode } from "../inventory/resolved.ts";
import { UserError } from "../report/user-error.ts";
import { readWhole } from "../system/read-whole.ts";
import { errnoReason } from "../system/errno-words.ts";

type BootFile = { readonly name: string; readonly data: Uint8Array };

const SETTINGS = "bootconf.txt";

const unusable = (path: string, why: string): UserError =>
  new UserError(
    "EEPROM_IMAGE_UNUSABLE",
    `the boot loader image ${path} cannot be used: it ${why}`,
    {
      state: "nothing was written for this node",
      hint: "take an image as Raspberry Pi publishes it, or set eeprom: auto",
    },
  );

const parsed = (
  path: string,
  result: ReturnType<typeof parseEepromImage>,
): EepromImage => {
  if ("mistake" in result) {
    throw unusable(path, result.mistake);
  }
  return result.image;
};

/** The boot loader image, changed to the media order that the node needs. */
const withOrder = (
  path: string,
  image: EepromImage,
  node: ResolvedNode,
): EepromImage => {
  const wish = bootWish(node);
  const settings = readEepromFile(image, SETTINGS);
  if (settings === undefined) {
    throw unusable(path, `has no ${SETTINGS}`);
  }
  const before = settings.toString("utf8");
  const after = wish === undefined ? before : editBootConf(before, wish);
  return after === before
    ? image
    : parsed(path, replaceEepromFile(image, SETTINGS, Buffer.from(after)));
};

/**
 * Files in the root folder of the boot partition: the board's ROM starts recovery.bin, which flashes pieeprom.upd if its
 * signature is right, and then this card boots. Empty unless the inventory asks for it. Throws EEPROM_IMAGE_UNUSABLE.
 */
export const recoveryFiles = async (
  node: ResolvedNode,
  buildTime: Date,
): Promise<readonly BootFile[]> => {
  const path = node.eepromImage;
  if (node.eeprom !== "recovery" || path === undefined) {
    return [];
  }
  const read = (file: string) =>
    readWhole(file).catch((cause: unknown) => {
      throw unusable(file, `cannot be read: ${errnoReason(errorCode(cause))}`);
    });
  const image = withOrder(
    path,
    parsed(path, parseEepromImage(await read(path))),
    node,
  );
  const signature = renderSignature(image.bytes, image.chip, buildTime);
  return [
    { name: "pieeprom.upd", data: image.bytes },
    { name: "pieeprom.sig", data: Buffer.from(signature) },
    {
      name: "recovery.bin",
      data: await read(join(dirname(path), "recovery.bin")),
    },
  ];
};

// Reads the boot loader images that an inventory names, and finds those that must not be flashed.
import { dirname, join } from "node:path";
import { errorCode } from "../../report/expected-failure.ts";
import { readAtMost } from "../../system/read-whole.ts";
import { loadText } from "./load-text.ts";
import { parseEepromImage } from "../../firmware/eeprom-image.ts";
import { signatureMistake } from "../../firmware/eeprom-signature.ts";
import type { Problem } from "../../report/problem.ts";
import { BOARD_FACTS } from "../boards/boards.ts";
import { imagePath } from "../rules/board-rules.ts";
import type { Draft } from "../draft.ts";
import { absolutePath, type PathOrigins } from "./paths.ts";
import { nodesOf, settingPlace, settingOf } from "../settings.ts";
import type { RuleFinding } from "../rules/text-rule.ts";

/** The largest image has 2 MiB; anything far beyond that is another kind of file. */
const LIMIT = 4 * 1024 * 1024;
const SIGNATURE_LIMIT = 64 * 1024;

/** A file's bytes, or why there are none. */
const readBytes = async (path: string): Promise<Buffer | string> => {
  try {
    const bytes = await readAtMost(path, LIMIT);
    return bytes.length > LIMIT
      ? `it has more than ${LIMIT} bytes, too many for a boot loader`
      : bytes;
  } catch (error) {
    const code = errorCode(error);
    return code === "ENOENT"
      ? "there is no such file"
      : (code ?? "unknown error");
  }
};

/** The vendor's tool writes the signature beside the image, with this ending in place of the image's. */
const signaturePath = (image: string): string =>
  image.replace(/\.(bin|upd)$/, ".sig");

const unreadable = (path: string, why: string): RuleFinding => ({
  code: "EEPROM_IMAGE_UNREADABLE",
  message: `${path} cannot be used: ${why}`,
  hint: "the image and recovery.bin must be in the same folder, as in github.com/raspberrypi/rpi-eeprom; relative paths start at the inventory's folder",
});

const invalid = (message: string, hint: string): RuleFinding => ({
  code: "EEPROM_IMAGE_INVALID",
  message,
  hint,
});

/** What is wrong with an image, or a file beside it, for boards of this chip; `shown` is its path as it was written. */
const findMistake = async (
  path: string,
  shown: string,
  chip: 2711 | 2712,
  board: string,
): Promise<RuleFinding | undefined> => {
  const bytes = await readBytes(path);
  if (typeof bytes === "string") {
    return unreadable(shown, bytes);
  }
  const parsed = parseEepromImage(bytes);
  if ("mistake" in parsed) {
    return invalid(
      `${shown} ${parsed.mistake}`,
      "download the image again from github.com/raspberrypi/rpi-eeprom",
    );
  }
  if (parsed.image.chip !== chip) {
    return invalid(
      `${shown} is a boot loader for the BCM${parsed.image.chip}, and a ${board} has a BCM${chip}`,
      `take an image from the folder firmware-${chip} of github.com/raspberrypi/rpi-eeprom`,
    );
  }
  const signature =
    signaturePath(path) === path
      ? undefined
      : await loadText(signaturePath(path), SIGNATURE_LIMIT);
  if (signature !== undefined && "reason" in signature && !signature.missing) {
    return unreadable(signaturePath(shown), signature.reason);
  }
  const wrong =
    signature?.text === undefined
      ? undefined
      : signatureMistake(signature.text, bytes, chip);
  if (wrong !== undefined) {
    return invalid(
      `${signaturePath(shown)} ${wrong.mistake} (line ${wrong.line})`,
      "image and signature belong together: download both again, or remove the signature",
    );
  }
  const recovery = join(dirname(path), "recovery.bin");
  const program = await readBytes(recovery);
  return typeof program === "string"
    ? unreadable(join(dirname(shown), "recovery.bin"), program)
    : undefined;
};

/** A problem for each node whose boot loader image is not one that its board can be flashed with. */
export const loadEepromProblems = async (
  draft: Draft,
  places: PathOrigins,
): Promise<readonly Problem[]> => {
  const problems: Problem[] = [];
  for (const numbered of nodesOf(draft)) {
    const { index } = numbered;
    const image = settingOf(draft, index, "eepromImage");
    const board = settingOf(draft, index, "board")?.value;
    const facts = board === undefined ? undefined : BOARD_FACTS[board];
    if (
      image?.value === undefined ||
      facts?.bootLoader === undefined ||
      settingOf(draft, index, "eeprom")?.value !== "recovery"
    ) {
      continue;
    }
    const shown = imagePath(image.value);
    const found = await findMistake(
      absolutePath(shown, places),
      shown,
      facts.bootLoader,
      facts.title,
    );
    if (found !== undefined) {
      problems.push({
        ...found,
        severity: "error",
        ...settingPlace(draft, numbered, image),
      });
    }
  }
  return problems;
};

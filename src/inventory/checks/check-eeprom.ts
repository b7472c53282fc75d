// Whether a node's boot loader can be flashed from its card, and the warning for those that are.
import type { Problem } from "../../report/problem.ts";
import { BOARD_FACTS } from "../boards/boards.ts";
import type { DraftCheck } from "../draft.ts";
import { nodesOf, settingPlace, settingOf, titleOf } from "../settings.ts";
import { STORAGE_FACTS } from "../boards/storage.ts";

export const checkEeprom: DraftCheck = (draft) =>
  nodesOf(draft).flatMap((numbered): readonly Problem[] => {
    const { index } = numbered;
    const eeprom = settingOf(draft, index, "eeprom");
    const board = settingOf(draft, index, "board")?.value;
    const storage = settingOf(draft, index, "storage")?.value;
    if (
      eeprom?.value !== "recovery" ||
      board === undefined ||
      storage === undefined
    ) {
      return [];
    }
    const place = settingPlace(draft, numbered, eeprom);
    const { title, recoveryFromCard } = BOARD_FACTS[board];
    const { way, disk } = STORAGE_FACTS[storage];
    const name = titleOf(numbered);
    if (!recoveryFromCard || (way === "flashed" && disk !== undefined)) {
      return [
        {
          code: "EEPROM_UNSUPPORTED",
          severity: "error",
          message: recoveryFromCard
            ? `${name} does not boot from a card, and the board runs recovery.bin only from a card`
            : `${name} is a ${title}, which cannot flash a boot loader from its card`,
          ...place,
          hint: "set eeprom: auto at the node",
        },
      ];
    }
    const image = settingOf(draft, index, "eepromImage");
    if (image === undefined) {
      return [];
    }
    return image.value === undefined
      ? [
          {
            code: "EEPROM_IMAGE_MISSING",
            severity: "error",
            message: `${name} should flash its boot loader, but no image is given`,
            ...place,
            hint: "add eepromImage: file: with the path of a pieeprom-*.bin from github.com/raspberrypi/rpi-eeprom, recovery.bin beside it",
          },
        ]
      : [
          {
            code: "EEPROM_RECOVERY",
            severity: "warning",
            message: `the card of ${name} replaces the boot loader of the first board it starts in, and resets its settings`,
            ...place,
            hint: "do not cut the power while the activity LED blinks fast; a board that no longer starts is repaired with Raspberry Pi Imager's boot loader image",
          },
        ];
  });

// Says why a target could not be opened.
import { UserError } from "../../report/user-error.ts";
import { errnoWords } from "../../system/errno-words.ts";
import { systemCode } from "../../report/expected-failure.ts";
import type { UsableTarget } from "../target.ts";

const STATE = "nothing was written";

export const readOnlyError = (path: string, cause?: unknown): UserError =>
  new UserError("TARGET_READ_ONLY", `${path} is read-only`, {
    cause,
    state: STATE,
    hint: "slide the lock switch of the card or its adapter away from LOCK, or take another card",
  });

/** For cards in USB readers; whoever sits at the machine may then write them. */
const UDEV_RULE =
  'SUBSYSTEM=="block", ENV{ID_BUS}=="usb", TAG+="uaccess" in /etc/udev/rules.d/60-cards.rules';

const permissionHint = (target: UsableTarget): string => {
  if (target.kind === "file") {
    return "write to a folder of your own";
  }
  const { group, path } = target.device;
  const join =
    group === undefined || group === "root"
      ? `give your user access with a udev rule (${UDEV_RULE})`
      : `join the group that owns the device (sudo usermod -aG ${group} "$USER", then log in again)`;
  return `run the same command with sudo (only ${path} is used as root, everything else as you), or ${join}`;
};

const otherwise = (error: unknown, path: string): unknown => {
  const words = errnoWords(systemCode(error));
  return words === undefined
    ? error
    : new UserError("FILE_UNUSABLE", `${path} cannot be opened: ${words.why}`, {
        cause: error,
        state: STATE,
        hint: words.hint,
      });
};

/** The error for the user; an error that is not the operating system's is returned as it came. */
export const openError = (error: unknown, target: UsableTarget): unknown => {
  const { path } = target;
  switch (systemCode(error)) {
    case "EBUSY":
      return new UserError(
        "TARGET_IN_USE",
        `${path} is in use: another process has it open`,
        {
          cause: error,
          state: STATE,
          hint: "close what uses it (a mount, a partition editor, another pi-image); `sudo fuser -v` with its name may tell which",
        },
      );
    case "EACCES":
    case "EPERM":
      return new UserError(
        "TARGET_NO_PERMISSION",
        `you may not write to ${path}`,
        { cause: error, state: STATE, hint: permissionHint(target) },
      );
    case "ENOMEDIUM":
      return new UserError(
        "TARGET_NO_MEDIUM",
        `${path} has no card or disk in it`,
        {
          cause: error,
          state: STATE,
          hint: "insert a card into the reader and run the command again",
        },
      );
    case "EROFS":
      return readOnlyError(path, error);
    case "ENOENT":
    case "ENXIO":
    case "ENODEV":
      return new UserError("TARGET_MISSING", `${path} is gone`, {
        cause: error,
        state: STATE,
        hint: "plug it in again and check `pi-image devices`",
      });
    case undefined:
      return error;
    default:
      return otherwise(error, path);
  }
};

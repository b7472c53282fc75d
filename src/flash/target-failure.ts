// Says what a failure means for one target: what happened, and what is on the card now.
import { systemCode } from "../report/expected-failure.ts";
import type { OpenTarget } from "../device/open/opened-target.ts";
import type { Range } from "../image/range.ts";
import { UserError, withState } from "../report/user-error.ts";
import { errnoReason } from "../system/errno-words.ts";
import type { Segment } from "./segments.ts";
import type { Stage, TargetRun } from "./target-run.ts";

const stateOf = (path: string, stage: Stage): string => {
  switch (stage) {
    case "untouched":
      return `nothing was written to ${path}`;
    case "erasing":
      return `${path} may still hold some of its earlier content; consider what was on it lost`;
    case "unbootable":
      return `${path} does not boot: its first MiB stays empty until everything else is verified`;
    case "unsure":
      return `${path} may look finished, but it was not verified; do not boot from it`;
    case "proven":
      return `${path} holds the image`;
  }
};

const AGAIN = "run the same command again";

export const targetGone = (path: string, cause?: unknown): UserError =>
  new UserError("TARGET_GONE", `${path} disappeared`, {
    cause,
    hint: `was it pulled out? check the reader and the cable, then ${AGAIN}`,
  });

const ABOUT_THE_CARD: ReadonlySet<string> = new Set([
  "READBACK_DIFFERS",
  "TARGET_GONE",
]);

const reasonOf = (code: string, kind: OpenTarget["kind"]): string =>
  code === "EIO" && kind !== "file"
    ? "the device reports an error (EIO)"
    : `${errnoReason(code)} (${code})`;

const fromSystem = async (
  error: unknown,
  code: string,
  target: OpenTarget,
): Promise<UserError> => {
  const { path, kind } = target;
  const goneCodes = ["ENODEV", "ENXIO", "ENOMEDIUM", "ESHUTDOWN"];
  if (goneCodes.includes(code) || !(await target.present())) {
    return targetGone(path, error);
  }
  const failed = (message: string, hint: string) =>
    new UserError("FLASH_WRITE_FAILED", message, { cause: error, hint });
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return kind === "file"
        ? failed(
            `there is no room for the rest of ${path}`,
            `free some space there, then ${AGAIN}`,
          )
        : failed(
            `${path} ran out of space before its own size`,
            "the device is thinly provisioned and full, or counterfeit; use another one",
          );
    case "EROFS":
    case "EPERM":
    case "EACCES":
      return failed(
        `${path} stopped accepting writes`,
        "worn-out cards make themselves read-only; use another one",
      );
    default:
      return failed(
        `${path} cannot be read or written: ${reasonOf(code, kind)}`,
        "check the reader and the cable; if it fails again, use another card",
      );
  }
};

/**
 * After an abort, errors of the run's own parts (a decoder that was killed, a closed stream) are only its consequences.
 * A finding about the card still counts.
 */
const isCancel = (error: unknown, signal: AbortSignal | undefined): boolean =>
  signal?.aborted === true &&
  !(error instanceof UserError && ABOUT_THE_CARD.has(error.code));

/**
 * The error to show for what a target has thrown.
 * @param state what is on it now
 * @throws the error itself when it is a bug
 */
export const explainDeviceError = async (
  error: unknown,
  target: OpenTarget,
  signal: AbortSignal | undefined,
  state: string,
): Promise<UserError> => {
  if (isCancel(error, signal)) {
    return new UserError("CANCELLED", `writing ${target.path} was stopped`, {
      state,
      cause: error,
    });
  }
  if (error instanceof UserError) {
    return withState(error, state);
  }
  const code = systemCode(error);
  if (code === undefined) {
    throw error;
  }
  return withState(await fromSystem(error, code, target), state);
};

/**
 * The error to show for a target of a flash.
 * @throws the error itself when it is a bug
 */
export const explainTargetFailure = async (
  error: unknown,
  { target, stage, signal }: TargetRun,
): Promise<UserError> => {
  const state = stateOf(target.path, stage);
  const told = await explainDeviceError(error, target, signal, state);
  return told.code === "CANCELLED" && stage !== "untouched"
    ? new UserError(told.code, told.message, {
        state,
        hint: AGAIN,
        cause: error,
      })
    : told;
};

const SHOWN = 8;

/** One line for each of the first few ranges. */
export const failurePlaces = (ranges: readonly Range[]): readonly string[] => {
  const lines = ranges
    .slice(0, SHOWN)
    .map(
      ({ offset, length }) =>
        `bytes ${offset.toLocaleString("en-US")} to ${(offset + length - 1).toLocaleString("en-US")} differ`,
    );
  return ranges.length > SHOWN
    ? [...lines, `and ${ranges.length - SHOWN} more places`]
    : lines;
};

/** The target was read back, and it does not hold what was written. */
export const readBackDiffers = (
  path: string,
  bad: readonly Segment[],
): UserError =>
  new UserError(
    "READBACK_DIFFERS",
    `${path} does not hold what was written to it`,
    {
      facts: failurePlaces(bad),
      hint: "the card, its reader or the cable is bad, or the card is counterfeit; use another one",
    },
  );

// pi-image devices --test: tells a counterfeit card from a genuine one without filling it.
import { randomBytes } from "node:crypto";
import { inspectTarget } from "../../device/look/inspect-target.ts";
import { listDevices } from "../../device/helper/device-work.ts";
import { openTarget } from "../../device/open/open-target.ts";
import { refusalError } from "../../device/refusal-error.ts";
import type { UsableTarget } from "../../device/target.ts";
import { refusals } from "../../device/target-rules.ts";
import {
  keptBelow,
  type SizeFinding,
  type SizeTest,
  testSize,
} from "../../device/size/test-size.ts";
import { type Confirmation, confirmationOf } from "../../flash/confirmation.ts";
import { STALL_LIMITS, watchStalls } from "../../flash/stall-watch.ts";
import { explainDeviceError } from "../../flash/target-failure.ts";
import { UserError } from "../../report/user-error.ts";
import { askForName } from "../flash/confirm-targets.ts";
import type { Context } from "../../terminal/context.ts";
import { serialFor } from "../flash/serial-for.ts";

type TestOptions = {
  readonly yes: boolean;
  readonly serial: readonly string[];
  readonly allowFixed: boolean;
  readonly maxSize: number;
};

type Chosen = {
  readonly target: UsableTarget;
  readonly confirmation: Confirmation;
};

/** The same rules apply as for a flash, because a test writes to the device. */
const choose = async (
  context: Context,
  path: string,
  options: TestOptions,
): Promise<Chosen> => {
  const target = await inspectTarget(path, listDevices);
  const serial = serialFor(target, options.serial);
  const { allowFixed, maxSize } = options;
  const wish = { allowFixed, maxSize, serial };
  const [first, ...others] = refusals(target, wish);
  if (first !== undefined) {
    throw refusalError(first, others);
  }
  if (
    target.kind === "unusable" ||
    (target.kind === "file" && target.size === 0)
  ) {
    throw new UserError("TARGET_MISSING", `${path} is not a device to test`, {
      state: "nothing was written",
      hint: "`pi-image devices` lists the devices that can be written",
    });
  }
  const confirmation = confirmationOf(target, {
    yes: options.yes,
    interactive: context.interactive && !context.json,
    serial,
  });
  if (confirmation.kind === "refused") {
    throw refusalError(confirmation.refusal);
  }
  return { target, confirmation };
};

const gigabytes = (bytes: number): string =>
  bytes < 1e9
    ? `${(bytes / 1e6).toFixed(1)} MB`
    : `${(bytes / 1e9).toFixed(1)} GB`;

const AS_BEFORE = "its content is as it was";

const counterfeit = (
  path: string,
  size: number,
  kept: number,
  finding: SizeFinding,
): UserError =>
  new UserError(
    "CARD_COUNTERFEIT",
    `${path} claims ${gigabytes(size)} but holds only ${gigabytes(kept)}`,
    {
      facts: [
        finding.kind === "wraps"
          ? `what is written beyond byte ${kept.toLocaleString("en-US")} overwrites its beginning`
          : `what is written beyond byte ${kept.toLocaleString("en-US")} is lost`,
      ],
      state: AS_BEFORE,
      hint: "return it; do not flash an image onto it",
    },
  );

const notRestored = (path: string, cause?: unknown): UserError =>
  new UserError(
    "READBACK_DIFFERS",
    `${path} no longer holds everything that the test had saved`,
    {
      cause,
      state: `some of the content of ${path} is lost`,
      hint: "the card, its reader or the cable is bad; use another one",
    },
  );

const conclude = (
  context: Context,
  path: string,
  size: number,
  test: Extract<SizeTest, { kind: "finished" }>,
): void => {
  const { finding, places, lost } = test;
  const kept = keptBelow(finding, size);
  context.printJson({
    type: "result",
    target: path,
    result: finding.kind,
    claimed: size,
    kept,
    places,
  });
  if (lost > 0) {
    throw notRestored(path);
  }
  if (finding.kind !== "whole") {
    throw counterfeit(path, size, kept, finding);
  }
  context.print(
    `${path} keeps what is written to ${places.toLocaleString("en-US")} places up to its end: it has its ${gigabytes(size)}, and ${AS_BEFORE}.`,
  );
};

/** @throws UserError of the target rules, CANCELLED, CARD_COUNTERFEIT, READBACK_DIFFERS and of the device */
export const testDevice = async (
  context: Context,
  path: string,
  options: TestOptions,
): Promise<void> => {
  const { target, confirmation } = await choose(context, path, options);
  const what = confirmation.kind === "given" ? path : confirmation.what;
  await askForName(
    context,
    path,
    confirmation,
    `The test writes to ${what} and puts back what was there; pulling the card out meanwhile would cost data.`,
  );
  const opened = watchStalls(
    await openTarget(target, 0, listDevices),
    context.report,
    // No signal is passed on: a test that is stopped must still be able to put everything back.
    undefined,
    STALL_LIMITS,
  );
  try {
    const test = await testSize(opened, {
      report: context.report,
      signal: context.signal,
      nonce: randomBytes(8).readBigUInt64LE(),
    });
    if (test.kind === "finished") {
      conclude(context, path, opened.size, test);
      return;
    }
    throw await explainDeviceError(
      test.error,
      opened,
      context.signal,
      test.restored ? AS_BEFORE : `some of the content of ${path} may be lost`,
    );
  } finally {
    await opened.close();
  }
};

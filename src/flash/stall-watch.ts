// Names a target that does not answer, and gives it up when it stays silent or has gone.
import type { OpenTarget } from "../device/open/opened-target.ts";
import type { Report } from "../report/events.ts";
import { UserError } from "../report/user-error.ts";
import { targetGone } from "./target-failure.ts";

/** Milliseconds that one request may take. */
export type StallLimits = {
  readonly warn: number;
  readonly giveUp: number;
  /** After the user has stopped the run. */
  readonly stopped: number;
};

/** The kernel itself may retry a SCSI or MMC request for minutes before it answers with an error. */
export const STALL_LIMITS: StallLimits = {
  warn: 30_000,
  giveUp: 300_000,
  stopped: 800,
};

/** A request to a card that was pulled out may take minutes to fail; this is how soon it is noticed, in milliseconds. */
const LOOK_EVERY = 1000;

/** @param giveUp milliseconds that one request may take; if that is short, the user is warned after half of it */
export const stallLimits = (giveUp: number): StallLimits => ({
  ...STALL_LIMITS,
  warn: Math.min(STALL_LIMITS.warn, giveUp / 2),
  giveUp,
});

const inSeconds = (milliseconds: number): string =>
  `${Math.round(milliseconds / 1000)} s`;

/** The same target, with every request timed. A request that was given up stays with the kernel. */
export const watchStalls = (
  target: OpenTarget,
  report: Report,
  signal: AbortSignal | undefined,
  limits: StallLimits,
): OpenTarget => {
  const { path } = target;
  const pending = new Set<(reason: unknown) => void>();
  let given: { readonly up: unknown } | undefined;

  /** What was given up is not asked again: each request would cost the same time once more. */
  const giveUp = (reason: unknown): void => {
    given ??= { up: reason };
    for (const reject of pending) {
      reject(given.up);
    }
  };
  signal?.addEventListener(
    "abort",
    () =>
      setTimeout(() => {
        if (pending.size > 0) {
          giveUp(signal.reason);
        }
      }, limits.stopped).unref(),
    { once: true },
  );

  const stalled = (doing: string): unknown =>
    signal?.aborted === true
      ? signal.reason
      : new UserError(
          "TARGET_STALLED",
          `${path} did not answer for ${inSeconds(limits.giveUp)} while ${doing}`,
          { hint: "pull it out, and use another card, reader or port" },
        );

  const timed = async <T>(
    doing: string,
    start: () => Promise<T>,
  ): Promise<T> => {
    if (given !== undefined) {
      throw given.up;
    }
    let rejectSilence: (reason: unknown) => void = () => undefined;
    const silence = new Promise<never>((_, reject) => {
      rejectSilence = reject;
    });
    pending.add(rejectSilence);
    const warning = setTimeout(() => {
      report({
        type: "warning",
        subject: path,
        message: `${path} has not answered for ${inSeconds(limits.warn)} while ${doing}`,
        hint: "it may only be slow; if this repeats, use another card, reader or port",
      });
    }, limits.warn);
    const watch = setInterval(() => {
      if (target.gone()) {
        giveUp(targetGone(path));
      }
    }, LOOK_EVERY);
    const end = setTimeout(
      () => giveUp(stalled(doing)),
      signal?.aborted === true ? limits.stopped : limits.giveUp,
    );
    try {
      return await Promise.race([start(), silence]);
    } finally {
      pending.delete(rejectSilence);
      clearTimeout(warning);
      clearInterval(watch);
      clearTimeout(end);
    }
  };

  return {
    ...target,
    write: (data, offset) => timed("writing", () => target.write(data, offset)),
    read: (into, offset) => timed("reading", () => target.read(into, offset)),
    flush: () => timed("finishing its writes", () => target.flush()),
    // Without direct I/O this asks the device as well.
    forget: () => timed("finishing its writes", () => target.forget()),
    settle: () => timed("finishing its writes", () => target.settle()),
    discard: (abort) => timed("discarding", () => target.discard(abort)),
    // A target that was given up is not closed: closing would wait for its requests, so for ever.
    close: async () => {
      if (given === undefined) {
        await timed("closing", () => target.close());
      }
    },
  };
};

// Names a target that does not answer, and gives it up when it stays silent.
import type { OpenTarget } from "../device/opened-target.ts";
import type { Report } from "../report/events.ts";
import { UserError } from "../report/user-error.ts";

/** Milliseconds that one request may take. */
export type StallLimits = { readonly warn: number; readonly giveUp: number };

/** The kernel itself tries a SCSI or MMC request again for up to minutes before it answers with an error. */
export const STALL_LIMITS: StallLimits = { warn: 30_000, giveUp: 300_000 };

/** The same target, with every request timed. A request that was given up stays with the kernel. */
export const watchStalls = (
  target: OpenTarget,
  report: Report,
  limits: StallLimits,
): OpenTarget => {
  const { path } = target;
  let stuck = false;
  const timed = async <T>(doing: string, request: Promise<T>): Promise<T> => {
    const warning = setTimeout(() => {
      report({
        type: "warning",
        subject: path,
        message: `${path} has not answered for ${Math.round(limits.warn / 1000)} s while ${doing}`,
        hint: "it may only be slow; if this repeats, use another card, reader or port",
      });
    }, limits.warn);
    let end: NodeJS.Timeout | undefined;
    const silence = new Promise<never>((_, reject) => {
      end = setTimeout(() => {
        stuck = true;
        reject(
          new UserError(
            "TARGET_STALLED",
            `${path} did not answer for ${Math.round(limits.giveUp / 1000)} s while ${doing}`,
            {
              hint: "pull it out, and use another card, reader or port",
            },
          ),
        );
      }, limits.giveUp);
    });
    try {
      return await Promise.race([request, silence]);
    } finally {
      clearTimeout(warning);
      clearTimeout(end);
    }
  };
  return {
    ...target,
    write: (data, offset) => timed("writing", target.write(data, offset)),
    read: (into, offset) => timed("reading", target.read(into, offset)),
    flush: () => timed("finishing its writes", target.flush()),
    discard: (signal) => timed("discarding", target.discard(signal)),
    // Closing waits for the requests that are under way, so for ever.
    close: async () => {
      if (!stuck) {
        await timed("closing", target.close());
      }
    },
  };
};

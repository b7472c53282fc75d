// Asks one server after another until one of them has what is wanted.
import type { Report } from "../report/events.ts";
import { EXIT } from "../report/exit-codes.ts";
import { UserError } from "../report/user-error.ts";
import { NetworkFailure } from "./network-failure.ts";

/** How informative a failure is; undefined for one that another server cannot remedy, such as a full disk. */
const weightOf = (error: unknown): number | undefined => {
  if (error instanceof NetworkFailure) {
    return error.kind === "unreachable" ? 1 : 2;
  }
  return error instanceof UserError && error.exitCode === EXIT.untrusted
    ? 3
    : undefined;
};

/**
 * The first result. If no server has one, throws the most informative failure: a server that cannot be trusted counts more
 * than one that failed, and that more than one that could not be reached.
 */
export const fromFirstServer = async <
  Server extends { readonly host: string },
  Result,
>(
  servers: readonly Server[],
  report: Report,
  ask: (server: Server) => Promise<Result>,
): Promise<Result> => {
  let worst: { readonly error: unknown; readonly weight: number } | undefined;
  for (const [index, server] of servers.entries()) {
    try {
      return await ask(server);
    } catch (error) {
      const weight = weightOf(error);
      if (weight === undefined) {
        throw error;
      }
      if (weight > (worst?.weight ?? 0)) {
        worst = { error, weight };
      }
      const next = servers[index + 1];
      if (next !== undefined && error instanceof Error) {
        report({
          type: "warning",
          message: `${error.message}; asking ${next.host} instead`,
        });
      }
    }
  }
  throw worst?.error ?? new Error("there is no server to ask");
};

// The error that some work ends with.
import { UserError } from "../../src/report/user-error.ts";

/** Fails where the work succeeds, or ends with a bug. */
export const failureOf = async (work: Promise<unknown>): Promise<UserError> => {
  const error: unknown = await work.then(
    () => new Error("this should have failed"),
    (reason: unknown) => reason,
  );
  if (error instanceof UserError) {
    return error;
  }
  throw error;
};

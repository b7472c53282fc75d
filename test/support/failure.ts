// The error that some work ends with; the test fails where the work succeeds, or ends with a bug.
import { NetworkFailure } from "../../src/network/network-failure.ts";
import { UserError } from "../../src/report/user-error.ts";

const reasonOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => new Error("this should have failed"),
    (reason: unknown) => reason,
  );

export const failureOf = async (work: Promise<unknown>): Promise<UserError> => {
  const reason = await reasonOf(work);
  if (reason instanceof UserError) {
    return reason;
  }
  throw reason;
};

export const networkFailureOf = async (
  work: Promise<unknown>,
): Promise<NetworkFailure> => {
  const reason = await reasonOf(work);
  if (reason instanceof NetworkFailure) {
    return reason;
  }
  throw reason;
};

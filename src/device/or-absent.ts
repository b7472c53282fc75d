// Asks the system for something that need not be there.
import { ifOneOf, NOT_FOR_US } from "../report/expected-failure.ts";

/** Undefined where it is absent, or not for this user. @throws every other error */
export const orAbsent = async <T>(step: Promise<T>): Promise<T | undefined> => {
  try {
    return await step;
  } catch (error) {
    return ifOneOf(error, NOT_FOR_US, undefined);
  }
};

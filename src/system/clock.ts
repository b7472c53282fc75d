// The time that goes into what we build; SOURCE_DATE_EPOCH makes it reproducible.
// https://reproducible-builds.org/specs/source-date-epoch/
import { UserError } from "../report/user-error.ts";

/** The build's time: SOURCE_DATE_EPOCH (seconds since 1970) where set, else now, in whole seconds. */
export const buildTime = (env: NodeJS.ProcessEnv = process.env): Date => {
  const epoch = env["SOURCE_DATE_EPOCH"];
  if (epoch === undefined || epoch === "") {
    return new Date(Math.floor(Date.now() / 1000) * 1000);
  }
  if (!/^\d{1,11}$/.test(epoch)) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      `SOURCE_DATE_EPOCH is ${JSON.stringify(epoch)}, not a number of seconds`,
      { hint: "unset it, or set it to a number such as 1763596800" },
    );
  }
  return new Date(Number(epoch) * 1000);
};

// Reads durations such as 30m, 5s or 1h30m.
import { UserError } from "../report/user-error.ts";

const MILLISECONDS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** The longest that a timer of Node.js takes. https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Milliseconds.
 *
 * @param option for the message, such as "--timeout"
 * @throws UserError WRONG_ARGUMENTS
 */
export const parseDuration = (text: string, option: string): number => {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  const total = parts.reduce(
    (sum, [, amount, unit]) =>
      sum + Number(amount) * (MILLISECONDS[unit ?? ""] ?? 0),
    0,
  );
  const whole = parts.map(([part]) => part).join("") === text;
  if (parts.length === 0 || !whole || total > LONGEST_MS) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      `${option} ${JSON.stringify(text)} is not a duration`,
      { hint: "write it with its unit, such as 30m, 5s or 1h30m" },
    );
  }
  return total;
};

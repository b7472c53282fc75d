// Turns refusals into the error that the user reads.
import { UserError } from "../report/user-error.ts";
import type { Refusal } from "./target-rules.ts";

const advice = (refusal: Refusal): string | undefined =>
  refusal.hint ??
  (refusal.override === undefined
    ? undefined
    : `if this is the disk you mean, add ${refusal.override}`);

/** The first refusal becomes the error; the others are listed below it. */
export const refusalError = (
  first: Refusal,
  others: readonly Refusal[] = [],
): UserError => {
  // A way around one refusal is no help while another has none.
  const blocked = [first, ...others].find(
    ({ override, hint }) => override === undefined && hint === undefined,
  );
  return new UserError(first.code, first.reason, {
    facts: others.map(({ reason }) => `also: ${reason}`),
    state: "nothing was written",
    hint:
      (blocked === undefined ? advice(first) : undefined) ??
      "`pi-image devices` lists the devices that can be written",
  });
};

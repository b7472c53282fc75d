// Turns an error into the lines that a person reads at the terminal.
import { visible } from "../report/printable.ts";
import { UserError } from "../report/user-error.ts";

/** error[CODE]: message, facts, state and hint; see docs/errors.md for the codes. */
export const renderUserError = (error: UserError): string => {
  const lines = [`error[${error.code}]: ${visible(error.message)}`];
  for (const fact of error.facts) {
    lines.push(`  ${visible(fact)}`);
  }
  if (error.state !== undefined) {
    lines.push(`state: ${visible(error.state)}`);
  }
  if (error.hint !== undefined) {
    lines.push(`hint: ${visible(error.hint)}`);
  }
  return lines.join("\n");
};

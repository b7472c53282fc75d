// Asks the user, once for each file and command, whether an inventory may run a command that it names with `exec:`.
import { dirname, resolve } from "node:path";
import type { AllowCommand } from "../inventory/load/load-wifi-passwords.ts";
import { visible } from "../report/printable.ts";
import { UserError } from "../report/user-error.ts";
import {
  commandKey,
  isAllowedCommand,
  rememberAllowed,
} from "../system/allowed-commands.ts";
import type { Context } from "../terminal/context.ts";

export type CommandConsent = {
  /** `--allow-exec`: allows commands for this run without asking. */
  readonly allowExec: boolean;
  /** Whether a "yes" is remembered for later runs. */
  readonly remember: boolean;
};

type How = "--allow-exec" | "remembered" | "asked" | "not allowed";

/**
 * @param inventory as the user wrote it
 * @returns false where there is no terminal to ask on
 * @throws UserError CANCELLED for any answer but yes; nothing has been written by then
 */
export const allowCommand =
  (
    context: Context,
    inventory: string,
    { allowExec, remember }: CommandConsent = {
      allowExec: false,
      remember: true,
    },
  ): AllowCommand =>
  async (command) => {
    const { env, interactive } = context;
    const tell = (how: How): void =>
      context.printJson({ type: "exec", inventory, command, allowed: how });
    if (allowExec) {
      tell("--allow-exec");
      return true;
    }
    const key = await commandKey(
      inventory,
      dirname(resolve(inventory)),
      command,
    );
    if (key !== undefined && (await isAllowedCommand(env, key))) {
      tell("remembered");
      return true;
    }
    if (!interactive) {
      tell("not allowed");
      return false;
    }
    // Not a remark, which --quiet would hide: nobody should answer without seeing what the question is about.
    context.complain(
      `${visible(inventory)} runs this command as you, to get a password:\n  ${visible(command)}`,
    );
    const answer = await context.ask({
      message: "Run it? Type yes to allow it (anything else stops):",
    });
    if (answer.toLowerCase() !== "yes") {
      tell("not allowed");
      throw new UserError(
        "CANCELLED",
        `you did not allow the command of ${inventory}`,
        { state: "it was not run, and nothing was written" },
      );
    }
    tell("asked");
    if (remember && (key === undefined || !(await rememberAllowed(env, key)))) {
      context.remark(
        "This answer cannot be remembered: it will be asked again.",
      );
    }
    return true;
  };

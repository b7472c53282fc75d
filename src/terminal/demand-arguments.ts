// Refuses what no command can work with: empty arguments, and a working folder that is gone.
import { UserError } from "../report/user-error.ts";

const empty = (what: string): UserError =>
  new UserError("WRONG_ARGUMENTS", `${what} is empty`, {
    state: "nothing was written",
    hint: "was a variable of your shell not set?",
  });

/** @throws UserError WRONG_ARGUMENTS */
export const demandFilled = (
  args: readonly (readonly [name: string, value: unknown])[],
  options: readonly (readonly [flag: string, value: unknown])[],
): void => {
  const [name] = args.find(([, value]) => value === "") ?? [];
  if (name !== undefined) {
    throw empty(`the argument ${name.toUpperCase()}`);
  }
  const [flag] =
    options.find(
      ([, value]) =>
        value === "" || (Array.isArray(value) && value.includes("")),
    ) ?? [];
  if (flag !== undefined) {
    throw empty(flag);
  }
};

/** The error for a working folder that was deleted; undefined where it is there. */
export const workingFolderGone = (): UserError | undefined => {
  try {
    process.cwd();
    return undefined;
  } catch (cause) {
    return new UserError(
      "FILE_UNUSABLE",
      "the working folder has been deleted",
      {
        state: "nothing was written",
        hint: "change to a folder that exists, such as: cd",
        cause,
      },
    );
  }
};

/** What a command says of arguments that contradict themselves or each other, before anything was written. */
export const wrongArguments = (message: string, hint: string): UserError =>
  new UserError("WRONG_ARGUMENTS", message, {
    state: "nothing was written",
    hint,
  });

// Turns the declared commands into plain data.
import type { Argument, Command, Option } from "commander";
import {
  type CommandEntry,
  type CommandTree,
  valueKind,
} from "../terminal/manual/command-tree.ts";

/** `<file>` and `[file]` in the flags of an option. */
const placeholder = (flags: string): string | undefined =>
  /[<[](\w[\w-]*)[>\]]/.exec(flags)?.[1];

const optionEntry = (option: Option) => {
  const name = placeholder(option.flags);
  const long = option.long?.replace(/^-+/, "") ?? "";
  return {
    short: option.short?.replace(/^-+/, ""),
    long,
    summary: option.description,
    repeatable: /repeated/.test(option.description),
    value:
      name === undefined
        ? undefined
        : {
            name,
            optional: option.optional,
            is: valueKind(name, option.argChoices, long),
          },
  };
};

const argumentEntry = (argument: Argument) => ({
  name: argument.name(),
  summary: argument.description,
  required: argument.required,
  is: valueKind(argument.name(), argument.argChoices),
});

const commandEntry = (
  command: Command,
  examples: ReadonlyMap<string, string>,
): CommandEntry => ({
  name: command.name(),
  summary: command.description(),
  example: examples.get(command.name()),
  arguments: command.registeredArguments.map(argumentEntry),
  options: command.options.map(optionEntry),
});

/** @param examples by name of the command */
export const commandTree = (
  program: Command,
  examples: ReadonlyMap<string, string>,
): CommandTree => ({
  name: program.name(),
  version: program.version() ?? "",
  description: program.description().replaceAll("\n", " "),
  // Commands without an example are for shells, not for people.
  commands: program.commands
    .filter((command) => examples.has(command.name()))
    .map((command) => commandEntry(command, examples)),
});

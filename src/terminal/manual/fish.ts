// The completion of fish, as a file for ~/.config/fish/completions.
// https://fishshell.com/docs/current/completions.html
import type {
  ArgumentEntry,
  CommandEntry,
  CommandTree,
  OptionEntry,
  ValueKind,
} from "./command-tree.ts";

const fishQuoted = (text: string): string =>
  `'${text.replaceAll("\\", "\\\\").replaceAll("'", String.raw`\'`)}'`;

/** Files are offered only where a file is meant. */
const offers = (is: ValueKind): string => {
  switch (is.kind) {
    case "words":
      return `-x -a ${fishQuoted(is.words.join(" "))}`;
    case "file":
      return "-r -F";
    case "folder":
      return "-x -a '(__fish_complete_directories)'";
    case "text":
      return "-x";
  }
};

const optionLine = (
  program: string,
  command: CommandEntry,
  { short, long, summary, value }: OptionEntry,
): string =>
  [
    `complete -c ${program} -n '__fish_seen_subcommand_from ${command.name}'`,
    ...(short === undefined ? [] : [`-s ${short}`]),
    `-l ${long}`,
    ...(value === undefined || value.optional ? [] : [offers(value.is)]),
    `-d ${fishQuoted(summary)}`,
  ].join(" ");

const argumentLine = (
  program: string,
  command: CommandEntry,
  { is, summary }: ArgumentEntry,
): readonly string[] => {
  const when = `complete -c ${program} -n '__fish_seen_subcommand_from ${command.name}'`;
  switch (is.kind) {
    case "words":
      return [
        `${when} -a ${fishQuoted(is.words.join(" "))} -d ${fishQuoted(summary)}`,
      ];
    case "file":
    case "folder":
      return [`${when} -F`];
    case "text":
      return [];
  }
};

export const fishCompletion = ({ name, commands }: CommandTree): string =>
  `${[
    `# Completion of ${name} for fish.`,
    `complete -c ${name} -f`,
    `complete -c ${name} -n __fish_use_subcommand -l version -s V -d 'print the version'`,
    ...commands.map(
      (command) =>
        `complete -c ${name} -n __fish_use_subcommand -a ${command.name} -d ${fishQuoted(command.summary)}`,
    ),
    ...commands.flatMap((command) => [
      ...command.arguments.flatMap((argument) =>
        argumentLine(name, command, argument),
      ),
      ...command.options.map((option) => optionLine(name, command, option)),
    ]),
  ].join("\n")}\n`;

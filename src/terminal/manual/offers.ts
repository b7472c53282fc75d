// What can stand at the cursor of a command line that is being typed; computes only.
import type {
  CommandEntry,
  CommandTree,
  OptionEntry,
  ValueKind,
} from "./command-tree.ts";

export type OfferedWord = { readonly word: string; readonly summary: string };

/** Words that are known from the commands alone, or what has to be looked up. */
export type Offers =
  | { readonly kind: "words"; readonly words: readonly OfferedWord[] }
  | { readonly kind: Exclude<ValueKind["kind"], "words"> };

const NOTHING: Offers = { kind: "text" };

const flagsOf = ({ short, long }: OptionEntry): readonly string[] => [
  ...(short === undefined ? [] : [`-${short}`]),
  `--${long}`,
];

const offersOf = (is: ValueKind): Offers =>
  is.kind === "words"
    ? {
        kind: "words",
        words: is.words.map((word) => ({ word, summary: "" })),
      }
    : { kind: is.kind };

/** bash cuts `--format=img` into three words, and other shells leave it one; here it is two. */
const withoutEquals = (words: readonly string[]): readonly string[] =>
  words.flatMap((word, index) => {
    const [, flag, value] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
    if (flag !== undefined && value !== undefined) {
      return [flag, value];
    }
    return word === "=" && words[index - 1]?.startsWith("--") === true
      ? index === words.length - 1
        ? [""]
        : []
      : [word];
  });

const withValue = (
  command: CommandEntry,
  word: string | undefined,
): ValueKind | undefined => {
  const option = command.options.find((known) =>
    flagsOf(known).some((flag) => flag === word),
  );
  return option?.value?.optional === false ? option.value.is : undefined;
};

/** How many arguments stand before the cursor. */
const placeAtCursor = (
  command: CommandEntry,
  before: readonly string[],
): number =>
  before.filter(
    (word, index) =>
      !word.startsWith("-") &&
      withValue(command, before[index - 1]) === undefined,
  ).length;

/** @param typed the words after the program's name up to the cursor; the last one may be empty */
export const offersFor = (
  { commands }: CommandTree,
  typed: readonly string[],
): Offers => {
  const [name = "", ...rest] = withoutEquals(typed);
  if (rest.length === 0) {
    return {
      kind: "words",
      words: [
        ...commands.map(({ name: word, summary }) => ({ word, summary })),
        { word: "help", summary: "show the help of a command" },
        { word: "--help", summary: "show help" },
        { word: "--version", summary: "print the version" },
      ],
    };
  }
  const command = commands.find((known) => known.name === name);
  if (command === undefined) {
    return NOTHING;
  }
  const current = rest.at(-1) ?? "";
  const before = rest.slice(0, -1);
  const value = withValue(command, before.at(-1));
  if (value !== undefined) {
    return offersOf(value);
  }
  if (current.startsWith("-")) {
    return {
      kind: "words",
      words: command.options.flatMap((option) =>
        flagsOf(option).map((word) => ({ word, summary: option.summary })),
      ),
    };
  }
  const argument = command.arguments[placeAtCursor(command, before)];
  return argument === undefined ? NOTHING : offersOf(argument.is);
};

/** The value of `-f` or `--inventory` among the words. */
export const typedInventory = (
  typed: readonly string[],
): string | undefined => {
  const words = withoutEquals(typed);
  const at = words.findLastIndex(
    (word, index) =>
      ["-f", "--inventory"].includes(word) && index < words.length - 2,
  );
  return at < 0 ? undefined : words[at + 1];
};

// The manual page in the language of man(7).
import { EXIT, EXIT_MEANINGS } from "../../report/exit-codes.ts";
import type {
  ArgumentEntry,
  CommandEntry,
  CommandTree,
  OptionEntry,
} from "./command-tree.ts";

/** Columns of the source; readers fill their own lines. */
const LONGEST_LINE = 72;

const fold = (words: string): string =>
  words.replaceAll(
    new RegExp(`(.{1,${LONGEST_LINE}})(?: |$)`, "g"),
    (_, line: string) => `${line}\n`,
  );

/** A backslash begins an escape, and a dot or a quote at the start of a line a request; a minus is not a hyphen. */
const text = (words: string): string =>
  fold(words.replaceAll("`", ""))
    .trimEnd()
    .replaceAll("\\", String.raw`\e`)
    .replaceAll("-", String.raw`\-`)
    .replaceAll(/^(['.])/gm, String.raw`\&$1`);

const bold = (words: string): string => `\\fB${text(words)}\\fR`;
const italic = (words: string): string => `\\fI${text(words)}\\fR`;

const valueOf = ({ value }: OptionEntry): string => {
  if (value === undefined) {
    return "";
  }
  return value.optional ? ` [${italic(value.name)}]` : ` ${italic(value.name)}`;
};

const optionEntry = (option: OptionEntry): string => {
  const { short, long, value } = option;
  const forms = [
    ...(short === undefined ? [] : [bold(`-${short}`)]),
    bold(`--${long}`),
  ];
  const words =
    value?.is.kind === "words" ? ` (${value.is.words.join(", ")})` : "";
  return `.TP\n${forms.join(", ")}${valueOf(option)}\n${text(`${option.summary}${words}.`)}`;
};

const argumentWord = ({ name, required }: ArgumentEntry): string =>
  required ? italic(name) : `[${italic(name)}]`;

const argumentEntry = (argument: ArgumentEntry): string => {
  const { is, summary, name } = argument;
  const words = is.kind === "words" ? ` (${is.words.join(", ")})` : "";
  return `.TP\n${italic(name)}\n${text(`${summary}${words}.`)}`;
};

const commandSection = (
  program: string,
  command: CommandEntry,
  common: ReadonlySet<string>,
): string =>
  [
    `.SS ${text(command.name)}`,
    text(command.summary),
    ".PP",
    [
      `${bold(`${program} ${command.name}`)} [${italic("options")}]`,
      ...command.arguments.map(argumentWord),
    ].join(" "),
    ...command.arguments.map(argumentEntry),
    ...command.options.filter(({ long }) => !common.has(long)).map(optionEntry),
    ...(command.example === undefined
      ? []
      : [
          ".PP",
          "Example:",
          ".PP",
          ".RS 4",
          ".nf",
          text(command.example),
          ".fi",
          ".RE",
        ]),
  ].join("\n");

/** Options that all commands have are listed once. */
const commonOptions = ({ commands }: CommandTree): readonly OptionEntry[] =>
  (commands[0]?.options ?? []).filter(({ long }) =>
    commands.every(({ options }) =>
      options.some((option) => option.long === long),
    ),
  );

const ENVIRONMENT: Readonly<Record<string, string>> = {
  SOURCE_DATE_EPOCH:
    "The time of the build, in seconds since 1970, for results that are the same everywhere.",
  PI_IMAGE_CACHE_HOME:
    "The folder of downloads and decoded images, in place of XDG_CACHE_HOME/pi-image.",
  PI_IMAGE_SIGNING_KEY: "The armored OpenPGP private key that signs a release.",
  PI_IMAGE_SIGNING_PASSPHRASE: "Its passphrase.",
  NO_COLOR: "Any value: no colours.",
  "https_proxy, http_proxy, no_proxy": "Proxies for downloads.",
};

const FILES: Readonly<Record<string, string>> = {
  "cluster.yaml": "The inventory: the cluster and its nodes.",
  "cluster.lock.json": "What a build took from the network.",
  "<cluster>.secrets.yaml":
    "The cluster's secrets. Whoever loses it loses the cluster.",
  "out/": "The images, what belongs to them, and the receipts of flashes.",
};

const entries = (list: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(list).map(
    ([name, meaning]) => `.TP\n${bold(name)}\n${text(meaning)}`,
  );

export const manPage = (tree: CommandTree): string => {
  const { name, version, description, commands } = tree;
  const common = commonOptions(tree);
  const names = new Set(common.map(({ long }) => long));
  return `${[
    `.TH ${name.toUpperCase()} 1 "" "${name} ${version}" "User Commands"`,
    ".SH NAME",
    `${text(name)} \\- images for a Kubernetes cluster of Raspberry Pis`,
    ".SH SYNOPSIS",
    `${bold(name)} ${italic("command")} [${italic("options")}] [${italic("arguments")}]`,
    ".SH DESCRIPTION",
    text(description),
    ".SH COMMANDS",
    ...commands.map((command) => commandSection(name, command, names)),
    ".SH OPTIONS OF ALL COMMANDS",
    ...common.map(optionEntry),
    ".SH EXIT STATUS",
    ...Object.entries(EXIT_MEANINGS).map(
      ([exit, meaning]) =>
        `.TP\n${bold(String(EXIT[exit as keyof typeof EXIT]))}\n${text(`${meaning}.`)}`,
    ),
    ".SH ENVIRONMENT",
    ...entries(ENVIRONMENT),
    ".SH FILES",
    ...entries(FILES),
    ".SH SEE ALSO",
    `${bold("bmaptool")}(1), ${bold("dd")}(1), ${bold("kubeadm")}(1), ${bold("ssh")}(1)`,
  ].join("\n")}\n`;
};

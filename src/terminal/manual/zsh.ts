// The completion of zsh, as the file _pi-image in a folder of $fpath.
// https://zsh.sourceforge.io/Doc/Release/Completion-System.html (_arguments)
import type {
  ArgumentEntry,
  CommandEntry,
  CommandTree,
  OptionEntry,
  ValueKind,
} from "./command-tree.ts";

const zshQuoted = (text: string): string =>
  `'${text.replaceAll("'", "'\\''")}'`;

/** In a specification of _arguments brackets and colons have a meaning. */
const plain = (text: string): string =>
  text.replaceAll(/[[\]:\\]/g, (sign) => `\\${sign}`);

const action = (is: ValueKind): string => {
  switch (is.kind) {
    case "words":
      return `(${is.words.join(" ")})`;
    case "file":
      return "_files";
    case "folder":
      return "_files -/";
    case "text":
      return " ";
  }
};

/** One line for each form of the option; one form excludes the others unless it may be repeated. */
const optionLines = ({
  short,
  long,
  summary,
  repeatable,
  value,
}: OptionEntry): readonly string[] => {
  const forms = [...(short === undefined ? [] : [`-${short}`]), `--${long}`];
  const before = repeatable ? "*" : `(${forms.join(" ")})`;
  const after =
    value === undefined
      ? ""
      : `:${value.optional ? ":" : ""}${plain(value.name)}:${action(value.is)}`;
  return forms.map((form) =>
    zshQuoted(`${before}${form}[${plain(summary)}]${after}`),
  );
};

const argumentLine = ({ name, required, is }: ArgumentEntry): string =>
  zshQuoted(`${required ? "" : ":"}:${plain(name)}:${action(is)}`);

const caseOf = (command: CommandEntry): string => {
  const lines = [
    ...command.options.flatMap(optionLines),
    ...command.arguments.map(argumentLine),
  ];
  return `        ${command.name})
          _arguments -S ${lines.map((line) => `\\\n            ${line}`).join(" ")}
          ;;`;
};

export const zshCompletion = ({
  name,
  commands,
}: CommandTree): string => `#compdef ${name}
# Completion of ${name} for zsh.

_pi_image() {
  local curcontext=$curcontext state line
  local -a commands
  commands=(
${commands.map((command) => `    ${zshQuoted(`${command.name}:${command.summary}`)}`).join("\n")}
  )
  _arguments -C '(- *)'{-h,--help}'[show help]' '(- *)'{-V,--version}'[print the version]' '1: :->command' '*:: :->rest'
  case $state in
    command) _describe -t commands command commands ;;
    rest)
      case $line[1] in
${commands.map(caseOf).join("\n")}
      esac
      ;;
  esac
}

if [[ $funcstack[1] == _${name} ]]; then
  _pi_image "$@"
else
  compdef _pi_image ${name}
fi
`;

// The completion of bash, as a script that ~/.bashrc sources.
// https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html
import type {
  CommandEntry,
  CommandTree,
  OptionEntry,
  ValueKind,
} from "./command-tree.ts";

const flagsOf = ({ short, long }: OptionEntry): readonly string[] => [
  ...(short === undefined ? [] : [`-${short}`]),
  `--${long}`,
];

const reply = (is: ValueKind): string => {
  switch (is.kind) {
    case "words":
      return `COMPREPLY=($(compgen -W "${is.words.join(" ")}" -- "$current"))`;
    case "file":
      return 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$current"))';
    case "folder":
      return 'compopt -o filenames; COMPREPLY=($(compgen -d -- "$current"))';
    case "text":
      return "COMPREPLY=()";
  }
};

/** A value of an option comes after it; elsewhere there are options, or the arguments in their order. */
const caseOf = (command: CommandEntry): string => {
  const valued = command.options.flatMap((option) =>
    option.value === undefined || option.value.optional
      ? []
      : [
          `        ${flagsOf(option).join("|")}) ${reply(option.value.is)}; return ;;`,
        ],
  );
  const takesValue = command.options
    .filter(({ value }) => value !== undefined && !value.optional)
    .flatMap(flagsOf);
  const places = command.arguments.map(
    ({ is }, index) => `        ${index}) ${reply(is)} ;;`,
  );
  const flags = command.options.flatMap(flagsOf);
  return `    ${command.name})
      case $previous in
${[...valued, "        *) ;;"].join("\n")}
      esac
      if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "${flags.join(" ")}" -- "$current"))
        return
      fi
      case $(_pi_image_place "${takesValue.join(" ")}") in
${[...places, "        *) COMPREPLY=() ;;"].join("\n")}
      esac
      ;;`;
};

export const bashCompletion = ({
  name,
  commands,
}: CommandTree): string => `# Completion of ${name} for bash.
# shellcheck shell=bash disable=SC2207

# How many arguments stand between the command and the cursor; $1 has the options that take a value.
_pi_image_place() {
  local index place=0
  for ((index = 2; index < COMP_CWORD; index++)); do
    if [[ " $1 " == *" \${COMP_WORDS[index]} "* ]]; then
      ((index++))
    elif [[ \${COMP_WORDS[index]} != -* ]]; then
      ((place++))
    fi
  done
  echo "$place"
}

_pi_image() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "${[...commands.map((command) => command.name), "help", "--help", "--version"].join(" ")}" -- "$current"))
    return
  fi
  case \${COMP_WORDS[1]} in
${commands.map(caseOf).join("\n")}
    *) COMPREPLY=() ;;
  esac
}

complete -F _pi_image ${name}
`;

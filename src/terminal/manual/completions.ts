// What the shells source: each asks the program itself what can stand at the cursor, so nothing here needs to know a command.

export const SHELLS = ["bash", "zsh", "fish"] as const;

export type Shell = (typeof SHELLS)[number];

/**
 * `pi-image complete -- WORDS` prints what else the shell may offer ("files", "folders" or "nothing"), and then its own
 * words: a line each, followed by a tab and a summary.
 */
const SCRIPTS: Readonly<Record<Shell, (name: string) => string>> = {
  // https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html
  bash: (name) => `# Completion of ${name} for bash.
# shellcheck shell=bash disable=SC2207

_pi_image() {
  local current=\${COMP_WORDS[COMP_CWORD]} program=\${COMP_WORDS[0]/#\\~/$HOME} line
  local -a lines=()
  [[ $current == = ]] && current=
  while IFS= read -r line; do
    lines+=("\${line%%$'\t'*}")
  done < <("$program" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  COMPREPLY=($(compgen -W "\${lines[*]:1}" -- "$current"))
  case \${lines[0]-} in
    files) compopt -o filenames; COMPREPLY+=($(compgen -f -- "$current")) ;;
    folders) compopt -o filenames; COMPREPLY+=($(compgen -d -- "$current")) ;;
  esac
}

complete -F _pi_image ${name}
`,
  // https://zsh.sourceforge.io/Doc/Release/Completion-System.html (_describe, _files)
  zsh: (name) => `#compdef ${name}
# Completion of ${name} for zsh.

_pi_image() {
  local -a lines offers
  local line tab=$'\t'
  lines=("\${(@f)$("\${(Q)words[1]/#\\~/$HOME}" complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  compset -P '--*='
  for line in "\${(@)lines[2,-1]}"; do
    offers+=("\${\${line%%$tab*}//:/\\:}:\${line#*$tab}")
  done
  (( $#offers )) && _describe -V ${name} offers
  case $lines[1] in
    files) _files ;;
    folders) _files -/ ;;
  esac
}

if [[ $funcstack[1] == _${name} ]]; then
  _pi_image "$@"
else
  compdef _pi_image ${name}
fi
`,
  // https://fishshell.com/docs/current/completions.html
  fish: (name) => `# Completion of ${name} for fish.
function __pi_image_complete
  set -l typed (commandline -opc)
  set -l current (commandline -ct)
  set -l lines ($typed[1] complete -- $typed[2..] "$current" 2>/dev/null)
  set -l flag (string match -r -- '^--[^=]+=' $current)
  for line in $lines[2..]
    echo "$flag$line"
  end
  switch "$lines[1]"
    case files
      __fish_complete_path $current
    case folders
      __fish_complete_directories $current
  end
end

complete -c ${name} -f -a '(__pi_image_complete)'
`,
};

export const completionScript = (name: string, shell: Shell): string =>
  SCRIPTS[shell](name);

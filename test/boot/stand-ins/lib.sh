# shellcheck shell=bash
# What the stand-ins share: every call is written down, and an order makes the next call fail, hang or be killed.
set -euo pipefail
stand_ins=/opt/stand-ins

record() { # TOOL ARGUMENTS...
  printf '%s\n' "$*" >>/var/log/stand-ins
}

refuse() { # MESSAGE
  echo "$1" >&2
  echo "REFUSED $(basename "$0"): $1" >>/var/log/stand-ins
  exit 1
}

# The first line of the file orders/<name> says what this call does instead of its work.
order() { # NAME
  local file=$stand_ins/orders/$1 word
  [[ -s $file ]] || return 0
  word=$(head -n 1 "$file")
  sed -i 1d "$file"
  case $word in
    fail) echo "stand-in: $1 fails as ordered" >&2 && exit 1 ;;
    hang) exec sleep infinity ;;
    # The caller is timeout, and its caller the phase.
    kill) kill -9 "$(ps -o ppid= -p "$PPID" | tr -d ' ')" "$PPID" && exit 137 ;;
  esac
}

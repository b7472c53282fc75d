# shellcheck shell=bash
# Sourced by every fake of a board with disks. $BOARD holds the board's media and its state. Where $BOARD/cuts lists the
# calls in which the power was cut before, it is cut in the first call of this start that is not in the list.
set -u
# shellcheck disable=SC2034 # the tools use it
root=${PI_IMAGE_ROOT:?}
tool=${0##*/}

real() {
  local folder
  for folder in /usr/sbin /usr/bin /sbin /bin; do
    if [[ -x $folder/$1 ]]; then
      echo "$folder/$1"
      return
    fi
  done
}

# Everything that the phase started dies at once, and what was not written to the media is lost.
cut_power() {
  # Only a phase has a process group of its own.
  [[ ${PI_IMAGE_PHASE:-} ]] || exit 99
  touch "$BOARD/cut-happened"
  kill -KILL "-$(cut -d ' ' -f 5 "/proc/$$/stat")"
}

# Runs the given command as this call of the tool.
call() {
  local same mark
  echo "$tool $*" >>"$BOARD/log"
  # What only reads, or writes the status again and again, leaves nothing that a cut could spoil.
  case "$tool $*" in
    *sha256sum* | *--dump* | *--disk-id* | *status.json*)
      "$@"
      return
      ;;
  esac
  if [[ ${PI_IMAGE_PHASE:-} && -e $BOARD/cuts ]]; then
    # The same call, the n-th time: ids differ from attempt to attempt, the order of calls does not.
    same=$(grep -c "^$tool $1 $#\$" "$BOARD/calls") || true
    echo "$tool $1 $#" >>"$BOARD/calls"
    mark="$tool $1 $# $same"
    if ! grep -qxF -- "$mark" "$BOARD/cuts"; then
      echo "$mark" >>"$BOARD/cuts"
      "$@" &
      # Nothing of it is done, or much, or all.
      sleep "0.0$(($(wc -l <"$BOARD/cuts") % 4))"
      cut_power
    fi
  fi
  "$@"
}

# shellcheck shell=bash
# Sourced by every fake of a board with disks. $BOARD holds the board's media and its state. Where $BOARD/cuts lists the
# cuts that were made before, the power is cut at the first point of this start that is not in the list. Each call has two:
#
# before  Nothing of it is done, and what was not synchronised is lost.
# within  As much of it is done as the tool can leave half done (all, where the kernel does it at once), and the media
#         hold everything up to there.
set -u
# shellcheck disable=SC2034 # the tools use it
root=${PI_IMAGE_ROOT:?}
tool=${0##*/}

real() { PATH=/usr/sbin:/usr/bin:/sbin:/bin type -P "$1"; }

# Everything that the phase started dies at once, and what was not written to the media is lost.
cut_power() {
  # Only a phase has a process group of its own.
  [[ ${PI_IMAGE_PHASE:-} ]] || exit 99
  touch "$BOARD/cut-happened"
  kill -KILL "-$(cut -d ' ' -f 5 "/proc/$$/stat")"
}

# What the kernel may write back at any time, it has written.
write_back() {
  local folder
  for folder in "$root" "$root/run/pi-image/target" "$root/srv/data"; do
    ! mountpoint --quiet "$folder" || "$(real sync)" -f "$folder"
  done
}

# What FAT file systems keep in memory, in the order in which they were mounted.
write_back_fats() { # whole|half
  local device folder
  while read -r device folder; do
    "$FAKES/board/flush-fat" "$device" "$folder" "$1" || return
  done <"$BOARD/fats"
}

# A tool that can be found half done brings a function of its own.
half() {
  "$@"
  write_back_fats whole
}

# Runs the given command as this call of the tool.
call() {
  local same cuts points point mark
  echo "$tool $*" >>"$BOARD/log"
  # What only reads, or writes the status again and again, leaves nothing that a cut could spoil.
  case "$tool $*" in
    *sha256sum* | *--dump* | *--disk-id* | *status.json* | *tar\ --create*)
      "$@"
      return
      ;;
  esac
  if [[ ${PI_IMAGE_PHASE:-} && -e $BOARD/cuts ]]; then
    # The same call, the n-th time: ids differ from attempt to attempt, the order of calls does not.
    same=$(grep -c "^$tool $1 $#\$" "$BOARD/calls") || true
    echo "$tool $1 $#" >>"$BOARD/calls"
    cuts=$'\n'$(<"$BOARD/cuts")$'\n'
    # Between these and the next call there is nothing to lose.
    case "$tool $*" in
      mount* | systemctl* | umount*/source | umount*/target) points=(before) ;;
      *) points=(before within) ;;
    esac
    for point in "${points[@]}"; do
      mark="$tool $1 $# $same $point"
      [[ $cuts != *$'\n'"$mark"$'\n'* ]] || continue
      echo "$mark" >>"$BOARD/cuts"
      if [[ $point == within ]]; then
        half "$@"
        write_back
      fi
      cut_power
    done
  fi
  "$@"
}

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

# What the kernel may write back at any time, it has written.
write_back() {
  local folder
  for folder in "$root" "$root/run/pi-image/target" "$root/srv/data"; do
    ! mountpoint --quiet "$folder" || "$(real sync)" -f "$folder"
  done
}

# What a FAT file system keeps in memory, in the order in which it was mounted; "half" of each with an argument.
write_back_fats() { # [half]
  local device folder
  while read -r device folder; do
    "$FAKES/board/flush-fat" "$device" "$folder" "$@" || return
  done <"$BOARD/fats"
}

# A tool that can be found half done brings a function of its own.
half() {
  "$@"
  write_back_fats
}

# Runs the given command as this call of the tool.
call() {
  local same point mark
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
    for point in before within; do
      mark="$tool $1 $# $same $point"
      ! grep -qxF -- "$mark" "$BOARD/cuts" || continue
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

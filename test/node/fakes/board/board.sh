# shellcheck shell=dash
# Sourced by every fake of a board with disks. $BOARD holds the board's media and its state. Where $BOARD/cuts is there, the
# power is cut at the first point of this start that was not cut before ($BOARD/made). Each call has two:
#
# before  Nothing of it is done, and what was not synchronised is lost.
# within  As much of it is done as the tool can leave half done (all, where the kernel does it at once), and the media
#         hold everything up to there.
#
# A start makes hundreds of calls, and processes cost more than all else: the shell does whatever it can do by itself.
set -u
# shellcheck disable=SC2034 # the tools use it
root=${PI_IMAGE_ROOT:?}
tool=${0##*/}
# What a fake calls is real, and no point of its own.
PATH=/usr/sbin:/usr/bin:/sbin:/bin

# Sets `real` to the path of a program.
find_real() { # NAME
  for real in "/usr/sbin/$1" "/usr/bin/$1" "/sbin/$1" "/bin/$1"; do
    [ ! -x "$real" ] || return 0
  done
  exit 127
}

# Kills everything that the phase started, all at once.
end_phase() {
  local stat
  # Only a phase has a process group of its own.
  [ "${PI_IMAGE_PHASE:-}" ] || exit 99
  read -r stat <"/proc/$$/stat"
  # shellcheck disable=SC2086 # of words: state, parent, group
  set -- ${stat##*) }
  kill -KILL "-$3"
}

# What was not written to the media is lost.
cut_power() {
  : >"$BOARD/cut-happened"
  end_phase
}

# What the kernel may write back at any time, it has written.
write_back() {
  local folder
  set -- "$root"
  for folder in "$root/run/pi-image/target" "$root/srv/data"; do
    [ ! -d "$folder" ] || set -- "$@" "$folder"
  done
  sync -f "$@"
}

# What FAT file systems keep in memory, in the order in which they were mounted.
write_back_fats() { # whole|half
  local device folder
  [ -s "$BOARD/fats" ] || return 0
  # shellcheck source=test/node/fakes/board/fat.sh
  . "$FAKES/board/fat.sh"
  while read -r device folder; do
    flush_fat "$device" "$folder" "$1" || return
  done <"$BOARD/fats"
}

# A tool that can be found half done brings a function of its own.
half() {
  "$@"
  write_back_fats whole
}

# A program takes the place of its fake.
act() {
  case $1 in /*) exec "$@" ;; esac
  "$@"
}

# Runs the given command as this call of the tool; nothing comes after it.
call() {
  local key same=0 points="before within" point
  echo "$tool $*" >>"$BOARD/log"
  # What only reads, or writes the status again and again, leaves nothing that a cut could spoil.
  case "$tool $*" in
    *sha256sum* | *--dump* | *--disk-id* | *status.json* | *"tar --create"* | *"tar --seek"*)
      act "$@"
      return
      ;;
  esac
  if [ "${PI_IMAGE_PHASE:-}" ] && [ -e "$BOARD/cuts" ]; then
    # The same call, the n-th time: ids differ from attempt to attempt, the order of calls does not.
    key=$tool-${1##*/}-$#
    [ ! -e "$BOARD/calls/$key" ] || read -r same <"$BOARD/calls/$key"
    echo $((same + 1)) >"$BOARD/calls/$key"
    # Between these and the next call there is nothing to lose.
    case "$tool $*" in
      mount* | systemctl* | umount*/source | umount*/target) points=before ;;
    esac
    for point in $points; do
      [ ! -e "$BOARD/made/$key-$same-$point" ] || continue
      : >"$BOARD/made/$key-$same-$point"
      echo "$tool $key $same $point" >>"$BOARD/cuts"
      if [ "$point" = within ]; then
        half "$@"
        write_back
      fi
      cut_power
    done
  fi
  act "$@"
}

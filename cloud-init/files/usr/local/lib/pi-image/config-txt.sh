# shellcheck shell=bash
# The boot partition's files that the firmware reads, changed so that a power cut leaves either the old one or the new.

boot=${root?}/boot/firmware

# Replaces a file of the boot partition with standard input.
replace() { # FILE
  cat >"$1.new"
  sync
  mv -f "$1.new" "$1"
  sync
}

# config.txt without a block of ours.
without_block() { # NAME
  sed "/^# >>> pi-image $1\$/,/^# <<< pi-image $1\$/d" "$boot/config.txt"
}

with_block() { # NAME LINE...
  without_block "$1"
  # The last line of somebody's file may have no end.
  [[ -z $(tail -c 1 "$boot/config.txt") ]] || echo
  printf '%s\n' "# >>> pi-image $1" "${@:2}" '[all]' "# <<< pi-image $1"
}

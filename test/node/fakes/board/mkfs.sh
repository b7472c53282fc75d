# shellcheck shell=bash
# Sourced by the fakes that make file systems: of one that is cut short, the first half of the device is there.

half() { # COMMAND... DEVICE
  local device=${!#} made=$BOARD/half-made size
  size=$(blockdev --getsize64 "$device")
  "$(real cp)" --sparse=always "$device" "$made"
  "${@:1:$#-1}" "$made"
  "$(real dd)" if="$made" of="$device" bs=1M count=$((size / 2)) iflag=count_bytes conv=notrunc,fsync status=none
  rm "$made"
}

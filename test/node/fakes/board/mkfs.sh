# shellcheck shell=dash
# Sourced by the fakes that make file systems: of one that is cut short, the first half of the device is there.

half() { # COMMAND... DEVICE
  local device made=$BOARD/half-made size count=1
  # To the front comes the device.
  while [ "$count" -lt $# ]; do
    set -- "$@" "$1"
    shift
    count=$((count + 1))
  done
  device=$1
  shift
  size=$(blockdev --getsize64 "$device")
  cp --sparse=always "$device" "$made"
  "$@" "$made"
  dd if="$made" of="$device" bs=1M count=$((size / 2)) iflag=count_bytes conv=notrunc,fsync status=none
  rm "$made"
}

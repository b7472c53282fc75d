# shellcheck shell=bash
# Sourced by the board's own tools: runs the fake of test/node that has this tool's name, on what QEMU hands in as the
# board's memory. A machine that is no board has no such memory, and the tools then fail as they do there.
set -eu
memory=/sys/firmware/qemu_fw_cfg/by_name/opt/pi-image
[[ -e $memory/settings/raw ]] || exit 1
export BOARD=/run/board FAKES=/opt/stand-ins/fakes PI_IMAGE_ROOT=/
mkdir -p "$BOARD/eeprom"
for name in settings built package.bin; do
  cat "$memory/$name/raw" >"$BOARD/eeprom/$name"
done
"$FAKES/board/${0##*/}" "$@"

# The real one leaves the new settings on the card, for recovery.bin to write before anything else starts.
if [[ -e $BOARD/eeprom/pending ]]; then
  mv "$BOARD/eeprom/pending" /boot/firmware/pieeprom.upd
  echo recovery >/boot/firmware/recovery.bin
  sync
fi

# shellcheck shell=bash
# The boot loader in the board's own memory: how old it is, which media it tries, and how that is changed without harm.

# https://github.com/raspberrypi/rpi-eeprom (rpi-eeprom-config without arguments prints what is in force)
boot_loader_settings() { rpi-eeprom-config 2>/dev/null || vcgencmd bootloader_config 2>/dev/null; }

# When it was built, in seconds since 1970: its version for comparisons.
boot_loader_time() {
  local stamp=${root?}/proc/device-tree/chosen/bootloader/build-timestamp
  if [[ -s $stamp ]]; then
    echo $((16#$(od -An -tx1 "$stamp" | tr -d '[:space:]')))
  else
    vcgencmd bootloader_version 2>/dev/null | sed -n 's/^timestamp \([0-9][0-9]*\)$/\1/p'
  fi
}

day() { date --utc --date "@$1" +%F; }

# Whether it is older than the base image asks for; says so wherever it is asked.
boot_loader_is_old() {
  local built
  [[ $PI_IMAGE_BOOT_LOADER ]] || return
  built=$(boot_loader_time) || true
  [[ $built && $built -lt $PI_IMAGE_BOOT_LOADER ]] || return
  echo "The boot loader of this board is of $(day "$built"), and its Ubuntu needs one of $(day "$PI_IMAGE_BOOT_LOADER") or later. Update it with: sudo rpi-eeprom-update -a, then restart."
}

setting() { # NAME SETTINGS
  sed -n "s/^$1=//p" <<<"$2" | tail -n 1 | tr -d '[:space:]'
}

# One hex digit a medium, read from the right: 1 is the card, 4 USB, 6 NVMe. The same order where it will do.
# https://www.raspberrypi.com/documentation/computers/raspberry-pi.html#BOOT_ORDER
wanted_order() { # ORDER DIGIT FIRST
  local rest=${1//$2/}
  if [[ $1 == *"$2"* && ($3 != yes || ${1##*"$2"} != *1*) ]]; then
    echo "$1"
  else
    ((${#rest} <= 7)) || rest=${rest: -7}
    echo "$rest$2"
  fi
}

with_setting() { # NAME VALUE: edits standard input
  awk -v name="$1" -v value="$2" '
    index($0, name "=") == 1 { next }
    /^[[]/ { filter = $0 }
    { print }
    END {
      if (filter != "" && filter != "[all]") print "[all]"
      print name "=" value
    }'
}

# The settings with what this node needs of them; the very same where they have it.
wanted_settings() { # SETTINGS
  local digit=6 order wanted new
  new=$(grep '[^[:space:]]' <<<"$1") || true
  [[ $PI_IMAGE_DISK == nvme ]] || digit=4
  order=$(setting BOOT_ORDER "$1" | tr '[:upper:]' '[:lower:]')
  order=${order#0x}
  # What holds where nothing is set.
  order=${order:-f41}
  wanted=$(wanted_order "$order" "$digit" "$PI_IMAGE_KEEP_CARD")
  [[ $wanted == "$order" ]] || new=$(with_setting BOOT_ORDER "0x$wanted" <<<"$new")
  if [[ ${probe?} == yes && $(setting PCIE_PROBE "$1") != 1 ]]; then
    new=$(with_setting PCIE_PROBE 1 <<<"$new")
  fi
  printf '%s\n' "$new"
}

# Why the settings cannot be written from here, and on a second line what to do then; nothing when they can.
# rpi-eeprom-config writes the newest image that the package brings, not the one that is in force, and would so replace a
# newer boot loader by an older one, whether a script or a person calls it. A frozen one takes nothing but the image that
# Raspberry Pi Imager writes onto a card: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html#FREEZE_VERSION
cannot_write() { # SETTINGS
  local image packaged built
  local imager="Start the board once from a card with the boot loader image of Raspberry Pi Imager that starts from NVMe or USB, then from this card again."
  local update="Update the package first: sudo apt-get update && sudo apt-get install rpi-eeprom; this node then goes on by itself. Or: $imager"
  if [[ $PI_IMAGE_EEPROM == keep ]]; then
    printf '%s\n' "cluster.yaml says eeprom: keep" "Set them with: sudo rpi-eeprom-config --edit, then restart."
  elif [[ $PI_IMAGE_BOARD == cm4 ]]; then
    printf '%s\n' "a Compute Module 4 takes them over its USB port only" "Set them with rpiboot from another computer (github.com/raspberrypi/usbboot)."
  elif [[ $(setting FREEZE_VERSION "$1") == 1 ]]; then
    printf '%s\n' "they are frozen (FREEZE_VERSION=1)" "$imager"
  elif ! image=$(rpi-eeprom-update -l 2>/dev/null) || [[ ! -s $image ]]; then
    printf '%s\n' "the package rpi-eeprom brings no boot loader for this board" "$update"
  else
    packaged=$(grep -aom 1 'BUILD_TIMESTAMP=[0-9]*' "$image" | head -n 1 | cut -d = -f 2) || true
    built=$(boot_loader_time) || true
    if [[ -z $packaged || -z $built ]]; then
      printf '%s\n' "it is not known whether the package rpi-eeprom would bring back an older boot loader" "$imager"
    elif ((packaged < built)); then
      printf '%s\n' "the package rpi-eeprom would replace the boot loader of $(day "$built") by the older one of $(day "$packaged")" "$update"
    elif [[ -e $once ]] && grep -qxF -- "$lines" "$once"; then
      printf '%s\n' "they were written, and after a restart the old ones are still in force" "$imager"
    fi
  fi
}

# Sees to it that the board will find the disk; the node restarts when the settings had to be written. Nothing on any
# disk has been changed so far.
ensure_boot_order() {
  local now wanted why lines once=${state?}/boot-settings
  # The 3B+ has no such memory: without a card that can boot, it starts from USB by itself.
  [[ $PI_IMAGE_BOARD != pi3b+ ]] || return 0
  now=$(boot_loader_settings) || fails "The settings of the boot loader cannot be read. Install the package rpi-eeprom."
  wanted=$(wanted_settings "$now")
  [[ $wanted != "$(grep '[^[:space:]]' <<<"$now")" ]] || return 0
  lines=$(grep -E '^(BOOT_ORDER|PCIE_PROBE)=' <<<"$wanted" | one_line)
  why=$(cannot_write "$now")
  [[ -z $why ]] || waits "The boot loader would not start from the disk and needs other settings ($lines), which cannot be set from here: ${why/$'\n'/. }"
  doing "Setting the boot loader to $lines, and restarting."
  printf '%s\n' "$wanted" >"${scratch?}/boot.conf"
  # By recovery.bin, which starts again after a power cut: writing the memory at once would not survive one.
  logged 300 env RPI_EEPROM_IMMEDIATE_UPDATE=0 rpi-eeprom-config --apply "$scratch/boot.conf" ||
    fails "The settings of the boot loader cannot be written: $(cause)."
  printf '%s\n' "$lines" >"$once"
  sync
  systemctl reboot
  waits "The boot loader takes its new settings at a restart."
}

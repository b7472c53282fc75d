# shellcheck shell=bash
# What holds the NVMe disk of a Pi 5 or a Compute Module 5: an adapter that announces itself, or another.
#
# For one that does (HAT+) the firmware switches the connector on by itself, and the boot loader looks for the disk; any
# other needs dtparam=pciex1 for the system and PCIE_PROBE=1 for the boot loader. So the card is flashed without the first,
# and whether the disk answers then says whether the second is needed.
# https://github.com/raspberrypi/documentation/blob/master/documentation/asciidoc/computers/raspberry-pi/pcie.adoc
# https://github.com/raspberrypi/rpi-eeprom/pull/578 (a Compute Module 5 counts as one that does)

# "laid" or "none", and the start in which the connector was switched on for the next one, or was on and no disk answered.
asked=${state?}/adapter

# A line of the inventory counts as well; the values are those that the firmware takes for "on".
connector_is_on() {
  grep -qsE '^(dtparam|device_tree_param)=(.*,)?(pciex1|nvme)(=(on|okay|true|yes|y|1))?(,|[[:space:]]*$)' "${boot?}/config.txt"
}

in_this_boot() { [[ -e $asked && $(<"$asked") == "$1 ${this_boot?}" ]]; } # laid|none

# Whether the boot loader must be told to look for the disk that answers now.
needs_probe() {
  [[ $PI_IMAGE_PCIE_PROBE == yes ]] && ! in_this_boot laid && { connector_is_on || in_this_boot none; }
}

# Where no disk answers, the next start shows the other half of the truth.
ask_adapter() {
  local restarting="The node restarts with the PCIe connector on."
  [[ $PI_IMAGE_PCIE_PROBE == yes && -z $(other_disks nvme) ]] || return 0
  ! in_this_boot laid || waits "$restarting"
  if in_this_boot none; then
    return
  elif connector_is_on; then
    # There is none. Whatever is put in before the next start is asked anew.
    printf 'none %s\n' "$this_boot" >"$asked"
    sync
    without_block connector | replace "$boot/config.txt"
    return
  fi
  doing "No NVMe disk announces itself. Switching the PCIe connector on for adapters that do not (no HAT+), and restarting."
  printf 'laid %s\n' "$this_boot" >"$asked"
  sync
  with_block connector '[pi5]' 'dtparam=pciex1' | replace "$boot/config.txt"
  systemctl reboot
  waits "$restarting"
}

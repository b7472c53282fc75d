# shellcheck shell=bash
# The link to the NVMe disk: how fast it is and whether it makes errors, and how the firmware is told to try another speed.

record=${state?}/pcie

recorded() { # NAME
  [[ ! -e $record ]] || sed -n "s/^$1=//p" "$record"
}

# All at once, on the disk before anything depends on it.
remember() { # NAME=VALUE...
  printf '%s\n' "$@" >"$record.new"
  sync
  mv -f "$record.new" "$record"
  sync
}

# The PCI address of the first NVMe controller; nothing without one.
nvme_address() { cat "${root?}/sys/class/nvme/nvme0/address" 2>/dev/null || true; }

# Such as 8 for PCIe Gen 3 and 5 for Gen 2, in GT/s.
link_speed() { # ADDRESS
  lspci -vv -s "$1" 2>/dev/null | sed -n 's/.*LnkSta:[[:space:]]*Speed \([0-9.]*\)GT\/s.*/\1/p' | head -n 1
}

# Errors that the hardware has counted since it started (AER), and those that the kernel has told of.
# https://www.kernel.org/doc/Documentation/ABI/testing/sysfs-bus-pci-devices-aer_stats
link_errors() { # ADDRESS
  local counted told
  counted=$(cat "$root/sys/bus/pci/devices/$1"/aer_dev_{correctable,nonfatal,fatal} 2>/dev/null |
    awk '$1 ~ /^TOTAL_ERR/ { sum += $2 } END { print sum + 0 }') || true
  told=$(journalctl --dmesg --boot --quiet --output cat 2>/dev/null |
    grep -cE 'PCIe Bus Error|nvme.*(timeout|controller is down|I/O error|resetting)|I/O error, dev nvme') || true
  echo $((${counted:-0} + ${told:-0}))
}

# MB/s past the page cache, as whole numbers; nothing where it cannot be measured. Raspberry Pi OS Lite has no hdparm, and
# there is no network yet.
read_speed() {
  if ! command -v hdparm >/dev/null; then
    timeout 60 dd if="$root/dev/nvme0n1" of=/dev/null bs=1M count=1024 iflag=direct 2>&1 |
      awk -F ', ' '/ copied, / { split($1, bytes, " "); if ($(NF - 1) + 0 > 0) printf "%d\n", bytes[1] / $(NF - 1) / 1000000 }'
    return
  fi
  timeout 60 hdparm -t --direct "$root/dev/nvme0n1" 2>/dev/null | sed -n 's/.*= *\([0-9]*\)[.0-9]* MB\/sec.*/\1/p'
}

in_trial() {
  local flag=$root/proc/device-tree/chosen/bootloader/tryboot
  [[ -e $flag && $((16#$(od -An -tx1 "$flag" | tr -d '[:space:]'))) -ne 0 ]]
}

has_tryboot_section() { grep -qs '^tryboot_a_b=1' "${boot?}/autoboot.txt"; }

# Tells the firmware what to do differently if, and only if, it is started with the flag "tryboot", which it clears when it
# reads it: after any reset or power cut the next start is an ordinary one.
# https://www.raspberrypi.com/documentation/computers/raspberry-pi.html#fail-safe-os-updates-tryboot
lay_trial() {
  local cmdline
  cmdline=$(sed -n 's/^cmdline=//p' "$boot/config.txt" | tail -n 1)
  cmdline=${cmdline:-cmdline.txt}
  if has_tryboot_section; then
    # With Ubuntu's A/B layout config.txt has a section for it, which boots new/: there may be nothing in that now.
    lay_cmdline "$boot/current/$cmdline" "$boot/current/tryboot-cmdline.txt"
    with_block trial '[tryboot]' 'os_prefix=current/' 'cmdline=tryboot-cmdline.txt' 'dtparam=pciex1_gen=3' | replace "$boot/config.txt"
    return
  fi
  lay_cmdline "$boot/$cmdline" "$boot/tryboot-cmdline.txt"
  {
    cat "$boot/config.txt"
    printf '\n[all]\ncmdline=tryboot-cmdline.txt\ndtparam=pciex1_gen=3\n'
  } | replace "$boot/tryboot.txt"
}

# A root partition that does not come up ends in a restart, not in a shell that waits for somebody: initramfs-tools heeds
# panic, and dracut the others. https://man7.org/linux/man-pages/man7/dracut.cmdline.7.html
lay_cmdline() { # FROM TO
  sed -E 's/(^|[[:space:]])panic=[0-9]+//; s/[[:space:]]*$/ panic=30 rd.shell=0 rd.emergency=reboot/' "$1" | replace "$2"
}

clear_trial() {
  rm -f "$boot/tryboot.txt" "$boot/tryboot-cmdline.txt"
  if grep -q '^# >>> pi-image trial$' "$boot/config.txt"; then
    without_block trial | replace "$boot/config.txt"
  fi
  # Not while config.txt names it.
  rm -f "$boot/current/tryboot-cmdline.txt"
  sync
}

lay_gen_3() { with_block pcie '[pi5]' 'dtparam=pciex1_gen=3' | replace "$boot/config.txt"; }

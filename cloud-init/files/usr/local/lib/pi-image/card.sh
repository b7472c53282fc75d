# shellcheck shell=bash
# The card after its system has moved to a disk: it must not start again, nor keep what the copy scrubs.

# Without its first sector the boot partition is not a file system: no firmware starts from it, and nothing finds a seed on
# it. One sector is written whole or not at all, so that a power cut leaves the card either as it was or retired. FAT32
# has a second copy of it six sectors further on, from which fsck.vfat can bring the card back.
retire() { # DISK
  dd if=/dev/zero of="$(partition "$1" 1)" bs=512 count=1 conv=notrunc,fsync status=none
  sync
}

# Whether a sector with a FAT file system's parameters begins the boot partition.
can_boot() { # DISK
  [[ $(od -An -tx1 -j510 -N2 "$(partition "$1" 1)" | tr -d '[:space:]') == 55aa ]]
}

# Sets `card` to the disk that this system was copied from; nothing when it is not in the board.
find_card() {
  local name
  card=
  for name in $(other_disks card) $(other_disks usb); do
    if [[ $(disk_id "$name") == "$(cat "${state?}/moved-from")" ]]; then
      card=$name
    fi
  done
}

# The card holds the same secrets as the copy. Where it was taken out before they were removed, nobody would ask for it.
scrub_card() {
  local place=${scratch?}/card
  [[ -e $state/moved-from ]] || return 0
  find_system
  find_card
  if [[ -z $card ]]; then
    note card "The card that this system came from was taken out before its secrets were removed. Whoever has it can take this node's place: erase it, or flash it anew."
    return 0
  fi
  rm -f "$state/notes/card"
  doing "Removing the secrets from the card, too."
  mkdir -p "$place"
  if [[ $PI_IMAGE_KEEP_CARD == yes ]]; then
    mount -t vfat "$(partition "$card" 1)" "$place"
    stub_user_data "$place/user-data"
    blank_passwords "$place/network-config"
    erase "$place/pi-image-restore.gz"
    umount "$place"
  else
    # Nothing in it is needed any more.
    dd if=/dev/zero of="$(partition "$card" 1)" bs=1M conv=notrunc,fsync status=none 2>/dev/null || true
  fi
  mount -t ext4 "$(partition "$card" 2)" "$place"
  scrub_system "$place"
  sync
  umount "$place"
}

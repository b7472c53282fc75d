# shellcheck shell=bash
# The disks of this node: which of them runs the system, which is the other, and whether that one is empty.

devices=${root?}/dev
# The disk that holds the running system, such as mmcblk0.
system=

# The disk with the file system of a folder.
disk_of() { # FOLDER
  local source
  source=$(findmnt --noheadings --nofsroot --first-only --output SOURCE --target "$1")
  lsblk --nodeps --noheadings --output PKNAME "$source" | tr -d '[:space:]'
}

find_system() {
  system=$(disk_of "$root/") || true
  [[ $system ]] || fails "It is not known on which disk this system runs."
}

kind_of() { # DISK: card, nvme, usb or another way of connection
  case $1 in
    mmcblk*) echo card ;;
    nvme*) echo nvme ;;
    *) lsblk --nodeps --noheadings --output TRAN "$devices/$1" | tr -d '[:space:]' ;;
  esac
}

# The hardware partitions of an eMMC (mmcblk0boot0) look like disks, too.
other_disks() { # KIND
  local name type
  while read -r name type; do
    if [[ $type == disk && $name != "$system" && $name != *boot[0-9] && $name != *rpmb && $(kind_of "$name") == "$1" ]]; then
      echo "$name"
    fi
  done < <(lsblk --nodeps --noheadings --raw --output NAME,TYPE)
}

# Sets `disk` to the only disk of a kind besides the system's. With several, nobody knows which one is meant.
# shellcheck disable=SC2034 # `disk` is for those who source this
choose_disk() { # nvme|usb
  local found=()
  mapfile -t found < <(other_disks "$1")
  case ${#found[@]} in
    1) disk=${found[0]} ;;
    0)
      case $1 in
        nvme) waits "No NVMe disk answers. Check the adapter, its cable and its power; a disk that was added later needs a restart." ;;
        *) waits "No USB disk answers. Plug it in, and check its power supply." ;;
      esac
      ;;
    *) fails "This node has several disks that could be meant (${found[*]}). Take away those that are not." ;;
  esac
}

describe() { # DISK
  local about
  about=$(lsblk --nodeps --noheadings --output SIZE,MODEL,SERIAL "$devices/$1" | one_line) || true
  echo "/dev/$1${about:+ ($about)}"
}

partition() { # DISK NUMBER
  case $1 in
    *[0-9]) echo "$devices/$1p$2" ;;
    *) echo "$devices/$1$2" ;;
  esac
}

# Device files are there a moment after the table.
wait_for() { # DEVICE
  local tries=0
  until [[ -b $1 ]]; do
    ((tries += 1))
    ((tries <= 15)) || fails "The partition $1 does not appear."
    sleep 1
  done
}

# The four bytes by which a partition table of the old kind is told from others.
disk_id() { # DISK
  local number
  number=$(od -An -tu4 -j440 -N4 "$devices/$1" | tr -d '[:space:]')
  printf '0x%08x\n' "${number:-0}"
}

# No file system, no partition table, and nothing else where those begin: 0 and 255 are what an erased disk holds.
is_blank() { # DISK
  local signatures rest
  signatures=$(wipefs --noheadings --output TYPE "$devices/$1") || return
  rest=$(head -c 1048576 "$devices/$1" | tr -d '\000\377' | head -c 1 | wc -c) || true
  [[ -z $signatures ]] && ((rest == 0))
}

refuse_disk() { # DISK
  fails "The disk $(describe "$1") is not empty and is left as it is. If nothing on it is needed, erase it with: sudo wipefs --all /dev/$1 && sudo dd if=/dev/zero of=/dev/$1 bs=1M count=16"
}

# Eight random hex digits, such as a FAT volume or a partition table has.
random_id() { head -c 8 "$root/proc/sys/kernel/random/uuid"; }

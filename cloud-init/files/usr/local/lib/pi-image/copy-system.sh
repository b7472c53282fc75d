# shellcheck shell=bash
# Copies the running system to an empty disk, as a system of its own: no identifier of the card is on the copy.

# Written before the disk is touched: by the id in it, an unfinished copy is told from somebody's disk.
ids=${state?}/copy-ids
target=${scratch?}/target
source=$scratch/source

# Without these no firmware takes a partition for one to boot from, so they come last: config.txt on the Pi 5,
# start*.elf on the Pi 4, bootcode.bin before. Where the disk is tried before the card, half a copy must not be started.
# https://www.raspberrypi.com/documentation/computers/config_txt.html#boot_partition
starters=(config.txt 'start*.elf' bootcode.bin)

make_ids() {
  if [[ ! -s $ids ]]; then
    {
      echo "disk=0x$(random_id)"
      echo "boot=$(random_id)"
      echo "root=$(cat "${root?}/proc/sys/kernel/random/uuid")"
    } >"$ids.new"
    sync
    mv -f "$ids.new" "$ids"
    sync
  fi
}

id() { sed -n "s/^$1=//p" "$ids"; } # disk|boot|root

is_ours() { # DISK
  [[ -s $ids && $(disk_id "$1") == "$(id disk)" ]]
}

# What an attempt that failed has left mounted.
unmount_all() {
  local place
  for place in "$target" "$source"; do
    ! mountpoint --quiet "$place" || umount "$place"
  done
}

# As large as on the card, in sectors of 512 bytes.
boot_sectors() { sfdisk --dump "${devices?}/${system?}" | sed -n 's/.*1 : .*size= *\([0-9]*\).*/\1/p' | head -n 1; }

refuse_small() { # DISK
  local needed size sector
  sector=$(blockdev --getss "$devices/$1")
  size=$(blockdev --getsize64 "$devices/$1")
  needed=$(($(df --output=used --block-size=1 "$root/" | tail -n 1) * 11 / 10 + $(boot_sectors) * 512 + 8388608))
  if is_on_a_partition; then
    needed=$((needed + $(blockdev --getsize64 "${bundle_place?}")))
  fi
  ((sector == 512)) || fails "The disk $(describe "$1") has sectors of $sector bytes, from which the boot loader does not start."
  ((size >= needed)) || fails "The disk $(describe "$1") is too small: the system needs $((needed / 1000000)) MB."
}

# A bundle that was put on this node later is a file of the system, and is copied like any other.
is_on_a_partition() {
  [[ ${PI_IMAGE_BUNDLE:-} ]] || return
  find_bundle
  [[ -b $bundle_place ]]
}

# A bundle that is damaged is found while the card, which can be flashed again, is all there is.
check_bundle() {
  local kind name
  [[ ${PI_IMAGE_BUNDLE:-} ]] || return 0
  find_bundle
  while read -r kind _ _ name; do
    [[ $kind != file ]] || read_member "$name"
  done <"${bundle_index?}"
}

# Nothing of the card is needed any more once it is retired, so the partition goes along as a file.
carry_bundle() {
  is_on_a_partition || return 0
  cp "$bundle_place" "$target${state#"$root"}/bundle.tar" 2>"$scratch/log" || fails "The bundle cannot be copied: $(cause)."
}

compare_bundle() {
  local code=0
  [[ ${PI_IMAGE_BUNDLE:-} ]] || return 0
  cmp "$bundle_place" "$target${state#"$root"}/bundle.tar" >"$scratch/log" 2>&1 || code=$?
  ((code < 2)) || fails "The bundle cannot be compared with its copy: $(cause)."
  ((code == 0)) ||
    fails "The copy does not hold what was written to it: bundle.tar. The disk or its connection is bad; the card still runs."
}

lay_out() { # DISK
  local device=$devices/$1 first second
  first=$(partition "$1" 1)
  second=$(partition "$1" 2)
  printf 'label: dos\nlabel-id: %s\nstart=2048, size=%s, type=c, bootable\ntype=83\n' "$(id disk)" "$(boot_sectors)" |
    timeout 120 sfdisk --quiet --wipe always --wipe-partitions always "$device" >"$scratch/log" 2>&1 ||
    fails "The disk $(describe "$1") cannot be partitioned: $(cause)."
  udevadm settle --timeout=30 || true
  wait_for "$first"
  wait_for "$second"
  logged 300 mkfs.vfat -F 32 -n PI-DISK -i "$(id boot)" "$first" || fails "The boot partition cannot be made: $(cause)."
  logged 900 mkfs.ext4 -q -F -L pi-disk -U "$(id root)" "$second" || fails "The root partition cannot be made: $(cause)."
}

# A file of a running system that changes while it is read makes the first tar end with 1, which is no failure.
copy_root() {
  local code=0
  {
    tar --create --one-file-system --sparse --xattrs --xattrs-include='*' --acls --warning=no-file-ignored \
      --exclude=./var/lib/pi-image/copy-ids --directory "$source" . || code=$?
    ((code < 2))
  } 2>"$scratch/log" |
    tar --extract --preserve-permissions --numeric-owner --xattrs --xattrs-include='*' --acls --directory "$target" 2>>"$scratch/log"
}

# FAT knows neither owners nor rights. What flashes a boot loader is not for this disk.
copy_boot() {
  tar --create --directory "${boot?}" "${starters[@]/#/--exclude=./}" --exclude='./pieeprom.*' --exclude='./recovery.*' . 2>"$scratch/log" |
    tar --extract --no-same-owner --no-same-permissions --directory "$target" 2>>"$scratch/log"
}

# By UUID, which no other disk has, whatever it was flashed with.
edit_root() {
  local fstab=$target/etc/fstab
  sed -E -i -e "s#^[^\#[:space:]]+([[:space:]]+/[[:space:]])#UUID=$(id root)\1#" \
    -e "s#^[^\#[:space:]]+([[:space:]]+/boot/firmware[[:space:]])#UUID=$(volume_id)\1#" "$fstab"
  # The image's own file there (99-fake_cloud.cfg on Ubuntu) names the card; of two files the one with the later name wins.
  printf 'datasource: {NoCloud: {fs_label: PI-DISK}}\n' >"$target/etc/cloud/cloud.cfg.d/zz-pi-image-disk.cfg"
  printf '%s\n' "$(disk_id "$system")" >"$target${state#"$root"}/moved-from"
}

# As blkid and /dev/disk/by-uuid spell the id of a FAT volume.
volume_id() { id boot | tr '[:lower:]' '[:upper:]' | sed 's/^..../&-/'; }

# On A/B layouts the kernels of an earlier and of a coming boot have command lines of their own.
edit_boot() {
  local file
  for file in "$target"/cmdline.txt "$target"/{current,new,old}/cmdline.txt; do
    [[ ! -e $file ]] || sed -E -i "s#(^|[[:space:]])root=[^[:space:]]+#\1root=UUID=$(id root)#" "$file"
  done
}

# Whether the running system has changed or removed a file since the copy began: what the copy has of it says nothing.
moved_on() { # FILE
  [[ ! -e $1 || $1 -nt $scratch/copy-began || $(find "$1" -maxdepth 0 -cnewer "$scratch/copy-began") ]]
}

# Mounted anew, so that it is the medium that is read. Left out are logs, and what has changed or gone since the copy began.
verify() { # FOLDER EXCLUDED...
  local path line code=0 options=() named='' differs=''
  for path in "${@:2}"; do
    options+=(! -path "$path")
  done
  (cd "$1" && find . -xdev -type f ! -newer "$scratch/copy-began" ! -cnewer "$scratch/copy-began" "${options[@]}" -print0 |
    xargs --null --no-run-if-empty sha256sum) >"$scratch/sums" 2>"$scratch/log" || code=$?
  if ((code)) && { [[ ! -s $scratch/log ]] || grep -v ': No such file or directory$' "$scratch/log" >/dev/null; }; then
    fails "The card cannot be read: $(cause)."
  fi
  ! (cd "$target" && sha256sum --check --quiet "$scratch/sums") >"$scratch/log" 2>&1 || return 0
  while IFS= read -r line; do
    [[ $line == *': FAILED'* ]] || continue
    named=yes
    moved_on "$1/${line%: FAILED*}" || differs=$line
  done <"$scratch/log"
  if [[ $differs || -z $named ]]; then
    fails "The copy does not hold what was written to it: ${differs:-$(cause)}. The disk or its connection is bad; the card still runs."
  fi
}

remount() { # DEVICE TYPE
  sync
  umount "$target"
  mount -t "$2" "$1" "$target"
}

copy_system() { # DISK
  local first second
  first=$(partition "$1" 1)
  second=$(partition "$1" 2)
  mkdir -p "$target" "$source"
  unmount_all
  lay_out "$1"
  touch "$scratch/copy-began"
  mount --bind "$root/" "$source"
  mount -t ext4 "$second" "$target"
  copy_root || fails "The system cannot be copied: $(cause)."
  carry_bundle
  edit_root
  remount "$second" ext4
  doing "Comparing the copy with the card."
  verify "$source" './var/log/*' './etc/fstab' './var/lib/pi-image/*'
  compare_bundle
  umount "$target" "$source"
  mount -t vfat "$first" "$target"
  copy_boot || fails "The boot partition cannot be copied: $(cause)."
  edit_boot
  remount "$first" vfat
  verify "$boot" "${starters[@]/#/./}" '*cmdline.txt' './pieeprom.*' './recovery.*'
  (cd "$boot" && find . -maxdepth 1 -type f \( -name 'start*.elf' -o -name bootcode.bin \) -exec cp '{}' "$target/" \;)
  sync
  cp "$boot/config.txt" "$target/config.txt"
  sync
  umount "$target"
  cat "$root/proc/sys/kernel/random/boot_id" >"$state/copied.new"
  sync
  mv -f "$state/copied.new" "$state/copied"
  sync
}

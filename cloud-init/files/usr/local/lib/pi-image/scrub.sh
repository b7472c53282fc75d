# shellcheck shell=bash
# How the scrub phase overwrites: in place, because deleting a file on FAT or ext4 leaves its bytes on the medium.

stub='#cloud-config
# pi-image emptied this file when the node had joined its cluster: it held secrets. Leave meta-data as it is.
'

erase() { # FILE...
  local file
  for file in "$@"; do
    [[ ! -f $file ]] || shred --iterations 1 --remove "$file"
  done
}

erase_folder() { # FOLDER
  local file
  [[ -d $1 ]] || return 0
  while IFS= read -r -d '' file; do
    erase "$file"
  done < <(find "$1" -type f -print0)
  rm -rf -- "$1"
}

# Writes standard input over the beginning of a file, onto the same clusters.
overwrite() { # FILE
  dd of="$1" bs=64K conv=notrunc,fsync status=none
}

# Of the same length, so that it lands on the old one: `sed -i` would leave that on the medium.
blank_token() { # FILE
  local blank=${scratch?}/token-blank
  [[ -e $1 ]] || return 0
  (umask 077 && sed -E 's/^( *(- )?token: "?)[a-z0-9]{6}\.[a-z0-9]{16}/\1000000.0000000000000000/' "$1" >"$blank")
  overwrite "$1" <"$blank"
  rm -f "$blank"
}

# At every moment of this the file begins with the stub or is the whole old one, or a mixture that a second run repairs.
stub_user_data() { # FILE
  local size
  [[ -e $1 ]] || return 0
  size=$(stat --format %s "$1")
  {
    printf '%s' "$stub"
    ((size <= ${#stub})) || head -c "$((size - ${#stub}))" /dev/zero | tr '\0' '\n'
  } | overwrite "$1"
  truncate --size "${#stub}" "$1"
}

# Only where netplan keeps the network's settings for itself: cloud-init applies network-config to new instances alone.
blank_passwords() { # FILE
  local blank=${scratch?}/network-config
  [[ -e $1 ]] && grep -rqs 'password:' "${root?}/etc/netplan" || return 0
  (
    umask 077
    LC_ALL=C awk '
      match($0, /^[ -]*"?(client-key-)?password"?: */) {
        rest = substr($0, RLENGTH + 1)
        gsub(/./, "x", rest)
        $0 = substr($0, 1, RLENGTH) rest
      }
      { print }' "$1" >"$blank"
  )
  overwrite "$1" <"$blank"
  rm -f "$blank"
}

# cloud-init notes the whole network configuration in its log, as Python writes it (cloudinit/stages.py,
# apply_network_config).
blank_log() { # FILE
  local blank=${scratch?}/log-blank
  [[ -e $1 ]] || return 0
  (
    umask 077
    LC_ALL=C awk '{
      done = ""
      while (match($0, /(client-key-|\047)password\047: (\047([^\047\\]|\\.)*\047|"([^"\\]|\\.)*")/)) {
        before = RSTART - 1 + index(substr($0, RSTART, RLENGTH), "password\047: ") + 10
        value = substr($0, before + 1, RSTART + RLENGTH - before - 1)
        gsub(/./, "x", value)
        done = done substr($0, 1, before) value
        $0 = substr($0, RSTART + RLENGTH)
      }
      print done $0
    }' "$1" >"$blank"
  )
  overwrite "$1" <"$blank"
  rm -f "$blank"
}

# Every copy of a secret on one system's root partition. cloud-init makes its own again from the stub at the next boot, and
# kubeadm's folder has the control plane's keys when this runs.
scrub_system() { # ROOT
  local folder
  for folder in "$1"/var/lib/cloud/seed/*/; do
    stub_user_data "${folder}user-data"
    blank_passwords "${folder}network-config"
  done
  erase "$1"/var/lib/cloud/instances/*/{user-data.txt,user-data.txt.i,cloud-config.txt,obj.pkl,network-config.json,scripts/runcmd}
  blank_log "$1/var/log/cloud-init.log"
  erase_folder "$1/var/lib/pi-image/seed"
  erase "$1/etc/pi-image/join.conf"
  blank_token "$1/etc/pi-image/kubeadm.yaml"
}

# Where the seed lies: nothing when this system has no boot partition.
boot_partition() {
  local folder
  for folder in "$root/boot/firmware" "$(findmnt --noheadings --first-only --output TARGET --source LABEL=system-boot)"; do
    if [[ $folder && -e $folder/user-data ]]; then
      echo "$folder"
      return
    fi
  done
  if [[ -e $root/dev/disk/by-label/system-boot ]]; then
    mkdir -p "$scratch/boot"
    mount LABEL=system-boot "$scratch/boot" && echo "$scratch/boot"
  fi
}

# FAT has no owners: without a mask everybody reads the partition. A mask cannot be set by remounting. Of several in the options
# the last counts; other file systems' masks say nothing of this one's.
close_boot_partition() {
  local fstab=$root/etc/fstab mounted=$root/boot/firmware
  ! mountpoint --quiet "$scratch/boot" || umount "$scratch/boot"
  if grep -E '^[^#[:space:]]+[[:space:]]+/boot/firmware[[:space:]]+vfat' "$fstab" | grep -vE '[,[:space:]]umask=0077([[:space:]]|$)' >/dev/null; then
    sed -E 's#^([^\#[:space:]]+[[:space:]]+/boot/firmware[[:space:]]+vfat[[:space:]]+[^[:space:]]+)#\1,umask=0077#' "$fstab" >"$fstab.pi-image"
    chmod 0644 "$fstab.pi-image"
    sync
    mv -f "$fstab.pi-image" "$fstab"
    systemctl daemon-reload || true
  fi
  if findmnt --noheadings --types vfat "$mounted" | grep -v 'fmask=0077' >/dev/null; then
    { umount "$mounted" && mount "$mounted"; } || doing "The boot partition is in use; it is closed to other users from the next boot on."
  fi
}

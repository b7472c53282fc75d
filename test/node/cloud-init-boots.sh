#!/bin/bash
# Boots a seed with this machine's real cloud-init in a copy of the system that is thrown away, scrubs it, and boots again.
#
# Usage: cloud-init-boots.sh SEED_FOLDER, with user-data, meta-data, network-config, and the file secrets: one a line.
# Prints NAME=VALUE lines. The copy has its own mounts, network and host name; only modules without effect on the machine
# run, and none of the seed's commands.
set -euo pipefail
if [[ ${1:-} != inside ]]; then
  exec unshare --mount --net --uts "$0" inside "$1"
fi
seed=$2
space=$(mktemp -d)
trap 'umount --recursive --lazy "$space"; rmdir "$space"' EXIT
mount -t tmpfs none "$space"
mkdir "$space"/{upper,work,system}
mount -t overlay none -o "lowerdir=/,upperdir=$space/upper,workdir=$space/work" "$space/system"
system=$space/system
mount -t tmpfs none "$system/run"
mount --bind /dev "$system/dev"
mount -t proc none "$system/proc"

rm -rf "$system"/var/lib/cloud "$system"/etc/netplan "$system"/var/log/cloud-init*
# What stays is the distribution's own idea of what goes into cloud-init's log.
find "$system/etc/cloud/cloud.cfg.d" -type f ! -name 05_logging.cfg -delete
mkdir -p "$system"/{etc/netplan,etc/cloud/cloud.cfg.d,boot/firmware,var/lib/cloud/seed}
# No kernel here mounts the boot partition by its label; this is the other place where cloud-init looks.
ln -s /boot/firmware "$system/var/lib/cloud/seed/nocloud"
cp "$seed"/{user-data,meta-data,network-config} "$system/boot/firmware/"
printf 'LABEL=system-boot\t/boot/firmware\tvfat\tdefaults\t0\t1\n' >"$system/etc/fstab"
cat >"$system/etc/cloud/cloud.cfg" <<'END'
datasource_list: [NoCloud, None]
datasource: {NoCloud: {fs_label: null}}
system_info: {distro: ubuntu, network: {renderers: [netplan]}, paths: {cloud_dir: /var/lib/cloud, run_dir: /run/cloud-init}}
cloud_init_modules: [write-files, ssh]
cloud_config_modules: [runcmd]
cloud_final_modules: [write-files-deferred]
END

boot() {
  rm -rf "$system"/run/cloud-init
  local stage
  for stage in "init --local" init "modules --mode=config" "modules --mode=final"; do
    # shellcheck disable=SC2086 # words of the command
    chroot "$system" cloud-init $stage >/dev/null 2>&1 || echo "failed=$stage"
  done
}

# What a boot may not change once the node has joined: host keys, netplan's file, and the notes of what ran.
fingerprint() {
  (cd "$system" && find etc/ssh etc/netplan var/lib/cloud/instances/*/sem var/lib/cloud/sem -type f -printf '%p %T@\n' | sort | sha256sum | cut -c 1-16)
}

# Files that hold a secret, but for those that the node needs: its own host key and netplan's, with what that generates.
leaks() {
  grep -rlaFf "$seed/secrets" "$space/upper" "$system/run" 2>/dev/null |
    sed "s#^$space/\(upper\|system\)##" | grep -vE '^/(etc/ssh|etc/netplan|run/netplan)/' | sort | paste -s -d ' ' || true
}

identity() { cat "$system/var/lib/cloud/data/instance-id"; }

boot
echo "first=$(identity)"
echo "leaks-before=$(leaks)"
before=$(fingerprint)
chroot "$system" env PI_IMAGE_PHASE=scrub /usr/local/lib/pi-image/phases/55-scrub >"$space/scrub" 2>&1 || cat "$space/scrub" >&2
echo "leaks-after=$(leaks)"
boot
echo "second=$(identity)"
echo "leaks-second=$(leaks)"
[[ $(fingerprint) == "$before" ]] && echo "unchanged=yes"
echo "errors=$(sed -n 's/.*"errors": *//p' "$system/run/cloud-init/result.json")"
# With a seed in this place cloud-init trusts its cache, which it never does with one found by label.
rm "$system/boot/firmware/user-data" "$system"/var/lib/cloud/instances/*/obj.pkl
boot
echo "without-user-data=$(identity)"

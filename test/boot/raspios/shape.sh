#!/bin/sh
# shape.sh ROOT: gives the Ubuntu-shaped root the network of Raspberry Pi OS: NetworkManager and avahi, no systemd-resolved.
# Runs in a mount namespace of its own, with which the mounts go.
# https://github.com/RPi-Distro/pi-gen/tree/arm64/stage2 (00-packages of 01-sys-tweaks and 02-net-tweaks)
set -eu
root=$1
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
rm -f "$root/etc/resolv.conf"
cat /etc/resolv.conf >"$root/etc/resolv.conf"
# No service is started in here.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"
apt() {
  # The clock of a build machine may be ahead of a mirror that stands still.
  chroot "$root" env DEBIAN_FRONTEND=noninteractive /usr/bin/apt-get -qq -y -o Acquire::Check-Valid-Until=false \
    -o APT::Install-Recommends=false -o APT::Sandbox::User=root "$@" >/dev/null
}
apt update
apt install network-manager avahi-daemon avahi-utils libnss-mdns
apt purge systemd-resolved libnss-resolve
apt clean
rm -rf "$root"/var/lib/apt/lists/* "$root/usr/sbin/policy-rc.d"
if [ -e "$root/usr/bin/resolvectl" ]; then
  echo "resolvectl is still there" >&2
  exit 1
fi
systemctl --quiet --root "$root" disable systemd-networkd.service systemd-networkd.socket
systemctl --quiet --root "$root" enable NetworkManager.service avahi-daemon.service
# As its package netplan.io of Raspberry Pi does.
mkdir -p "$root/usr/lib/netplan"
printf 'network:\n  version: 2\n  renderer: NetworkManager\n' >"$root/usr/lib/netplan/00-network-manager-all.yaml"
chmod 0600 "$root/usr/lib/netplan/00-network-manager-all.yaml"
: >"$root/etc/resolv.conf"
rm -f "$root/etc/machine-id"
: >"$root/etc/machine-id"

# shellcheck shell=bash
# Packages of Arch Linux ARM, whose only versions are the newest, in place of those of apt.

pacman_packages=(sudo containerd kubelet kubeadm kubectl crictl cni-plugins conntrack-tools socat ethtool iptables-nft)

install_with_pacman() {
  doing "Updating the system, and installing the packages of Kubernetes."
  if [[ ! -s ${root?}/etc/pacman.d/gnupg/trustdb.gpg ]]; then
    logged 900 pacman-key --init && logged 900 pacman-key --populate archlinuxarm || return
  fi
  # iptables-nft takes the place of iptables, which is a question that --noconfirm answers with no.
  # shellcheck disable=SC2016
  logged 3600 bash -c 'yes | pacman "$@"' pacman -Syu --needed "${pacman_packages[@]}" || return
  # Where Kubernetes' own packages have them.
  mkdir -p "$root/opt/cni/bin"
  ln -sf "$root"/usr/lib/cni/* "$root/opt/cni/bin/"
  if [[ ! -d $root/usr/lib/modules/$(uname -r) ]]; then
    sync
    systemctl reboot
    waits "The kernel was updated; restarting with it, since the old one's modules are gone."
  fi
}

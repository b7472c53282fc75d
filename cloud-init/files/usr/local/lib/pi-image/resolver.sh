# shellcheck shell=bash
# Which file names the DNS servers that pods may ask.
#
# The kubelet gives the servers of this file to CoreDNS and to pods with dnsPolicy Default. A server on a loopback address is
# the machine's own stub; in a pod that address is the pod itself, and CoreDNS would ask itself for ever:
# https://coredns.io/plugins/loop/#troubleshooting-loops-in-kubernetes-clusters
# The file differs from system to system, and the kubelet's configuration is the same for the whole cluster. So every node says it
# to its own kubelet, by a flag, which counts before the configuration.

names_a_stub() { # FILE
  grep -qE '^[[:space:]]*nameserver[[:space:]]+(127\.|::1)' "$1" 2>/dev/null
}

names_a_server() { # FILE
  grep -qE '^[[:space:]]*nameserver[[:space:]]' "$1" 2>/dev/null && ! names_a_stub "$1"
}

# Fails where every file that the system may have for this names a stub only.
system_resolver() {
  local file
  if systemctl --quiet is-active systemd-resolved.service; then
    echo /run/systemd/resolve/resolv.conf
    return
  fi
  if [[ -e ${root?}/etc/resolv.conf ]] && ! names_a_stub "$root/etc/resolv.conf"; then
    echo /etc/resolv.conf
    return
  fi
  # Where NetworkManager and resolvconf keep the servers of the network when a stub stands in /etc/resolv.conf.
  for file in /run/NetworkManager/no-stub-resolv.conf /run/dnsmasq/resolv.conf /run/resolvconf/resolv.conf; do
    if names_a_server "$root$file"; then
      echo "$file"
      return
    fi
  done
  return 1
}

# CoreDNS does not start with a file that names no server, and then no name of the cluster resolves either. At the node's own address
# nobody answers, and the node says so at once.
# https://github.com/coredns/coredns/blob/v1.14.2/plugin/pkg/parse/host.go (ErrNoNameservers)
resolver_file() {
  local file own=${root?}/etc/pi-image/resolv.conf
  if [[ -z ${PI_IMAGE_OFFLINE:-} ]]; then
    system_resolver
  elif file=$(system_resolver) && names_a_server "$root$file"; then
    echo "$file"
  else
    printf 'nameserver %s\n' "$(uplink_address)" >"$own.new" && mv -f "$own.new" "$own"
    echo "${own#"$root"}"
  fi
}

# The kubelet reads the file for each pod anew, but not its own flags.
follow_resolver() {
  local flags=$root/var/lib/kubelet/kubeadm-flags.env old new
  [[ -e ${state?}/kubeadm-done && -e $flags ]] || return 0
  old=$(sed -nE 's/.*--resolv-conf=([^ "]+).*/\1/p' "$flags")
  new=$(resolver_file) || return 0
  [[ $old && $old != "$new" ]] || return 0
  echo "<5>The DNS servers of this node stand in $new now, no longer in $old; the kubelet follows."
  edit "s#--resolv-conf=$old#--resolv-conf=$new#" "$flags"
  systemctl restart kubelet.service
}

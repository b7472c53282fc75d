# shellcheck shell=bash
# Keeps Kubernetes on this node true to its address, which DHCP may change at any time.
#
# The kubelet refuses to start with the address of another machine, and etcd cannot listen on it.

kubernetes=${root?}/etc/kubernetes

# The containers on the host's network that read the address, or /etc/hosts, only when they start.
restart_network_pods() {
  crictl ps --quiet --name 'kube-proxy|kube-flannel|calico-node|cilium-agent' 2>/dev/null |
    xargs --no-run-if-empty crictl stop >/dev/null || true
}

# The address that kubeadm wrote; nothing before it ran, or where it was not told to write one.
written_address() {
  local flags=$root/var/lib/kubelet/kubeadm-flags.env
  [[ ! -e $flags ]] || sed -nE 's/.*--node-ip=([0-9.]+).*/\1/p' "$flags"
}

# The certificates of a control plane name its address. etcd's own record of its peer address stays the old one, which
# matters only to other members: several control planes need fixed addresses.
renew_control_plane() { # OLD NEW
  local document=${scratch?}/address.yaml part
  [[ -e $kubernetes/manifests/kube-apiserver.yaml ]] || return 0
  # The cluster may have been upgraded since, and kubeadm refuses a version that is too old for it.
  sed -E -e "s/^( *)localAPIEndpoint:$/&\n\1  advertiseAddress: $2/" \
    -e "s/^(kubernetesVersion:).*/\1 $(kubernetes_version)/" "${config?}/kubeadm.yaml" >"$document"
  rm -f "$kubernetes"/pki/{apiserver,etcd/server,etcd/peer}.{crt,key}
  for part in apiserver etcd-server etcd-peer; do
    kubeadm init phase certs "$part" --config "$document"
  done
  sed -i -E "s/\b${1//./\\.}\b/$2/g" "$kubernetes"/{kubelet,controller-manager,scheduler}.conf \
    "$kubernetes"/manifests/{etcd,kube-apiserver}.yaml
}

follow_own_address() {
  local old new
  old=$(written_address)
  new=$(uplink_address)
  [[ -z $PI_IMAGE_ADDRESS && -e ${state?}/kubeadm-done && $old && $new && $old != "$new" ]] || return 0
  echo "<5>The address of this node is $new now, no longer $old; Kubernetes follows."
  if [[ $PI_IMAGE_KUBEADM == init ]]; then
    renew_control_plane "$old" "$new"
  fi
  # Last, since it says that the rest is done.
  sed -i -E "s/--node-ip=[0-9.]+/--node-ip=$new/" "$root/var/lib/kubelet/kubeadm-flags.env"
  systemctl restart kubelet.service
  restart_network_pods
}

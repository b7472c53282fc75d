# shellcheck shell=bash
# Keeps Kubernetes on this node true to its address, which DHCP may change at any time.
#
# The kubelet refuses to start with the address of another machine, and etcd cannot listen on it.

kubernetes=${root?}/etc/kubernetes

# The containers on the host's network that read the address, or /etc/hosts, only when they start.
restart_network_pods() {
  crictl ps --quiet --name "kube-proxy|$PI_IMAGE_CNI_CONTAINER" 2>/dev/null |
    xargs --no-run-if-empty crictl stop >/dev/null || true
}

# The address that kubeadm wrote; nothing before it ran, or where it was not told to write one.
written_address() {
  local flags=$root/var/lib/kubelet/kubeadm-flags.env
  [[ ! -e $flags ]] || sed -nE 's/.*--node-ip=([0-9.]+).*/\1/p' "$flags"
}

# Certificates for the new address in a folder beside the old ones. kubeadm signs with the authorities that it finds
# there, and a disk that is full is found here, while everything is still as it was.
make_certificates() { # FOLDER ADDRESS
  local document=${scratch?}/address.yaml part
  erase_folder "$1"
  # The cluster may have been upgraded since, and kubeadm refuses a version that is too old for it.
  (umask 077 && mkdir -p "$1/etcd" && ln -s "$kubernetes"/pki/ca.{crt,key} "$1/" && ln -s "$kubernetes"/pki/etcd/ca.{crt,key} "$1/etcd/" &&
    sed -E -e "s/^( *)localAPIEndpoint:$/&\n\1  advertiseAddress: $2/" -e "s#^kind: ClusterConfiguration\$#&\ncertificatesDir: $1#" \
      -e "s/^(kubernetesVersion:).*/\1 $(kubernetes_version)/" "${config?}/kubeadm.yaml" >"$document") || return
  for part in apiserver etcd-server etcd-peer; do
    logged 120 kubeadm init phase certs "$part" --config "$document" || return
  done
  for part in apiserver etcd/server etcd/peer; do
    [[ -s $1/$part.crt && -s $1/$part.key ]] && sync "$1/$part".{crt,key} || return
  done
}

# The certificates of a control plane name its address. etcd's own record of its peer address stays the old one, which
# matters only to other members: several control planes need fixed addresses.
renew_control_plane() { # OLD NEW
  local fresh=$kubernetes/pki/.new-address part
  [[ -e $kubernetes/manifests/kube-apiserver.yaml ]] || return 0
  if ! make_certificates "$fresh" "$2"; then
    erase_folder "$fresh"
    return 1
  fi
  # Cut in the middle, this begins anew: what says that it is done is written last, by the caller.
  for part in apiserver etcd/server etcd/peer; do
    mv -f "$fresh/$part.key" "$kubernetes/pki/$part.key" && mv -f "$fresh/$part.crt" "$kubernetes/pki/$part.crt" || return
  done
  erase_folder "$fresh"
  edit "s/\b${1//./\\.}\b/$2/g" "$kubernetes"/{kubelet,controller-manager,scheduler}.conf \
    "$kubernetes"/manifests/{etcd,kube-apiserver}.yaml
}

follow() { # OLD NEW
  if [[ $PI_IMAGE_KUBEADM == init ]]; then
    renew_control_plane "$1" "$2" || return
  fi
  # Last, since it says that the rest is done.
  edit "s/--node-ip=[0-9.]+/--node-ip=$2/" "$root/var/lib/kubelet/kubeadm-flags.env"
}

# Ends with 1 when Kubernetes could not follow; it then runs on as it was, and the next run tries again.
follow_own_address() {
  local old new
  old=$(written_address)
  new=$(uplink_address)
  if [[ $PI_IMAGE_ADDRESS || ! -e ${state?}/kubeadm-done || -z $old || -z $new || $old == "$new" ]]; then
    forget_note address
    return
  fi
  echo "<5>The address of this node is $new now, no longer $old; Kubernetes follows."
  : >"${scratch?}/log"
  if ! follow "$old" "$new"; then
    remark address "Kubernetes on this node still has the address $old, not $new: $(cause). It is tried again every two minutes."
    return 1
  fi
  forget_note address
  systemctl restart kubelet.service
  restart_network_pods
}

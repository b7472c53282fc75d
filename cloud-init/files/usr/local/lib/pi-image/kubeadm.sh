# shellcheck shell=bash
# What `kubeadm init` and `kubeadm join` have in common: their document, the cluster's keys, clearing up, and the marker.

kubernetes=${root?}/etc/kubernetes
manifests=$kubernetes/manifests
etcd=$root/var/lib/etcd
seed=${state?}/seed
document=${scratch?}/kubeadm.yaml
# Written at once after success; from then on nothing here may reset this node.
marker=$state/kubeadm-done

# The document of the seed with what only the node knows. A version other than the installed one means images that do
# not fit the kubelet; under DHCP kubeadm and the kubelet would take the address of the default route, not the uplink's.
write_document() { # TEMPLATE
  local address addresses resolver flags='' edits=(-e "s/^(kubernetesVersion:).*/\1 $(kubernetes_version)/")
  addresses=$(uplink_addresses)
  [[ $addresses ]] || waits "$PI_IMAGE_UPLINK has lost its address."
  address=$(quoted "${addresses%%,*}")
  resolver=$(resolver_file) ||
    waits "The DNS servers in /etc/resolv.conf are this node itself, which pods cannot ask. Name the server of your network there, or switch systemd-resolved on."
  if ! grep -q 'name: node-ip' "$1"; then
    flags+="\n    - name: node-ip\n      value: $(quoted "$addresses")"
  fi
  if ! grep -q 'name: resolv-conf' "$1"; then
    flags+="\n    - name: resolv-conf\n      value: $resolver"
  fi
  if grep -q '^  kubeletExtraArgs:$' "$1"; then
    edits+=(-e "s#^  kubeletExtraArgs:\$#&$flags#")
  elif [[ $flags ]]; then
    edits+=(-e "s#^nodeRegistration:\$#&\n  kubeletExtraArgs:$flags#")
  fi
  if ! grep -q 'advertiseAddress:' "$1"; then
    edits+=(-e "s/^( *)localAPIEndpoint:$/&\n\1  advertiseAddress: $address/")
  fi
  (umask 077 && sed -E "${edits[@]}" "$1" >"$document")
}

# Asks the endpoint as nobody. Without any identity kubectl asks for a user name at the terminal before it asks the
# server (https://github.com/kubernetes/client-go/blob/v0.36.0/tools/clientcmd/client_config.go); the server ignores one.
ask_as_nobody() { # PATH OPTIONS...
  logged 30 kubectl --kubeconfig /dev/null --username nobody --request-timeout=10s \
    --server "https://$PI_IMAGE_ENDPOINT_HOST:$PI_IMAGE_ENDPOINT_PORT" "${@:2}" get --raw "$1"
}

# kubeadm keeps and uses the authorities that it finds in its own folder, and its reset deletes them.
lay_pki() {
  [[ -d $seed/pki ]] || return 0
  mkdir -p "$kubernetes"
  (umask 077 && cp -R "$seed/pki" "$kubernetes/")
  # What an earlier attempt left keeps its mode.
  chmod -R go-rwx "$kubernetes/pki"
  # The kubelet would make it for everybody; the audit log names every Secret and who reads it.
  (umask 077 && mkdir -p "$root/var/log/kubernetes/audit")
}

# Until init has bound its group to a role, admin.conf may do nothing, so kube-vip borrows super-admin.conf
# (https://github.com/kube-vip/kube-vip/issues/684); without kube-vip the endpoint has no address and init cannot end.
lay_kube_vip() { # admin|super-admin
  [[ -e $seed/kube-vip.yaml ]] || return 0
  mkdir -p "$manifests"
  # The kubelet starts whatever lies in this folder, half a file too, but for names with a dot in front.
  # The seed knows the uplink by the name that it has on most systems.
  (umask 077 && sed -E -e "s#( path: /etc/kubernetes/)(super-)?admin.conf#\1$1.conf#" \
    -e "/name: vip_interface/{n;s#value: eth0#value: $PI_IMAGE_UPLINK#}" "$seed/kube-vip.yaml" >"$manifests/.kube-vip.yaml")
  mv -f "$manifests/.kube-vip.yaml" "$manifests/kube-vip.yaml"
}

kubernetes_files() { # those that an attempt leaves
  local file
  for file in "$kubernetes"/{admin,super-admin,kubelet,bootstrap-kubelet,controller-manager,scheduler}.conf \
    "$kubernetes/pki" "$manifests"/* "$etcd"/*; do
    [[ ! -e $file ]] || printf '%s\n' "$file"
  done
}

cri_socket() {
  case $PI_IMAGE_RUNTIME in
    cri-o) echo unix:///var/run/crio/crio.sock ;;
    *) echo unix:///run/containerd/containerd.sock ;;
  esac
}

# Neither init nor join goes on where an earlier attempt stopped: their preflight refuses what that left.
clear_attempt() {
  local left
  left=$(kubernetes_files)
  [[ $left ]] || return 0
  [[ ! -e $marker ]] || fails "This node is part of the cluster already; it is never reset."
  doing "Clearing what an unfinished attempt left."
  # It has the key of the join identity, and kubeadm would only unlink it.
  erase "$kubernetes/bootstrap-kubelet.conf"
  logged 900 kubeadm reset --force --cri-socket "$(cri_socket)" || fails "kubeadm reset failed: $(cause)."
  kubernetes_files | xargs --no-run-if-empty --delimiter '\n' rm -rf --
}

mark() {
  sync
  touch "$marker"
  sync
}

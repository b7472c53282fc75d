# shellcheck shell=bash
# Keeps Kubernetes on this node true to its address, which DHCP may change at any time, and `pi-image renumber` once.
#
# The kubelet refuses to start with the address of another machine, and etcd cannot listen on it.

kubernetes=${root?}/etc/kubernetes

# The containers on the host's network that read the address, or /etc/hosts, only when they start.
restart_network_pods() {
  crictl ps --quiet --name "kube-proxy|$PI_IMAGE_CNI_CONTAINER" 2>/dev/null |
    xargs --no-run-if-empty crictl stop >/dev/null || true
}

# The addresses that kubeadm wrote; nothing before it ran, or where it was not told to write any.
written_addresses() {
  local flags=$root/var/lib/kubelet/kubeadm-flags.env
  [[ ! -e $flags ]] || sed -nE 's/.*--node-ip=([0-9a-f.:,]+).*/\1/p' "$flags"
}

# Certificates for the new address in a folder beside the old ones. kubeadm signs with the authorities that it finds
# there, and a disk that is full is found here, while everything is still as it was.
make_certificates() { # FOLDER ADDRESS
  local document=${scratch?}/address.yaml template=${state?}/kubeadm-certificates.yaml part own
  # Of several control planes only the first has the names of all on its card; `pi-image renumber` leaves them with each.
  [[ -e $template ]] || template=${config?}/kubeadm.yaml
  erase_folder "$1"
  # Where the card was made for a fixed address, the document has one.
  if grep -q '^ *advertiseAddress:' "$template"; then
    own="s/^( *advertiseAddress:).*/\1 $(quoted "$2")/"
  else
    own="s/^( *)localAPIEndpoint:$/&\n\1  advertiseAddress: $(quoted "$2")/"
  fi
  # The cluster may have been upgraded since, and kubeadm refuses a version that is too old for it.
  (umask 077 && mkdir -p "$1/etcd" && ln -s "$kubernetes"/pki/ca.{crt,key} "$1/" && ln -s "$kubernetes"/pki/etcd/ca.{crt,key} "$1/etcd/" &&
    sed -E -e "$own" -e "s#^kind: ClusterConfiguration\$#&\ncertificatesDir: $1#" \
      -e "s/^(kubernetesVersion:).*/\1 $(kubernetes_version)/" "$template" >"$document") || return
  for part in apiserver etcd-server etcd-peer; do
    logged 120 kubeadm init phase certs "$part" --config "$document" || return
  done
  for part in apiserver etcd/server etcd/peer; do
    [[ -s $1/$part.crt && -s $1/$part.key ]] && sync "$1/$part".{crt,key} || return
  done
}

# An IPv6 address may be the beginning of another; in URLs it has brackets around it.
replacing() { # OLD NEW
  if [[ $1 == *:* ]]; then
    printf '%s\n' "s/(^|[^0-9a-f:.])$1($|[^0-9a-f:.])/\1$2\2/g"
  else
    printf '%s\n' "s/\b${1//./\\.}\b/$2/g"
  fi
}

# etcd's own record of where other members reach this one. Of several control planes it has both addresses from `pi-image renumber`, so
# that they find each other in whichever order they start, and the old one goes here, when a majority runs. One that is alone runs on
# with an old one, and nobody could join it.
# https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/
tell_etcd() {
  local wanted=${state?}/peer-address pki=$kubernetes/pki/etcd address id
  [[ -e $wanted ]] || return 0
  address=$(bracketed "$(<"$wanted")")
  own_etcd() { # PATH JSON
    logged 30 curl --silent --show-error --max-time 20 --cacert "$pki/ca.crt" --cert "$pki/healthcheck-client.crt" \
      --key "$pki/healthcheck-client.key" --data "$2" "https://$address:2379/v3/$1" >/dev/null
  }
  if own_etcd cluster/member/list '{}' && id=$(sed -nE 's/.*"member_id": *"([0-9]+)".*/\1/p' "$scratch/log") && [[ $id ]] &&
    own_etcd cluster/member/update "{\"ID\":\"$id\",\"peerURLs\":[\"https://$address:2380\"]}" &&
    grep -q '"header"' "$scratch/log"; then
    rm -f "$wanted"
    forget_note etcd
  elif [[ ${PI_IMAGE_CONTROL_PLANES-} ]]; then
    remark etcd "etcd on this node has its new address and waits for a majority of the control planes: switch $(other_names) on. One that does not come up is flashed anew when the others run."
  fi
}

# The certificates of a control plane name its address.
renew_control_plane() { # OLD NEW
  local fresh=$kubernetes/pki/.new-address part
  [[ -e $kubernetes/manifests/kube-apiserver.yaml ]] || return 0
  # First, so that nobody takes the old virtual address when etcd runs again.
  if [[ -e $kubernetes/manifests/kube-vip.yaml ]]; then
    edit "/name: address\$/{n;s#(value: ).*#\1$(quoted "$PI_IMAGE_ENDPOINT_ADDRESS")#}" "$kubernetes/manifests/kube-vip.yaml" || return
  fi
  if ! make_certificates "$fresh" "$2"; then
    erase_folder "$fresh"
    return 1
  fi
  # Cut in the middle, this begins anew: what says that it is done is written last, by the caller.
  for part in apiserver etcd/server etcd/peer; do
    mv -f "$fresh/$part.key" "$kubernetes/pki/$part.key" && mv -f "$fresh/$part.crt" "$kubernetes/pki/$part.crt" || return
  done
  erase_folder "$fresh"
  echo "$2" >"${state?}/peer-address" && sync "$state/peer-address" || return
  edit "$(replacing "$1" "$2")" "$kubernetes"/{kubelet,controller-manager,scheduler}.conf \
    "$kubernetes"/manifests/{etcd,kube-apiserver}.yaml
}

# Of the addresses only the main one is the control plane's.
follow() { # OLD NEW
  if [[ $PI_IMAGE_KUBEADM =~ ^(init|join-control-plane)$ && ${1%%,*} != "${2%%,*}" ]]; then
    renew_control_plane "${1%%,*}" "${2%%,*}" || return
  fi
  # Last, since it says that the rest is done.
  edit "s/--node-ip=[0-9a-f.:,]+/--node-ip=$2/" "$root/var/lib/kubelet/kubeadm-flags.env"
}

# Of a fixed address only a new one counts, and only when the network has it.
# Ends with 1 when Kubernetes could not follow; it then runs on as it was, and the next run tries again.
follow_own_address() {
  local old new
  old=$(written_addresses)
  new=$(uplink_addresses)
  tell_etcd
  if [[ ($PI_IMAGE_ADDRESS && $PI_IMAGE_ADDRESS != "$new") || ! -e ${state?}/kubeadm-done || -z $old || -z $new || $old == "$new" ]]; then
    forget_note address
    return
  fi
  if [[ $new == *,* ]]; then
    echo "<5>The addresses of this node are $new now, no longer $old; Kubernetes follows."
  else
    echo "<5>The address of this node is $new now, no longer $old; Kubernetes follows."
  fi
  : >"${scratch?}/log"
  if ! follow "$old" "$new"; then
    remark address "Kubernetes on this node still has the address $old, not $new: $(cause). It is tried again every two minutes."
    return 1
  fi
  forget_note address
  systemctl restart kubelet.service
  restart_network_pods
}

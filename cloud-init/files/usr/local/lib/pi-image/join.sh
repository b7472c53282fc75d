# shellcheck shell=bash
# A worker or a further control plane: `kubeadm join` with the identity on the card.

join_file=${config?}/join.conf
# What kubeadm joins by: the same file, or one that leads to another control plane while the endpoint may be nobody's.
access=$join_file
server=$PI_IMAGE_ENDPOINT_HOST:$PI_IMAGE_ENDPOINT_PORT
again="Build this card again (pi-image build --host $PI_IMAGE_NODE) and flash it"

# kubeadm itself says only "Unauthorized", after the whole of its timeout.
check_identity() {
  local certificate=${scratch?}/join.crt ends
  [[ $PI_IMAGE_JOIN_BY == certificate ]] || return 0
  [[ -s $join_file ]] || fails "The join file /etc/pi-image/join.conf is missing. $again."
  # Read and told before on this boot, and still true.
  ! { [[ -s $certificate ]] && openssl x509 -in "$certificate" -noout -checkend 0 >/dev/null 2>&1; } || return 0
  sed -nE 's/^ *client-certificate-data: *"?([A-Za-z0-9+/=]*).*/\1/p' "$join_file" | base64 --decode >"$certificate" || true
  ends=$(openssl x509 -in "$certificate" -noout -enddate | cut -d = -f 2) ||
    fails "The join file /etc/pi-image/join.conf is damaged. $again."
  openssl x509 -in "$certificate" -noout -checkend 0 >/dev/null || {
    [[ -z ${PI_IMAGE_OFFLINE:-} || $(timedatectl show --property NTPSynchronized --value) == yes ]] ||
      waits "By the clock of this node, which stands at $(date --utc +%F), its right to join ended on $ends. It waits for the time of the cluster."
    waits "The right of this card to join ended on $ends. $again."
  }
  doing "This card may join until $ends."
}

# Asks for a Service that init makes in its last step. A node that joins before that meets a half-made cluster, and a
# control plane that joins before that is lost when init is interrupted and begins anew. The identity of any node may
# read Services (kubernetes plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go, NodeRules).
ask_cluster() {
  if [[ $PI_IMAGE_JOIN_BY == certificate ]]; then
    logged 30 kubectl --kubeconfig "$access" --request-timeout=10s --namespace kube-system \
      get service kube-dns --output name
  else
    ask_as_nobody /readyz --insecure-skip-tls-verify
  fi
}

wait_for_cluster() {
  "${here?}/endpoint" ||
    waits "Neither DNS nor mDNS knows the address of $PI_IMAGE_ENDPOINT_HOST. Switch the control plane on, or give it a fixed address."
  doing "Asking the control plane at $server."
  ! ask_cluster >/dev/null || return 0
  case $(<"$scratch/log") in
    *'signed by unknown authority'*)
      waits "The API server at $server belongs to another cluster: this card does not know its authority. $again with the secrets of that cluster, or correct the endpoint."
      ;;
    *'certificate is valid for'*)
      waits "The certificate of the API server at $server is for other names. The control plane was built with another endpoint."
      ;;
    *'has expired or is not yet valid'*)
      waits "The certificate of the API server is not valid on $(date --utc +%F), by the clock of this node."
      ;;
    *Unauthorized* | *'must be logged in'*)
      waits "The cluster refuses the certificate of this card, which was made with other secrets. $again with the secrets of this cluster."
      ;;
    *NotFound* | *Forbidden* | *'not ok'* | *ServiceUnavailable* | *'unable to handle the request'*)
      waits "The control plane at $server answers and is still being built."
      ;;
    *) waits "The control plane at $server does not answer yet$(which_machines). Switch it on, or look at its own console." ;;
  esac
}

# That the endpoint may lead to.
which_machines() {
  local names
  [[ $PI_IMAGE_CONTROL_PLANES ]] || return 0
  names=$(other_names or)
  [[ $names == "$PI_IMAGE_ENDPOINT_HOST" ]] || echo ": it is $names"
}

minor_of() { sed -nE 's/.*v1\.([0-9]+)\..*/\1/p' <<<"$1"; } # vX.Y.Z

# A kubelet may not be newer than its API server, nor kubeadm older than the cluster:
# https://kubernetes.io/releases/version-skew-policy/ and
# https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/create-cluster-kubeadm/#version-skew-policy
demand_same_minor() {
  local version own runs
  if [[ $PI_IMAGE_JOIN_BY == certificate ]]; then
    logged 30 kubectl --kubeconfig "$access" --request-timeout=10s get --raw /version >/dev/null || return 0
  else
    ask_as_nobody /version --insecure-skip-tls-verify >/dev/null || return 0
  fi
  version=$(sed -nE 's/.*"gitVersion": *"(v[0-9.]+).*/\1/p' "${scratch?}/log" | head -n 1)
  own=$(minor_of "$(kubernetes_version)") runs=$(minor_of "$version")
  [[ $own && $runs && $own != "$runs" ]] || return 0
  if ((own > runs)); then
    waits "This card has Kubernetes 1.$own, and the cluster runs 1.$runs: no node may be newer than its API server. Upgrade the cluster (pi-image upgrade --to 1.$own), and this node goes on by itself; or build this card again with 1.$runs."
  fi
  waits "This card has Kubernetes 1.$own, and the cluster runs 1.$runs by now. $again."
}

# After a power cut between the end of the join and the marker. An answer that the node is not found is one too: the
# API server knows this node's certificate, and the kubelet registers the node.
joined_already() {
  local answer
  [[ -e ${kubernetes?}/kubelet.conf ]] || return
  answer=$(as_node get node "$PI_IMAGE_NODE" --output name 2>&1) || [[ $answer == *NotFound* ]]
}

# Whether the others have a majority while this node's etcd is off. crictl is needed to be sure that it is off.
cluster_lives_without_us() {
  systemctl stop kubelet.service && command -v crictl >/dev/null || return
  crictl ps --quiet | xargs --no-run-if-empty crictl stop >/dev/null || return
  sleep 20
  ask_cluster >/dev/null
}

# An attempt that reached etcd may have made this node one of two voters. To clear its data then would take the majority
# from the cluster for good, and `kubeadm reset` clears them even when it could not remove the member
# (kubernetes cmd/kubeadm/app/cmd/phases/reset/removeetcdmember.go). So the attempt is brought to its end instead, and
# given up only when the others are seen to work without this node.
finish_control_plane() {
  systemctl start kubelet.service || true
  # Its kubelet.conf names its own API server, which answers only when its etcd is a member.
  if joined_already; then
    logged 600 kubeadm join phase control-plane-join mark-control-plane --config "${document?}" ||
      fails "This node joined but cannot be marked as a control plane: $(cause)."
    return
  fi
  (($(waited etcd) > 600)) || waits "An earlier attempt to join reached etcd; waiting for the API server of this node to answer."
  rm -f "$scratch/since-etcd"
  if cluster_lives_without_us; then
    return 1
  fi
  systemctl start kubelet.service || true
  waits "The cluster's etcd may need the vote of this node and is not complete. Switch the other control planes on."
}

# A control plane asks another one at its own address: the endpoint may be this node's, or a virtual address that is away.
# kubeadm asks the endpoint by its name later on.
join_through() { # ADDRESS
  access=${scratch?}/join.conf
  server=$(bracketed "$1"):$PI_IMAGE_API_PORT
  (umask 077 && sed -E "s#^( *server: ).*#\1https://$server#" "$join_file" >"$access")
  echo "$1" >"$scratch/via"
}

# On the first control plane it lies beside the one of init.
write_join_document() {
  local template=$config/kubeadm-join.yaml
  [[ -e $template ]] || template=$config/kubeadm.yaml
  write_document "$template"
  edit "s#^( *kubeConfigPath: ).*#\1${access#"${root?}"}#" "${document?}"
}

join_cluster() {
  check_identity
  [[ ! ${via-} ]] || join_through "$via"
  if [[ -d ${etcd?}/member ]]; then
    write_join_document
    if finish_control_plane; then
      mark
      return
    fi
  elif joined_already; then
    mark
    return
  fi
  wait_for_cluster
  demand_same_minor
  # Not before: a node may wait for days, and this starts kubeadm.
  write_join_document
  clear_attempt
  if [[ $PI_IMAGE_ROLE == control-plane ]]; then
    [[ ${via-} ]] || wait_for_others
    prepare_turn
    remember join
  fi
  lay_pki
  doing "Joining the cluster with kubeadm join."
  followed 3600 kubeadm join --config "$document" || fails "kubeadm join failed: $(cause)."
  mark
}

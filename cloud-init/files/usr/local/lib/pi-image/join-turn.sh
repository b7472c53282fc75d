# shellcheck shell=bash
# What a control plane does in the cluster before it joins, as its administrator: the card holds the authorities.

# For an hour's work; the key stays in memory.
as_master() {
  logged 60 kubectl --kubeconfig /dev/null --server "https://$(bracketed "${via?}"):$PI_IMAGE_API_PORT" --request-timeout=20s \
    --certificate-authority "${seed?}/pki/ca.crt" --client-certificate "${scratch?}/master.crt" --client-key "$scratch/master.key" \
    --namespace kube-system "$@" >/dev/null
}

# kubeadm refuses a name whose Node is Ready, and a Node that is gone keeps no pods of the old card.
forget_node() {
  local ready
  as_master get node "$PI_IMAGE_NODE" --ignore-not-found \
    --output 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' ||
    waits "The API server on ${via_name?} does not say whether it knows $PI_IMAGE_NODE: $(cause)."
  read -r ready <"$scratch/log" || true
  if [[ ${ready-} == True ]]; then
    waits "The cluster takes the card that this one replaces for alive; it notices within a minute that it is gone."
  fi
  as_master delete node "$PI_IMAGE_NODE" --ignore-not-found --wait=false ||
    waits "The API server on $via_name does not remove the old $PI_IMAGE_NODE: $(cause)."
}

# As the API server writes times; kubeadm is stopped after an hour.
an_hour_ago() { TZ=UTC printf '%(%FT%T)T' "$(($(date +%s) - 3900))"; }

# etcd takes one new member at a time, and an attempt that it refuses has to be cleared. A turn that nobody ended is over when
# kubeadm has long been stopped.
take_turn() {
  local holder since file=${scratch?}/turn.json
  printf '{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"pi-image-join"},"spec":{"holderIdentity":"%s","acquireTime":"%s"}}\n' \
    "$PI_IMAGE_NODE" "$(date --utc +%FT%T.000000Z)" >"$file"
  ! as_master create --filename "$file" || return 0
  grep -q 'already exists' "$scratch/log" || waits "The API server on $via_name does not note that this node joins: $(cause)."
  as_master get lease pi-image-join --output 'jsonpath={.spec.holderIdentity} {.spec.acquireTime}' || waits "The API server on $via_name does not say which control plane joins now: $(cause)."
  read -r holder since <"$scratch/log" || true
  [[ $holder != "$PI_IMAGE_NODE" ]] || return 0
  if [[ $since < $(an_hour_ago) ]]; then
    as_master delete lease pi-image-join || true
  fi
  waits "$holder joins the cluster or renews its certificates at the moment; control planes do that one at a time."
}

# Not before this node's own API server works. Cut in the middle, it looks again whose turn it is.
end_turn() {
  local holder
  holder=$(as_admin --namespace kube-system get lease pi-image-join --ignore-not-found --output 'jsonpath={.spec.holderIdentity}' 2>/dev/null) ||
    waits "The API server of this node does not answer yet."
  [[ $holder == "$PI_IMAGE_NODE" ]] || return 0
  as_admin --namespace kube-system delete lease pi-image-join --ignore-not-found >/dev/null 2>&1 ||
    waits "The API server of this node does not answer yet."
}

# What an interrupted init left is cleared, and whoever joined it would be lost with it. So the first control plane says when
# its init is over and on the disk. A cluster that no init can still be building needs no word.
tell_begun() {
  as_admin --namespace kube-system create configmap pi-image --from-literal="begun-by=$PI_IMAGE_NODE" >"$scratch/log" 2>&1 ||
    grep -q 'already exists' "$scratch/log" || waits "The API server of this node does not answer yet."
}

demand_begun() {
  local since
  as_master get configmap pi-image --output name && return
  as_master get namespace kube-system --output 'jsonpath={.metadata.creationTimestamp}' ||
    waits "The API server on $via_name does not say how old the cluster is: $(cause)."
  read -r since <"$scratch/log" || true
  [[ $since < $(an_hour_ago) ]] ||
    waits "The control plane on $via_name answers and is still being built."
}

prepare_turn() {
  make_client master ca /O=system:masters/CN=pi-image-join ||
    fails "The authority on this card signs nothing: $(cause)."
  demand_begun
  take_turn
  take_out_predecessor "$via"
  forget_node
}

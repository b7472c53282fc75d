# shellcheck shell=bash
# The first control plane: `kubeadm init`.

# Whether an API server with this cluster's authority answers at an endpoint that is not this node alone. It is another
# control plane's: nothing of this node runs before init. Nobody may ask for the version where anonymous access is off; to
# be refused by a server with our authority is an answer.
cluster_runs_elsewhere() {
  [[ $PI_IMAGE_ENDPOINT_NODE != "$PI_IMAGE_NODE" ]] || return
  ask_as_nobody /version --certificate-authority "${seed?}/pki/ca.crt" >/dev/null ||
    was_refused
}

init_cluster() {
  clear_attempt
  # When this card is flashed once more while the others run, a second cluster would fight them for the endpoint.
  if cluster_runs_elsewhere; then
    waits "The cluster $PI_IMAGE_CLUSTER runs already and $PI_IMAGE_ENDPOINT_HOST is its endpoint; this card would begin a second one. Put another control plane first in cluster.yaml, build this card again (pi-image build --host $PI_IMAGE_NODE) and flash it: it joins then."
  fi
  write_document
  # Unlike init this leaves nothing behind when it fails, and the images are most of the time that init takes.
  doing "Checking the node and fetching the images of the control plane."
  logged 3600 kubeadm init phase preflight --config "${document?}" ||
    fails "The node cannot start a control plane yet: $(cause)."
  lay_pki
  lay_kube_vip super-admin
  doing "Starting the control plane with kubeadm init; this takes some minutes."
  logged 3600 kubeadm init --config "$document" --skip-token-print || fails "kubeadm init failed: $(cause)."
  mark
}

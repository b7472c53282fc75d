# shellcheck shell=bash
# The first control plane: `kubeadm init`.

init_cluster() {
  clear_attempt
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

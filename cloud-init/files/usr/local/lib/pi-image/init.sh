# shellcheck shell=bash
# The first control plane: `kubeadm init`.

init_cluster() {
  clear_attempt
  write_document "${config?}/kubeadm.yaml"
  # Unlike init this leaves nothing behind when it fails, and the images are most of the time that init takes.
  doing "Checking the node and fetching the images of the control plane."
  followed 3600 kubeadm init phase preflight --config "${document?}" ||
    fails "The node cannot start a control plane yet: $(cause)."
  # The images took minutes, in which the others may have come back.
  ask_others
  [[ ${others?} == silent ]] || waits "${via_name?} answers now: the cluster $PI_IMAGE_CLUSTER runs, and this card joins it."
  remember init
  lay_pki
  lay_kube_vip super-admin
  doing "Starting the control plane with kubeadm init; this takes some minutes."
  followed 3600 kubeadm init --config "$document" --skip-token-print || fails "kubeadm init failed: $(cause)."
  mark
}

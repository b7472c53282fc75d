// Where the node's card keeps what kubeadm reads; the node's scripts use the same paths.

/** The kubeadm configuration: an InitConfiguration on the first control plane, elsewhere a JoinConfiguration. */
export const KUBEADM_CONFIG = "/etc/pi-image/kubeadm.yaml";

/** The node's join identity as a kubeconfig. kubeadm leaves it there, so the node deletes it after the join. */
export const JOIN_KUBECONFIG = "/etc/pi-image/join.conf";

/** `kubeadm reset` empties /etc/kubernetes/pki, so what was made before the first boot waits here for every attempt. */
export const SEED_PKI = "/var/lib/pi-image/seed/pki";

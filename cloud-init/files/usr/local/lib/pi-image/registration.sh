# shellcheck shell=bash
# Brings this node back into a cluster that has forgotten it: one that was restored to a state from before this node joined.
#
# A kubelet registers its node only when it starts, and goes on without one (https://github.com/kubernetes/kubernetes/issues/71398).
# `pi-image node remove` stops the kubelet and this, too.

# Twice in a row, five minutes apart: whoever has just deleted the node may be about to switch it off.
follow_registration() {
  local missing=${scratch?}/unregistered answer
  [[ -e ${state?}/done && -e ${root?}/etc/kubernetes/kubelet.conf ]] && (($(waited registration) >= 300)) || return 0
  rm -f "$scratch/since-registration"
  systemctl --quiet is-active kubelet.service || return 0
  if answer=$(as_node get node "$PI_IMAGE_NODE" --output name 2>&1) || [[ $answer != *NotFound* ]]; then
    rm -f "$missing"
  elif [[ ! -e $missing ]]; then
    : >"$missing"
  else
    rm -f "$missing"
    echo "<5>The cluster does not know $PI_IMAGE_NODE any more. Its kubelet starts anew, which registers it."
    systemctl restart kubelet.service
  fi
}

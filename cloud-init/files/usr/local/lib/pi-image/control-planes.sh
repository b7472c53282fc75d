# shellcheck shell=bash
# Finds machines by name, and the cluster's own API servers among them.

# The first IPv4 address that the network has for a name. resolvectl is told to leave /etc/hosts out, or it would find
# what stands there from an earlier run.
lookup() { # dns|mdns NAME
  local protocol=$1 service=dns
  if [[ $1 == mdns ]]; then
    protocol=mdns-ipv4 service=mdns4_minimal
  fi
  if systemctl --quiet is-active systemd-resolved.service; then
    resolvectl query --legend=no --synthesize=no --protocol="$protocol" -4 "$2" 2>/dev/null || true
  else
    getent --service="$service" ahostsv4 "$2" || true
  fi | grep -oE '([0-9]+\.){3}[0-9]+' | awk '!/^127\./ && !found { print; found = 1 } END { exit !found }'
}

# The cluster's own API server, by its authority. Whom it refuses has its answer, too. Ends with 1 where another machine or
# nobody answers, or where this node has nothing yet to tell by.
is_ours() { # ADDRESS
  local trust=() file
  for file in etc/kubernetes/pki/ca.crt var/lib/pi-image/seed/pki/ca.crt; do
    [[ ${trust[*]} || ! -s ${root?}/$file ]] || trust=(--kubeconfig /dev/null --username nobody --certificate-authority "$root/$file")
  done
  [[ ${trust[*]} || ! -s ${config?}/join.conf ]] || trust=(--kubeconfig "$config/join.conf")
  [[ ${trust[*]} ]] && command -v kubectl >/dev/null || return
  logged 20 kubectl "${trust[@]}" --request-timeout=5s --server "https://$1:$PI_IMAGE_ENDPOINT_PORT" \
    --tls-server-name "$PI_IMAGE_ENDPOINT_HOST" get --raw /version >/dev/null ||
    was_refused
}

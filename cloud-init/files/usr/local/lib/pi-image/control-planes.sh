# shellcheck shell=bash
# Finds machines by name, and the cluster's own API servers among them.

# The first address of each family of the cluster that the network has for a name, the main family first. resolvectl is told
# to leave /etc/hosts out, or it would find what stands there from an earlier run.
lookup() { # dns|mdns NAME
  local family found
  for family in $PI_IMAGE_FAMILIES; do
    found=$(lookup_family "$1" "$2" "$family")
    [[ -z $found ]] || echo "$found"
  done
}

# An address of the link alone would need its interface beside it; one of the own network comes before others.
lookup_family() { # dns|mdns NAME 4|6
  local protocol=$1 service=dns
  if [[ $1 == mdns ]]; then
    protocol=mdns service=mdns$3_minimal
    [[ $3 != 4 ]] || protocol=mdns-ipv4
  fi
  if systemctl --quiet is-active systemd-resolved.service; then
    resolvectl query --legend=no --synthesize=no --protocol="$protocol" "-$3" "$2" 2>/dev/null || true
  else
    getent --service="$service" "ahostsv$3" "$2" || true
  fi | awk -v family="$3" '
    { for (i = 1; i <= NF; i++) {
        sub(/%.*/, "", $i)
        if (family == 4 ? $i !~ /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/ || $i ~ /^127\./ : $i !~ /^[0-9a-f]*:[0-9a-f:]*:[0-9a-f]*$/ || $i ~ /^(fe[89ab]|::1$)/)
          continue
        if (found == "" || (found !~ /^f[cd]/ && $i ~ /^f[cd]/)) found = $i
      } }
    END { if (found != "") print found }'
}

# The cluster's own API server, by its authority. Whom it refuses has its answer, too. Ends with 1 where another machine or
# nobody answers, or where this node has nothing yet to tell by.
is_ours() { # ADDRESS [PORT]
  local trust=() file
  for file in etc/kubernetes/pki/ca.crt var/lib/pi-image/seed/pki/ca.crt; do
    [[ ${trust[*]} || ! -s ${root?}/$file ]] || trust=(--kubeconfig /dev/null --username nobody --certificate-authority "$root/$file")
  done
  [[ ${trust[*]} || ! -s ${config?}/join.conf ]] || trust=(--kubeconfig "$config/join.conf")
  [[ ${trust[*]} ]] && command -v kubectl >/dev/null || return
  logged 20 kubectl "${trust[@]}" --request-timeout=5s --server "https://$(bracketed "$1"):${2:-$PI_IMAGE_ENDPOINT_PORT}" \
    --tls-server-name "$PI_IMAGE_ENDPOINT_HOST" get --raw /version >/dev/null ||
    was_refused
}

# Whether another control plane of the inventory answers: sets `via_name` and `via`, its address. A name that the network does
# not know, and a machine that is no API server of this cluster, do not answer.
# shellcheck disable=SC2034 # for whoever calls it
find_other() {
  local other name address
  via='' via_name=''
  for other in $PI_IMAGE_CONTROL_PLANES; do
    name=${other%%=*} address=${other#*=}
    for address in ${address:-$(lookup dns "$name") $(lookup mdns "$name.local")}; do
      if is_ours "$address" "$PI_IMAGE_API_PORT"; then
        via=$address via_name=$name
        return
      fi
    done
  done
  return 1
}

# "NAME (ADDRESS) and NAME", for a sentence.
other_names() { # [or]
  local other names=()
  for other in $PI_IMAGE_CONTROL_PLANES; do
    names+=("${other%%=*}")
    [[ $other == *= ]] || names[-1]+=" (${other#*=})"
  done
  case ${#names[@]} in
    1) echo "${names[0]}" ;;
    *) printf '%s, ' "${names[@]:0:${#names[@]}-1}" | sed 's/, $//' && echo " ${1:-and} ${names[-1]}" ;;
  esac
}

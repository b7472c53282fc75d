# shellcheck shell=bash
# etcd's members, asked through the JSON that etcd speaks beside gRPC: no node has etcdctl.
# https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/

# A certificate for a day, by an authority on this card. Its key stays in memory.
make_client() { # NAME AUTHORITY SUBJECT
  local settings=${scratch?}/client.cnf
  printf '%s\n' '[req]' 'distinguished_name = name' 'prompt = no' 'x509_extensions = client' '[name]' 'CN = unused' '[client]' \
    'basicConstraints = critical,CA:FALSE' 'keyUsage = critical,digitalSignature' 'extendedKeyUsage = clientAuth' >"$settings"
  (
    umask 077
    logged 30 openssl req -x509 -config "$settings" -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$scratch/$1.key" \
      -CA "${seed?}/pki/$2.crt" -CAkey "$seed/pki/$2.key" -days 1 -subj "$3" -out "$scratch/$1.crt"
  ) >/dev/null
}

# The answer is in $scratch/log, an error of etcd too. Fails where nobody answers who is of this cluster.
ask_etcd() { # ADDRESS PATH JSON
  [[ -s ${scratch?}/etcd.crt ]] || make_client etcd etcd/ca /CN=pi-image-join || return
  logged 30 curl --silent --show-error --connect-timeout 5 --max-time 20 --cacert "${seed?}/pki/etcd/ca.crt" --cert "$scratch/etcd.crt" \
    --key "$scratch/etcd.key" --data "$3" "https://$(bracketed "$1"):2379/v3/$2" >/dev/null
}

etcd_says() { sed -nE 's/.*"(message|error)": *"([^"]*)".*/\2/p' "${scratch?}/log" | head -n 1; }

# One member a line, as JSON without inner objects. They are those that a majority knows: without one, etcd reads nothing and this
# fails.
list_members() { # ADDRESS
  ask_etcd "$1" kv/range '{"key":"AA=="}' && [[ -z $(etcd_says) ]] && ask_etcd "$1" cluster/member/list '{}' || return
  grep -oE '\{"ID": *"[0-9]+"[^}]*\}' "$scratch/log"
}

member_field() { sed -nE "s/.*\"$1\": *\[?\"([^\"]*)\".*/\1/p" <<<"$2"; } # NAME MEMBER

# Whether an etcd of this cluster listens at an address, with a majority or without one. One that ends the connection (52, 56;
# https://curl.se/libcurl/c/libcurl-errors.html) has proven itself before, like one that answers.
etcd_answers() { # ADDRESS
  local code=0
  ask_etcd "$1" cluster/member/list '{}' || code=$?
  [[ $code == 0 || $code == 52 || $code == 56 ]]
}

# A member of this node's name or address is the card that this one replaces, for this one has no data. While it counts as a
# member, no other may join that address, and etcd needs its vote (https://github.com/kubernetes/kubernetes/pull/127491).
take_out_predecessor() { # ADDRESS: of a control plane that runs
  local members member id name peer own address
  own=$(uplink_address)
  if ! members=$(list_members "$1"); then
    [[ $(etcd_says) ]] || waits "etcd on ${via_name?} does not answer: $(cause)."
    waits "etcd on ${via_name?} knows no majority of its members ($(etcd_says)). Switch on the control planes that have not failed; if most of them are lost for good, see docs/day-2.md of pi-image."
  fi
  while IFS= read -r member; do
    id=$(member_field ID "$member") name=$(member_field name "$member") peer=$(member_field peerURLs "$member")
    address=${peer#https://}
    address=${address%:*}
    address=${address//[][]/}
    if [[ $name != "$PI_IMAGE_NODE" && $address != "$own" ]]; then
      continue
    fi
    if [[ $address != "$own" ]] && etcd_answers "$address"; then
      waits "Another machine runs as ${name:-a control plane} at $address and is a member of the cluster. Switch it off if this card replaces it, or give this node another name."
    fi
    doing "Taking the card that this one replaces out of etcd (${name:-a member that never started} at $address)."
    ask_etcd "$1" cluster/member/remove "{\"ID\":\"$id\"}" || waits "etcd on $via_name does not answer any more: $(cause)."
    [[ -z $(etcd_says) ]] || waits "etcd on $via_name keeps the dead member: $(etcd_says)."
  done <<<"$members"
}

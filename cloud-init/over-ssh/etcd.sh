# etcd, asked by a control plane's own scripts through the JSON that it speaks beside gRPC: no node has etcdctl.
# https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/
# shellcheck shell=bash

ask() { # SECONDS URL [JSON]
  curl --silent --show-error --connect-timeout 3 --max-time "$1" --cacert "${kubernetes?}/pki/etcd/ca.crt" \
    --cert "$kubernetes/pki/etcd/healthcheck-client.crt" --key "$kubernetes/pki/etcd/healthcheck-client.key" ${3:+--data "$3"} "$2"
}

own_etcd() { sed -nE 's/.*--listen-client-urls=([^,]+).*/\1/p' "$kubernetes/manifests/etcd.yaml"; }

# Sets `answer`; fails where etcd does not answer, or with an error, which is in `error` then.
etcd() { # PATH JSON
  error=
  answer=$(ask 20 "$(own_etcd)/v3/$1" "$2" 2>&1) || { error=$answer && return 1; }
  error=$(sed -nE 's/.*"(message|error)": *"([^"]*)".*/\2/p' <<<"$answer" | head -n 1)
  [[ -z $error ]]
}

field() { sed -nE "s/.*\"$1\": *\[?\"([^\"]*)\".*/\1/p" <<<"$2"; } # NAME MEMBER

# While a leader is elected, etcd refuses for a moment.
moment=$((${patience?} < 20 ? patience : 20))

# One a line, as JSON without inner objects: those that a majority knows. Without one, etcd reads nothing.
# shellcheck disable=SC2034 # for whoever calls it
list_members() { # sets `members`
  local end=$((SECONDS + moment))
  until etcd kv/range '{"key":"AA=="}' && etcd cluster/member/list '{}'; do
    if ((SECONDS >= end)); then
      [[ $error != curl:* ]] || fails "its etcd does not answer ($error)"
      fails "etcd has no majority of its members ($error)"
    fi
    sleep 1
  done
  members=$(grep -oE '\{"ID": *"[0-9]+"[^}]*\}' <<<"$answer")
}

# What the scripts that come over SSH share. The laptop puts it in the place of their line `source common.sh`
# (src/cluster/over-ssh/run-node-script.ts). The last line of stderr says what went wrong.
# shellcheck shell=bash
# shellcheck disable=SC2317  # until_so calls functions by their names
root=${PI_IMAGE_ROOT:-}
kubernetes=$root/etc/kubernetes
patience=${PI_IMAGE_PATIENCE:-300}

fails() {
  echo "$1" >&2
  exit 1
}

until_so() { # WHAT-IF-NOT COMMAND...
  local end=$((SECONDS + patience))
  until "${@:2}"; do
    ((SECONDS < end)) || fails "$1"
    sleep 1
  done
}

# A laptop that went to sleep has left an earlier one at work.
wait_for_turn() {
  mkdir -p "$root/run"
  exec 9>"$root/run/pi-image-over-ssh.lock"
  flock --wait "$patience" 9 || fails "an earlier run is still at work on it"
}

# ---- static pods

container() { crictl ps --quiet --name "^$1\$"; }

started_anew() { # COMPONENT ID-BEFORE
  local now
  now=$(container "$1") && [[ $now && $now != "$2" ]]
}

# The kubelet starts what was stopped, and looks up its files again: some are mounted one by one.
restart_pod() { # COMPONENT
  local before
  [[ -e $kubernetes/manifests/$1.yaml ]] || return 0
  before=$(container "$1")
  [[ -z $before ]] || xargs crictl stop --timeout 60 >/dev/null <<<"$before"
  until_so "$1 does not start again" started_anew "$1" "$before"
}

# ---- the API server

port() { sed -nE 's/.*--secure-port=([0-9]+).*/\1/p' "$kubernetes/manifests/kube-apiserver.yaml"; }

# Of the API server of this very node, which asks the etcd of this node before it says that it is ready.
api_server_of() { # KUBECONFIG ARGUMENTS...
  kubectl --kubeconfig "$1" --server "https://127.0.0.1:$(port)" --request-timeout=20s "${@:2}"
}

# Whoever has no role any more because a kubeconfig was stolen has this one left.
as_admin() {
  local file=$kubernetes/super-admin.conf
  [[ -e $file ]] || file=$kubernetes/admin.conf
  api_server_of "$file" "$@"
}

as_node() { kubectl --kubeconfig "$kubernetes/kubelet.conf" --request-timeout=20s "$@"; }

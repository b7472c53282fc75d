# What the scripts that come over SSH share. The laptop puts it in the place of their line `source common.sh`
# (src/cluster/over-ssh/run-node-script.ts). The last line of stderr says what went wrong.
# shellcheck shell=bash
root=${PI_IMAGE_ROOT:-}
kubernetes=$root/etc/kubernetes
patience=${PI_IMAGE_PATIENCE:-300}

fails() {
  echo "$1" >&2
  exit 1
}

# shellcheck source=cloud-init/files/usr/local/lib/pi-image/static-pods.sh
source static-pods.sh

# A laptop that went to sleep has left an earlier one at work.
wait_for_turn() {
  mkdir -p "$root/run"
  exec 9>"$root/run/pi-image-over-ssh.lock"
  flock --wait "$patience" 9 || fails "an earlier run is still at work on it"
}

# In the file of settings that `environment` names.
# shellcheck disable=SC2154
set_environment() { # NAME VALUE
  sed -E "s#^($1=).*#\1'$2'#" "$environment" >"$environment.pi-image" && chmod --reference "$environment" "$environment.pi-image" &&
    sync "$environment.pi-image" && mv -f "$environment.pi-image" "$environment"
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

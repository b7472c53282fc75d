# shellcheck shell=bash
# Has the kubelet start a static pod anew. Scripts that come over SSH bring this along, so it needs nothing but `kubernetes`, `patience` in
# seconds, and `fails`.
# shellcheck disable=SC2317  # until_so calls functions by their names

until_so() { # WHAT-IF-NOT COMMAND...
  local end=$((SECONDS + ${patience?}))
  until "${@:2}"; do
    ((SECONDS < end)) || fails "$1"
    sleep 1
  done
}

container() { crictl ps --quiet --name "^$1\$"; }

started_anew() { # COMPONENT ID-BEFORE
  local now
  now=$(container "$1") && [[ $now && $now != "$2" ]]
}

# The kubelet starts what was stopped, and looks up its files again: some are mounted one by one.
restart_pod() { # COMPONENT
  local before
  [[ -e ${kubernetes?}/manifests/$1.yaml ]] || return 0
  before=$(container "$1")
  [[ -z $before ]] || xargs crictl stop --timeout 60 >/dev/null <<<"$before"
  until_so "$1 does not start again" started_anew "$1" "$before"
}

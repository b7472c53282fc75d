# shellcheck shell=bash
# A control plane: it begins the cluster, joins it, or waits. Only the first of the inventory may begin one, and a card that has
# begun to join never does.

# "init" or "join": what this card began, on the disk before kubeadm changes anything.
began=${state?}/began

remember() { # init|join
  echo "$1" >"$began.new"
  sync
  mv -f "$began.new" "$began"
  sync
}

has_begun() { [[ -s $began && $(<"$began") == "$1" ]]; } # init|join

# What this card does next: init, join, finish (an attempt that reached etcd), or a reason to wait. Two clusters with one name
# and one authority would fight for the workers, so this depends on nothing but what is said here
# (test/node/one-cluster.test.ts tries all orders of events over three nodes).
next_step() { # BEGAN (init|join|nothing) DATA (data|empty) OTHERS (answer|etcd|silent)
  case "$1 $2 $3" in
    "nothing data answer") echo set-aside ;;
    "nothing data "*) echo wait-data ;;
    "join data "* | "init data answer" | "init data etcd") echo finish ;;
    *" empty answer") echo join ;;
    *" etcd") echo wait-etcd ;;
    "join empty silent") echo wait-others ;;
    *) if may_begin; then echo init; else echo wait-others; fi ;;
  esac
}

# A card that replaces an earlier one must not take silence for "there is no cluster".
may_begin() {
  [[ $PI_IMAGE_KUBEADM == init && (! $PI_IMAGE_SEEN || -e ${config?}/begin) ]]
}

# Sets `via` where another control plane answers, and how they are. etcd answers on a node whose API server is still starting.
ask_others() {
  local other
  others=answer
  ! find_other || return 0
  others=silent
  for other in $PI_IMAGE_CONTROL_PLANES; do
    if [[ $other != *= ]] && etcd_answers "${other#*=}"; then
      others=etcd via_name=${other%%=*}
      return
    fi
  done
}

data_of_another_card() {
  local when
  when=$(stat --format %Y "${etcd?}/member")
  TZ=UTC printf 'This node has the state of a cluster that an earlier card wrote, from %(%F)T on or before. It is neither used nor erased. ' "$when"
  if [[ $PI_IMAGE_CONTROL_PLANES ]]; then
    printf 'Switch %s on: this card then joins, and keeps the old state beside. ' "$(other_names)"
    [[ $PI_IMAGE_KUBEADM != init ]] || printf 'If they are lost for good, go on with this state: sudo touch /etc/pi-image/restore. '
    echo "To begin a new, empty cluster instead: sudo mv /var/lib/etcd /var/lib/etcd.old."
  else
    echo "To go on with it: sudo touch /etc/pi-image/restore. To begin a new, empty cluster beside it: sudo mv /var/lib/etcd /var/lib/etcd.old."
  fi
}

# What runs has a newer state. Nothing that an earlier card wrote is erased.
set_data_aside() {
  local place=$etcd.earlier
  while [[ -e $place ]]; do place+=+; done
  doing "Keeping the etcd data of an earlier card in ${place#"$root"}; the cluster that runs has newer ones."
  mv "$etcd" "$place" || fails "The etcd data of an earlier card cannot be moved out of the way: $etcd."
  sync
}

become_control_plane() {
  local begun=nothing data=empty others
  # The certificate lasts a day, and a node may wait for longer.
  rm -f "${scratch?}"/{via,etcd.crt}
  [[ ! -s $began ]] || begun=$(<"$began")
  [[ ! -d $etcd/member ]] || data=data
  ask_others
  if wants_restore; then
    restore_cluster
    return
  fi
  case $(next_step "$begun" "$data" "$others") in
    init)
      offer_snapshot
      init_cluster
      ;;
    finish | join) join_cluster ;;
    set-aside)
      set_data_aside
      join_cluster
      ;;
    wait-data) waits "$(data_of_another_card)" ;;
    wait-etcd) waits "etcd runs on $via_name, but the API server there does not answer. Look at its console; this card joins when it answers." ;;
    wait-others) wait_for_others ;;
  esac
}

wait_for_others() {
  if [[ $PI_IMAGE_KUBEADM == init ]]; then
    waits "No other control plane answers ($(other_names)), and this card replaces one of a cluster that ran on $PI_IMAGE_SEEN. Switch one of them on, and it joins. If they are lost for good, build this card with --restore and a backup. If all are to begin anew: sudo touch /etc/pi-image/begin on this node."
  fi
  # It says what the matter is with the endpoint.
  wait_for_cluster
  waits "The API server at ${server?} answers, but no control plane does at its own address ($(other_names)), where etcd needs them."
}

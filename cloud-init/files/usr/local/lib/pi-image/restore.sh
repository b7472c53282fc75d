# shellcheck shell=bash
# The first control plane begins with a state that was kept: the snapshot on its card (`pi-image build --restore`), what an earlier card
# left in /var/lib/etcd (`sudo touch /etc/pi-image/restore`), or a snapshot on its disk (its path in that file).

# In etcd's folder: it is there when all of the state is, and goes with it. etcd takes no notice of it.
restored=${etcd?}/restored-by-pi-image
# Everything that is not whole yet, on the same file system as etcd's folder.
restoring=$etcd.restoring
restore_wish=${config?}/restore

wants_restore() {
  [[ $PI_IMAGE_KUBEADM == init && (${PI_IMAGE_RESTORE:-} || -e $restore_wish) ]] && ! has_begun join
}

# Between the two etcd has not run yet, so there is nothing newer than the snapshot.
is_restored() { [[ -e $restored ]] && has_begun init; }

restore_cluster() {
  if ! is_restored; then
    [[ ${others?} == silent ]] ||
      waits "${via_name?} answers, so the cluster $PI_IMAGE_CLUSTER runs, and this card would begin it again from an older state. If that state is to be given up, switch $(other_names) off and flash them anew afterwards; if not, flash this card without --restore, and it joins."
    lay_state
  fi
  erase_folder "$restoring"
  clear_around_state
  write_document "$config/kubeadm.yaml"
  lay_pki
  lay_kube_vip super-admin
  doing "Starting the control plane with the restored state; this takes some minutes."
  followed 3600 kubeadm init --config "${document?}" --skip-token-print --ignore-preflight-errors DirAvailable--var-lib-etcd ||
    fails "kubeadm init failed with the restored state: $(cause)."
  mark
  rm -f "$restored" "$restore_wish"
}

# Until the last rename but one there is no state, and then all of it.
lay_state() {
  local image
  erase_folder "$restoring"
  # What an init of this card had only begun is cleared as always.
  [[ ! -d $etcd/member ]] || has_begun init || set_aside_for_restore
  clear_attempt
  write_document "$config/kubeadm.yaml"
  doing "Checking the node and fetching the images of the control plane."
  logged 3600 kubeadm init phase preflight --config "$document" ||
    fails "The node cannot start a control plane yet: $(cause)."
  # The images took minutes, in which the others may have come back.
  ask_others
  [[ $others == silent ]] || waits "$via_name answers now; this card does not begin the cluster again from an older state."
  (umask 077 && mkdir -p "$restoring")
  find_state
  image=$(kubeadm config images list --config "$document" 2>/dev/null | grep '/etcd:') ||
    fails "kubeadm does not say which image of etcd it uses."
  doing "Restoring the state of the cluster from ${state_origin?}."
  # Revisions that are ahead of all that were ever given out, and none of them left to go on from: whoever watches the API server reads
  # all anew (https://etcd.io/docs/v3.6/op-guide/recovery/).
  run_in_image "$image" "$restoring" etcdutl snapshot restore "$restoring/snapshot.db" --data-dir "$restoring/data" \
    --name "$PI_IMAGE_NODE" --initial-cluster "$PI_IMAGE_NODE=$(own_peer)" --initial-advertise-peer-urls "$(own_peer)" \
    --initial-cluster-token "pi-image-$(<"${root?}/proc/sys/kernel/random/uuid")" \
    --bump-revision 1000000000 --mark-compacted ${skip_digest:+--skip-hash-check} ||
    fails "The state cannot be restored: $(cause)."
  [[ -s $restoring/data/member/snap/db ]] || fails "The state cannot be restored: etcdutl made none."
  : >"$restoring/data/${restored##*/}"
  sync
  remember init
  [[ ! -d $etcd ]] || rmdir "$etcd" || fails "/var/lib/etcd is not empty, or a disk is mounted on it."
  mv -T "$restoring/data" "$etcd"
  sync
}

own_peer() { echo "https://$(bracketed "$(uplink_address)"):2380"; }

# Nothing that an earlier card wrote is erased. A name with more behind it is a later one.
set_aside_for_restore() {
  local place=$etcd.earlier
  while [[ -e $place ]]; do place+=+; done
  doing "Keeping the etcd data of an earlier card in ${place#"$root"}."
  mv -T "$etcd" "$place" || fails "The etcd data of an earlier card cannot be moved out of the way: a disk is mounted on /var/lib/etcd."
  sync
}

# Puts a proven snapshot of this cluster into `restoring`. Sets `state_origin`, and `skip_digest` where it has none of its own.
find_state() {
  local folder place from to=$restoring/snapshot.db again="Build this card again and flash it"
  skip_digest=
  if [[ -s $restore_wish ]]; then
    from=$(<"$restore_wish")
    state_origin=$from
    from=$root$from
    [[ -f $from ]] || fails "There is no snapshot $state_origin, which /etc/pi-image/restore names."
    cp "$from" "$to" || fails "The snapshot $state_origin cannot be read, or the card is full."
  elif [[ -e $restore_wish ]]; then
    from=
    for place in "$etcd".earlier*; do
      [[ ! -s $place/member/snap/db ]] || from=$place
    done
    [[ $from ]] || fails "There is no etcd data of an earlier card to go on with. Remove /etc/pi-image/restore, or write the path of a snapshot into it."
    state_origin=${from#"$root"}
    skip_digest=yes
    cp "$from/member/snap/db" "$to" || fails "The state in $state_origin cannot be read, or the card is full."
  else
    state_origin="the snapshot on this card"
    folder=$(boot_partition)
    [[ -s $folder/pi-image-restore.gz ]] || fails "The snapshot that this card was made with is not on its boot partition. $again."
    gzip -dc <"$folder/pi-image-restore.gz" >"$to" 2>"${scratch?}/log" || fails "The snapshot on this card cannot be unpacked: $(cause). $again."
    [[ $(last_digest "$to") == "$PI_IMAGE_RESTORE" ]] || fails "The snapshot on this card is not the one that it was made with. $again."
  fi
  [[ $skip_digest ]] || is_whole "$to" || fails "The state cannot be restored: $state_origin is damaged, for its own SHA-256 does not match."
  is_of_this_cluster "$to" "${seed?}/pki/ca.crt" ||
    fails "The state in $state_origin is of another cluster: it does not name the authority on this card."
}

# Of an attempt with this state. `kubeadm reset` would erase that, too; init keeps nothing else that it needs.
clear_around_state() {
  local left
  left=$(kubernetes_files | grep -vF "$etcd/") || return 0
  doing "Clearing what an unfinished attempt left, but for the restored state."
  systemctl stop kubelet.service
  crictl ps --quiet | xargs --no-run-if-empty crictl stop >/dev/null || fails "The containers of an unfinished attempt do not stop."
  xargs --no-run-if-empty --delimiter '\n' rm -rf -- <<<"$left"
}

forget_pod() { crictl pods --quiet --name '^pi-image-restore$' | xargs --no-run-if-empty crictl rmp --force >/dev/null; }

json_words() { # WORD...
  local word all=
  for word; do all+=",\"$word\""; done
  echo "[${all#,}]"
}

# A command of an image, with one folder of this node, by the interface that every runtime has: containerd's own tool is not there with
# CRI-O. Without a kubelet nobody else knows of it. The output is in $scratch/log.
run_in_image() { # IMAGE FOLDER COMMAND...
  local pod=${scratch?}/restore-pod.json container=$scratch/restore-container.json id seen end
  printf '{"metadata":{"name":"pi-image-restore","namespace":"kube-system","uid":"pi-image-restore","attempt":0},"log_directory":"%s","linux":{"cgroup_parent":"system.slice","security_context":{"namespace_options":{"network":2}}}}\n' \
    "$scratch/restore-log" >"$pod"
  printf '{"metadata":{"name":"restore"},"image":{"image":"%s"},"command":%s,"mounts":[{"host_path":"%s","container_path":"%s"}],"log_path":"restore.log","linux":{}}\n' \
    "$1" "$(json_words "${@:3}")" "$2" "$2" >"$container"
  mkdir -p "$scratch/restore-log"
  forget_pod || true
  logged 150 crictl --timeout 2m runp "$pod" || return
  id=$(tail -n 1 "$scratch/log")
  logged 150 crictl --timeout 2m create "$id" "$container" "$pod" || return
  id=$(tail -n 1 "$scratch/log")
  logged 150 crictl --timeout 2m start "$id" || return
  end=$((SECONDS + 1800))
  until seen=$(crictl inspect "$id") && [[ $seen == *CONTAINER_EXITED* ]]; do
    ((SECONDS < end)) || break
    sleep 2
  done
  crictl logs "$id" >"$scratch/log" 2>&1 || true
  cat "$scratch/log"
  forget_pod || true
  [[ $seen =~ \"exitCode\":\ *0[^0-9] ]]
}

# Snapshots of an earlier card on this node's data disk: whoever flashed a lone control plane anew may not know that they are there.
newest_of_earlier_card() {
  local file newest=
  for file in "$(snapshots_folder)"/etcd-*.db; do
    [[ ! -f $file ]] || newest=$file
  done
  [[ $newest ]] && is_of_this_cluster "$newest" "$seed/pki/ca.crt" && echo "${newest#"$root"}"
}

offer_snapshot() {
  local newest
  [[ ! -e $config/begin ]] && ! has_begun init || return 0
  newest=$(newest_of_earlier_card) || return 0
  waits "This node's disk has snapshots of the cluster that an earlier card kept. To go on with the newest: echo $newest | sudo tee /etc/pi-image/restore. To begin a new, empty cluster instead: sudo touch /etc/pi-image/begin."
}

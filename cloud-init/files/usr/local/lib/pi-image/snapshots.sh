# shellcheck shell=bash
# Snapshots of etcd: how the etcd of this node makes one, how it is proven, and where they are kept. `pi-image backup` sends this
# over SSH, so it needs nothing but `root`, and what node.env says of the data disk.

etcd_data=${root?}/var/lib/etcd
# etcd stops the whole cluster where it finds no room for its next entry.
spare=$((256 * 1024 * 1024))

# The one place for them on this node.
snapshots_folder() {
  if [[ ${PI_IMAGE_DATA_MOUNT:-} ]]; then
    echo "$root$PI_IMAGE_DATA_MOUNT/pi-image-snapshots"
  else
    echo "$root/var/lib/pi-image/snapshots"
  fi
}

free_bytes() { # FOLDER
  local blocks size
  read -r blocks size < <(stat --file-system --format '%a %S' "$1")
  echo $((blocks * size))
}

in_mebibytes() { echo "$((($1 + 1048575) / 1048576)) MiB"; } # BYTES

# The SHA-256 of all before it, as hexadecimal digits, in the last 32 bytes; only a snapshot has it, and pages of 512 bytes or more
# come before (https://github.com/etcd-io/etcd/blob/v3.6.0/etcdutl/snapshot/v3_snapshot.go).
last_digest() { tail -c 32 "$1" | od -An -v -tx1 | tr -d ' \n'; } # FILE

is_whole() { # FILE
  local size digest
  size=$(stat --format %s "$1") && ((size > 512 && size % 512 == 32)) || return
  read -r digest _ < <(head -c -32 "$1" | sha256sum) && [[ $digest == "$(last_digest "$1")" ]]
}

# Through the authority's certificate, which every namespace of the state has a copy of: of its last whole line no other has the like.
is_of_this_cluster() { # FILE CERTIFICATE
  grep -qaF -- "$(grep -v -- ----- "$2" | tail -n 2 | head -n 1)" "$1"
}

# By the etcd of this node, into its own folder, which is all that it can write to. Sets `made`, or `why` it could not.
# shellcheck disable=SC2034 # for whoever calls it
make_snapshot() { # NAME
  local container url said size pki=/etc/kubernetes/pki/etcd
  made=$etcd_data/$1
  rm -f "$made" "$made.part"
  container=$(crictl ps --quiet --name '^etcd$' 2>/dev/null | head -n 1) || true
  if [[ -z $container ]]; then
    why="etcd does not run on this node"
    return 1
  fi
  size=$(stat --format %s "$etcd_data/member/snap/db") || size=0
  if (($(free_bytes "$etcd_data") < size + spare)); then
    why="the disk with /var/lib/etcd is too full: a snapshot needs $(in_mebibytes "$size"), and etcd itself must keep $(in_mebibytes "$spare")"
    return 1
  fi
  url=$(sed -nE 's/.*--listen-client-urls=([^, ]+).*/\1/p' "$root/etc/kubernetes/manifests/etcd.yaml")
  if ! said=$(crictl exec --sync --timeout 900 "$container" etcdctl --endpoints "$url" --cacert $pki/ca.crt \
    --cert $pki/healthcheck-client.crt --key $pki/healthcheck-client.key snapshot save "/var/lib/etcd/$1" 2>&1); then
    why="etcd on this node made none ($(tail -n 1 <<<"$said" | tr -d '\000-\037' | cut -c 1-300))"
  elif ! is_whole "$made"; then
    why="what etcd on this node wrote is not whole"
  else
    return 0
  fi
  rm -f "$made" "$made.part"
  return 1
}

#!/bin/sh
# preload.sh ROOT IMAGE...: imports archives of images into ROOT's containerd, with that root's own programs.
# Runs in mount and process namespaces of its own, with which the mounts and the daemon go.
set -eu
root=$1
shift
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >"$root/run/config.toml"
socket=/run/containerd/containerd.sock
chroot "$root" containerd --config /run/config.toml --address "$socket" --state /run/containerd --log-level error &
daemon=$!
while [ ! -S "$root$socket" ]; do sleep 0.2; done
for image in "$@"; do
  chroot "$root" ctr --address "$socket" --namespace k8s.io images import - <"$image" >/dev/null
done
kill "$daemon"
wait "$daemon" || true

#!/bin/sh
# uml-chroot.sh UML FOLDER WORDS...: runs the user-mode Linux of the folder UML, with its own libc; FOLDER is its /card.
# `ip netns exec` has given this process mounts of its own; they go with it.
set -eu
uml=$1
folder=$2
shift 2
mount --rbind /dev "$uml/dev"
mount -t proc proc "$uml/proc"
mount -t tmpfs tmpfs "$uml/tmp"
mount --bind "$folder" "$uml/card"
exec env -i TMPDIR=/dev/shm HOME=/tmp PATH="$PATH" chroot "$uml" /linux.uml "$@"

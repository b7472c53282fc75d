#!/bin/sh
# Makes a small base image in the shape of Ubuntu's preinstalled Raspberry Pi images, for demos and tests.
#
#   make-sample-base.sh 24.04 sample-ubuntu-24.04.img.xz     flat boot partition
#   make-sample-base.sh 26.04 sample-ubuntu-26.04.img.xz     A/B layout: current/, autoboot.txt
#   make-sample-base.sh --tools                              versions of the tools that shape the bytes
#
# Needs no root and mounts nothing; Debian packages: dosfstools mtools e2fsprogs fdisk xz-utils.
# Run again with the same tools it gives the same bytes: fixed ids, fixed times, names in order.
# After a change: make both again, and write SHA256SUMS and made-with.txt anew.
set -eu

LC_ALL=C TZ=UTC PATH=$PATH:/usr/sbin:/sbin
export LC_ALL TZ PATH

usage='usage: make-sample-base.sh 24.04|26.04 OUT.img.xz'
version=${1:?$usage}
if [ "$version" = --tools ]; then
    scratch=$(mktemp)
    truncate -s 1M "$scratch"
    mkfs.vfat "$scratch" | head -n 1 # prints its version only at work
    rm "$scratch"
    mtools --version | head -n 1
    mke2fs -V 2>&1 | head -n 1
    sfdisk --version
    exit
fi
out=${2:?$usage}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
case $version in
24.04) serial=24042404 uuid=24042404-0000-4000-8000-000000000002 layout=flat ;;
26.04) serial=26042604 uuid=26042604-0000-4000-8000-000000000002 layout=ab ;;
*) echo "no such version: $version" >&2; exit 2 ;;
esac

# 2026-04-23 00:00 UTC; mtools and mkfs.fat know SOURCE_DATE_EPOCH, e2fsprogs the other name.
SOURCE_DATE_EPOCH=1776902400
E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH
MTOOLSRC=/dev/null
export SOURCE_DATE_EPOCH E2FSPROGS_FAKE_TIME MTOOLSRC

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
boot=$work/boot root=$work/root
mkdir "$boot" "$root"

# The boot partition's files.

cp -R "$here/boot-$version/." "$boot"
assets=$boot
if [ "$layout" = ab ]; then assets=$boot/current; fi
mkdir "$assets/overlays"
placeholder() { # path, bytes: stands for a file of the firmware or the kernel
    name=$(basename "$1")
    yes "placeholder for $name of Ubuntu $version" | head -c "$2" >"$1"
}
for file in bootcode.bin fixup4.dat start4.elf; do placeholder "$boot/$file" 3000; done
for file in bcm2711-rpi-4-b.dtb bcm2711-rpi-cm4.dtb bcm2712-rpi-5-b.dtb; do placeholder "$assets/$file" 5000; done
for file in disable-bt disable-wifi dwc2 vc4-kms-v3d; do placeholder "$assets/overlays/$file.dtbo" 900; done
placeholder "$assets/vmlinuz" 400001
placeholder "$assets/initrd.img" 700003

# 512-byte clusters as in Ubuntu's images: FAT32 needs 65,525 of them.
# https://github.com/canonical/snapd/blob/master/osutil/mkfs/mkfs.go
truncate -s 34M "$work/p1"
mkfs.vfat --invariant -S 512 -s 1 -F 32 -n system-boot -i "$serial" "$work/p1" >/dev/null 2>&1

# A file that goes away again leaves a gap behind, so that later files are in pieces.
mcopy -i "$work/p1" "$boot/bootcode.bin" ::/gap.bin
find "$boot" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
(cd "$boot" && find . -mindepth 1 | sort) | while read -r path; do
    if [ -d "$boot/$path" ]; then
        mmd -i "$work/p1" "::/${path#./}"
    else
        mcopy -m -i "$work/p1" "$boot/$path" "::/${path#./}"
    fi
    if [ "$path" = ./config.txt ]; then mdel -i "$work/p1" ::/gap.bin; fi
done

# The root partition's files.

cp -R "$here/root/." "$root"
sed "s/@VERSION@/$version LTS/" "$root/usr/lib/os-release.in" >"$root/usr/lib/os-release"
rm "$root/usr/lib/os-release.in"
mkdir -p "$root/home/ubuntu" "$root/var/lib" "$root/boot/firmware"
mkdir "$root/var/lib/many"
for n in 0 1 2 3 4 5 6 7 8 9; do
    for m in 0 1 2 3 4 5 6 7 8 9; do echo "file $n$m" >"$root/var/lib/many/file-$n$m"; done
done
yes "content in front of and behind zeros" | head -c 262144 >"$root/var/lib/zeros-inside"
truncate -s 3M "$root/var/lib/sparse"
printf 'end\n' >>"$root/var/lib/sparse"

# Every feature is named, and the machine's own defaults are left out: both change with versions.
MKE2FS_CONFIG=$work/mke2fs.conf
export MKE2FS_CONFIG
printf '[fs_types]\n%s = {\ninode_size = 256\n}\n' ext4 >"$MKE2FS_CONFIG"
printf '%s = {\ninode_size = 256\n}\n' small >>"$MKE2FS_CONFIG"
features=has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super
features=$features,large_file,huge_file,dir_nlink,extra_isize,metadata_csum
# Not a multiple of a MiB, as in Ubuntu's images, with some slack behind it.
root_sectors=65400
truncate -s "$((root_sectors * 512))" "$work/p2"
mke2fs -q -F -t ext4 -L writable -U "$uuid" -b 4096 -I 256 -N 2048 -g 4096 -J size=4 -m 1 \
    -O "none,$features" -E "hash_seed=$uuid,root_owner=0:0,nodiscard,lazy_itable_init=0" "$work/p2"

# debugfs, not `mke2fs -d`: that one takes names in the folder's order, and owners and times from the machine.
{
    (cd "$root" && find . -mindepth 1 | sort) | while read -r path; do
        name=/${path#./}
        if [ -d "$root/$path" ]; then echo "mkdir $name"; else echo "write $root/$path $name"; fi
        if [ -d "$root/$path" ]; then echo "sif $name mode 040755"; else echo "sif $name mode 0100644"; fi
        for field in uid gid; do echo "sif $name $field 0"; done
        for field in atime ctime mtime crtime; do echo "sif $name $field @$SOURCE_DATE_EPOCH"; done
    done
    echo "symlink /etc/os-release ../usr/lib/os-release"
    echo "symlink /vmlinuz $(printf 'a-long-target/%.0s' 1 2 3 4 5 6)vmlinuz"
    echo "ea_set /etc/hostname user.note sample"
    echo "ea_set /var/lib/many user.long $(printf 'x%.0s' $(seq 1 300))"
    echo "write $root/etc/fstab /var/lib/removed"
    echo "rm /var/lib/removed"
} >"$work/commands"
debugfs -w -f "$work/commands" "$work/p2" >/dev/null 2>"$work/debugfs.err"
# debugfs ends with status 0 whatever happens.
if grep -v '^debugfs [0-9]' "$work/debugfs.err" >&2; then exit 1; fi

# debugfs leaves blocks of zeros out as holes; these are there on the disk, as a kernel would write them.
block=$(debugfs -R "bmap /var/lib/zeros-inside 20" "$work/p2" 2>/dev/null)
dd if=/dev/zero of="$work/p2" bs=4096 seek="$block" count=10 conv=notrunc status=none
e2fsck -fn "$work/p2" >/dev/null 2>&1

# The image.

image=$work/image
truncate -s 68M "$image"
sfdisk -q "$image" <<TABLE
label: dos
label-id: 0x$serial
unit: sectors
start=2048, size=69632, type=c, bootable
start=71680, size=$root_sectors, type=83
TABLE
dd if="$work/p1" of="$image" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$work/p2" of="$image" bs=1M seek=35 conv=notrunc,sparse status=none

# As Ubuntu's builder compresses: blocks of 1 MiB, each with its sizes.
# https://git.launchpad.net/livecd-rootfs/tree/live-build/auto/build
xz -0 -T4 --block-size=1MiB --check=crc64 --stdout "$image" >"$work/image.xz"
mv "$work/image.xz" "$out"

#!/bin/sh
# The README's first command: builds the image of worker2 and flashes it to a file that stands for a card.
# DEMO_BASE=ubuntu-24.04 takes the real image (a download of more than a gigabyte) instead of the sample.
set -eu
cd "$(dirname "$0")/.."
folder="$PWD/out/demo"
mkdir -p "$folder"
cd "$folder"

show() {
  printf '\n$ pi-image %s\n' "$*"
  node ../../dist/cli.js "$@"
}

show build --role worker --host worker2 --base "${DEMO_BASE:-sample}"
show flash card.img --host worker2 --yes
show verify card.img out/worker2.img

printf '\nThe card is %s/card.img, the image and its seed are in %s/out.\n' "$folder" "$folder"
printf 'Next: npx pi-image init, then edit cluster.yaml.\n'

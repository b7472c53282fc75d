# shellcheck shell=bash
# The bundle that the card carries: where it lies, its members, each compared with the bundle's index before it is used, and its
# packages as apt's only source.

bundle_index=${scratch?}/bundle-index
# Debs of the bundle, and what apt makes of its list, as long as something is installed.
packages_folder=${state?}/packages
# Set by find_bundle.
bundle_place=

# A file, on a disk that the system moved to and where a newer bundle was put, and the card's partition of the type that no system uses.
# What is being put there counts last: it is whole when the settings name it.
bundle_places() {
  local name type
  [[ ! -e $state/bundle.tar ]] || echo "$state/bundle.tar"
  while read -r name type; do
    [[ $type != 0xda ]] || echo "${root?}/dev/$name"
  done < <(lsblk --noheadings --raw --output NAME,PARTTYPE)
  [[ ! -e $state/bundle.tar.new ]] || echo "$state/bundle.tar.new"
}

# The partition is longer than the archive, and a block device is only searched quickly when tar is told that it can be.
member() { # PLACE NAME
  tar --seek --occurrence=1 --extract --to-stdout --file "$1" -- "$2"
}

# The index is what the card's settings name: what it says of the other members holds.
find_bundle() {
  local place sum unlike=()
  [[ -z $bundle_place ]] || return 0
  while read -r place; do
    { member "$place" index >"$bundle_index.new"; } 2>/dev/null || true
    sum=$(sha256sum <"$bundle_index.new")
    if [[ ${sum%% *} == "$PI_IMAGE_BUNDLE" ]]; then
      mv -f "$bundle_index.new" "$bundle_index"
      # The power went between the settings and its name.
      [[ $place != *.new ]] || mv -f "$place" "${place%.new}"
      bundle_place=${place%.new}
      return 0
    fi
    read_anew "$place"
    unlike+=("${place#"$root"}")
  done < <(bundle_places)
  if ((${#unlike[@]} > 0)); then
    fails "The bundle on ${unlike[*]} is damaged, or is not the one that this card was made with: its index is not ${PI_IMAGE_BUNDLE:0:12}.... Flash this card again; if that does not help, the card is bad."
  fi
  fails "This card has no bundle: there is no partition of type 0xda, and no /var/lib/pi-image/bundle.tar. Flash this card again with pi-image."
}

# What was read wrong once may be in memory, and would be wrong for ever.
read_anew() { # PLACE
  { blockdev --flushbufs "$1" || dd if="$1" iflag=nocache count=0; } >/dev/null 2>&1 || true
}

# Sets `bytes` and `sum` as the index has them.
# shellcheck disable=SC2034  # for those who call it
look_up() { # NAME
  local kind name
  while read -r kind sum bytes name; do
    [[ $kind != file || $name != "$1" ]] || return 0
  done <"$bundle_index"
  fails "The bundle has no $1. Build the cards of this cluster again."
}

damaged() { # NAME
  read_anew "$bundle_place"
  fails "The bundle on ${bundle_place#"$root"} is damaged: $1 is not as its index says. This node reads it again; flash this card again when that does not help."
}

# Into a file, or only compared with what the index says where there is none. What tar says of other members does not count.
read_member() { # NAME [FILE]
  local sum found
  look_up "$1"
  found=$({ member "$bundle_place" "$1" | tee "${2:-/dev/null}" | sha256sum; echo "${PIPESTATUS[1]}"; } 2>"$scratch/log") || true
  [[ ${found%% *} == "$sum" ]] || damaged "$1"
  [[ ${found##*$'\n'} == 0 ]] || fails "The bundle cannot be unpacked: $(cause)."
}

demand_room() { # BYTES FOR
  local free
  free=$(df --output=avail --block-size=1 "$state" | tail -n 1)
  ((free >= $1)) ||
    fails "The root partition has $((free / 1000000)) MB free, and $2 need $(($1 / 1000000 + 1)) MB. Free space on it, or use a larger card."
}

# Until the phase ends, or what a power cut in the middle of it has left.
close_packages() {
  bundled=()
  rm -rf "$packages_folder"
}

# What is in the archive was signed: the laptop has compared its lists with the archives' signatures, and this node the list with
# the index. apt compares each package with the list.
open_packages() {
  local sum
  find_bundle
  close_packages
  trap close_packages EXIT
  mkdir -p "$packages_folder"/{debs,lists/partial}
  read_member Packages "$packages_folder/Packages"
  sum=$(sha256sum <"$packages_folder/Packages")
  # Without it apt looks for the list in six packed forms and says of each that it is not there.
  printf 'SHA256:\n %s %d Packages\n' "${sum%% *}" "$(stat --format=%s "$packages_folder/Packages")" >"$packages_folder/Release"
  printf 'deb [trusted=yes] file:%s ./\n' "$packages_folder" >"$packages_folder/sources.list"
  bundled=(
    -o "Dir::Etc::sourcelist=$packages_folder/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$packages_folder/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
  )
}

# The names that the bundle's members have for a package, whose name there may lack the epoch of its version.
debs_of() { # PACKAGE
  local kind name
  while read -r kind _ _ name; do
    [[ $kind != file || $name != "debs/${1}_"* ]] || echo "$name"
  done <"$bundle_index"
}

# On the disk, in bytes: the debs and what is in them.
room_for() { # PACKAGE...
  awk -v names="$*" '
    BEGIN { split(names, list, " "); for (i in list) wanted[list[i]] = 1 }
    $1 == "Package:" { counts = $2 in wanted }
    counts && $1 == "Size:" { sum += $2 }
    counts && $1 == "Installed-Size:" { sum += $2 * 1024 }
    END { printf "%.0f\n", sum }' "$packages_folder/Packages"
}

# Lays out the debs that apt would install for this, those that they depend on among them.
lay_debs() { # INSTALL-ARGUMENT...
  local name file names=() files=()
  apt-get -qq --yes "${bundled[@]}" --print-uris install "$@" >"$scratch/uris" 2>"$scratch/log" || return
  while read -r _ name _; do
    name=${name%%_*}
    mapfile -t -O "${#files[@]}" files < <(debs_of "$name")
    names+=("$name")
  done <"$scratch/uris"
  demand_room "$(room_for "${names[@]}")" "the packages"
  for file in "${files[@]}"; do
    read_member "$file" "$packages_folder/$file"
  done
}

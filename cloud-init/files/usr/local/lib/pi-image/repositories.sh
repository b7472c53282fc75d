# shellcheck shell=bash
# Package repositories beyond the distribution's, and their keys, checked by full fingerprint.

# https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/ (isv:kubernetes OBS Project)
kubernetes_key=${PI_IMAGE_KUBERNETES_KEY:-DE15B14486CD377B9E876E1A234654DA9A296436}
# https://docs.docker.com/engine/install/ubuntu/ and .../debian/: one key
docker_key=9DC858229FC7DD38854AE2D88D81803C0EBFCD88
# https://github.com/cri-o/packaging and https://github.com/cri-o/cri-o/issues/9298 (isv:cri-o OBS Project)
crio_key=85B67D5C50100B1AC8CEFE49CBA9C85640A2B579

keys=${root?}/etc/apt/keyrings
crio_packages=https://download.opensuse.org/repositories/isv:/cri-o:/stable:/v$PI_IMAGE_KUBERNETES_MINOR/deb

# In a folder of its own: nothing of the node's own keys and settings counts, and nothing is kept.
gpg_alone() { # ARGUMENTS...
  install -d -m 0700 "${scratch?}/gpg"
  gpg --homedir "$scratch/gpg" --batch --quiet --no-autostart "$@" 2>/dev/null
}

# Fingerprints of the primary keys in what gpg lists, public and secret.
prints_in() {
  awk -F : '$1 == "pub" || $1 == "sec" { next_is = 1 } $1 == "fpr" && next_is { print $10; next_is = 0 }' <<<"$1"
}

# Writes a file's key anew, when it is the wanted one and alone; else says what the file is instead, after "it". apt trusts
# every key in its file and reads it with another parser, so it gets nothing that was not judged here.
judge_key() { # FILE FINGERPRINT NEW
  local listed prints
  listed=$(gpg_alone --with-colons --show-keys "$1") || true
  prints=$(prints_in "$listed")
  if [[ -z $prints ]]; then
    echo "cannot be read as an OpenPGP key"
  elif grep -qE '^(sec|ssb):' <<<"$listed"; then
    echo "holds a secret key"
  elif [[ $prints == *$'\n'* ]]; then
    echo "holds more than one key"
  elif [[ $prints != "$2" ]]; then
    echo "has the fingerprint $prints, not $2"
  elif [[ $listed == pub:r:* || $listed == *$'\n'pub:r:* ]]; then
    echo "is revoked"
  elif [[ $listed == pub:e:* || $listed == *$'\n'pub:e:* ]]; then
    echo "has expired"
  elif ! gpg_alone --armor --import-options import-export,import-minimal --import "$1" >"$3" ||
    [[ $(prints_in "$(gpg_alone --with-colons --show-keys "$3")") != "$2" ]]; then
    echo "has no valid signature of its own"
  else
    return 0
  fi
  return 1
}

fetch_key() { # NAME URL FINGERPRINT
  local served=${scratch?}/$1.key new=$keys/$1.new why
  mkdir -p "$keys"
  logged 120 curl --fail --silent --show-error --location --retry 2 --max-filesize 262144 --output "$served" "$2" ||
    fails "The key of the $1 packages cannot be fetched from $2: $(cause)."
  demand_packages gpg=gpg
  if ! why=$(judge_key "$served" "$3" "$new"); then
    rm -f "$served" "$new"
    fails "The key at $2 cannot be used for the $1 packages: it $why."
  fi
  rm -f "$served"
  chmod 0644 "$new"
  mv -f "$new" "$keys/$1.asc"
}

add_source() { # NAME LINES
  printf '%s\nSigned-By: /etc/apt/keyrings/%s.asc\n' "$2" "$1" >"$root/etc/apt/sources.list.d/$1.sources"
}

# One that came with the card or the base image is judged as well.
ensure_key() { # NAME URL FINGERPRINT
  if [[ -s $keys/$1.asc ]]; then
    demand_packages gpg=gpg
    ! judge_key "$keys/$1.asc" "$3" "${scratch?}/$1.asc" >/dev/null || return 0
  fi
  fetch_key "$@"
}

# The source of Kubernetes itself comes with the seed.
add_runtime_repository() {
  local docker
  ensure_key kubernetes "${PI_IMAGE_KUBERNETES_PACKAGES}Release.key" "$kubernetes_key"
  case $PI_IMAGE_RUNTIME in
    containerd-docker)
      docker=https://download.docker.com/linux/$(sed -n 's/^ID=//p' "$root/etc/os-release")
      ensure_key docker "$docker/gpg" "$docker_key"
      add_source docker "Types: deb
URIs: $docker
Suites: $(sed -n 's/^VERSION_CODENAME=//p' "$root/etc/os-release")
Components: stable"
      ;;
    cri-o)
      ensure_key cri-o "$crio_packages/Release.key" "$crio_key"
      add_source cri-o "Types: deb
URIs: $crio_packages
Suites: /"
      ;;
  esac
}

renew_keys() {
  doing "Fetching the keys of the package repositories anew; one on this card has expired."
  fetch_key kubernetes "${PI_IMAGE_KUBERNETES_PACKAGES}Release.key" "$kubernetes_key"
  [[ $PI_IMAGE_RUNTIME != cri-o ]] || fetch_key cri-o "$crio_packages/Release.key" "$crio_key"
}

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

# apt trusts every key in the file, so the file may hold no other.
fetch_key() { # NAME URL FINGERPRINT
  local new=$keys/$1.new prints
  mkdir -p "$keys"
  logged 120 curl --fail --silent --show-error --location --retry 2 --output "$new" "$2" ||
    fails "The key of the $1 packages cannot be fetched from $2: $(cause)."
  command -v gpg >/dev/null || apt_get 900 install gpg || fails "gpg is needed to check the key of the $1 packages: $(cause)."
  prints=$(gpg --batch --with-colons --show-keys "$new" 2>/dev/null |
    awk -F : '$1 == "pub" { next_is = 1 } $1 == "fpr" && next_is { print $10; next_is = 0 }') || true
  if [[ $prints != "$3" ]]; then
    rm -f "$new"
    fails "The key at $2 is not the key of the $1 packages; its fingerprint is ${prints:-unreadable}, not $3."
  fi
  chmod 0644 "$new"
  mv -f "$new" "$keys/$1.asc"
}

add_source() { # NAME LINES
  printf '%s\nSigned-By: /etc/apt/keyrings/%s.asc\n' "$2" "$1" >"$root/etc/apt/sources.list.d/$1.sources"
}

ensure_key() { # NAME URL FINGERPRINT
  [[ -s $keys/$1.asc ]] || fetch_key "$@"
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

# shellcheck shell=bash
# How packages are installed while other programs want the same lock, mirrors do not answer, and the power goes.

# Options by which apt knows the packages of the card's bundle, and no other archive; bundle.sh sets them.
bundled=()

# Locks are waited for; files that the seed wrote before their package came are kept (/etc/default/kubelet would stop
# a noninteractive install otherwise).
apt_get() { # SECONDS ARGUMENTS...
  logged "$1" apt-get --quiet --yes \
    -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 -o Acquire::http::Timeout=60 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "${bundled[@]}" "${@:2}"
}

# After a power cut in the middle of an installation nothing else can be installed before this.
finish_installation() {
  logged 1800 dpkg --force-confdef --force-confold --configure -a || fails "dpkg cannot finish an installation: $(cause)."
}

# A card with a bundle has its packages from nowhere else.
update_lists() {
  if [[ ${PI_IMAGE_BUNDLE:-} ]]; then
    open_packages
  fi
  apt_get 900 update
}

apt_install() { # [OPTION...] PACKAGE[=VERSION]...
  if [[ ${PI_IMAGE_BUNDLE:-} ]]; then
    lay_debs --no-install-recommends "$@" || return
  fi
  apt_get 3600 install --no-install-recommends "$@"
}

# Installs those of the distribution's packages whose command is missing; what the base has is left as it is.
demand_packages() { # PACKAGE=COMMAND...
  local pair packages=()
  for pair in "$@"; do
    command -v "${pair#*=}" >/dev/null || packages+=("${pair%%=*}")
  done
  ((${#packages[@]} > 0)) || return 0
  doing "Installing ${packages[*]}."
  finish_installation
  update_lists || true
  apt_install "${packages[@]}" || fails "Packages are not installed yet (${packages[*]}): $(cause)."
}

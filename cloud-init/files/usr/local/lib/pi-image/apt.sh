# shellcheck shell=bash
# How packages are installed while other programs want the same lock, mirrors do not answer, and the power goes.

# Locks are waited for; files that the seed wrote before their package came are kept (/etc/default/kubelet would stop
# a noninteractive install otherwise).
apt_get() { # SECONDS ARGUMENTS...
  logged "$1" apt-get --quiet --yes \
    -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 -o Acquire::http::Timeout=60 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "${@:2}"
}

# After a power cut in the middle of an installation nothing else can be installed before this.
finish_installation() {
  logged 1800 dpkg --force-confdef --force-confold --configure -a || fails "dpkg cannot finish an installation: $(cause)."
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
  apt_get 900 update || true
  apt_get 3600 install --no-install-recommends "${packages[@]}" ||
    fails "Packages are not installed yet (${packages[*]}): $(cause)."
}

# shellcheck shell=bash
# Whether a node wants a restart, read from its files; the laptop asks nodes of an earlier pi-image with the same lines.

# Ubuntu 25.10 and newer start a new kernel once on trial: the next restart begins with the old one and goes on by itself
# (docs/boards/explanations/piboot-ab.rst of Ubuntu's hardware documentation). The state of the trial: `unknown`, `trying`, `bad`, or
# nothing, which is also what is left of one that succeeded.
trial() {
  local state
  state=$(cat "${root?}/boot/firmware/new/state" 2>/dev/null) || true
  echo "${state%%[^a-z]*}"
}

# The newest installed kernel of the kind that runs; nothing where there is none. Raspberry Pi OS has one for each board (-v8,
# -2712), and what a removed package leaves behind is no kernel.
newest_kernel() { # RUNNING
  local folder release
  for folder in "$root"/lib/modules/*/; do
    folder=${folder%/}
    release=${folder##*/}
    if [[ ${release##*-} == "${1##*-}" && -e $folder/modules.dep ]] && [[ ! -d $root/var/lib/dpkg || -e $root/boot/vmlinuz-$release ]]; then
      echo "$release"
    fi
  done | sort --version-sort | tail -n 1
}

# For the end of a sentence; nothing where no restart is wanted.
restart_reason() {
  local running newest packages=$root/run/reboot-required.pkgs
  running=$(<"$root/proc/sys/kernel/osrelease")
  newest=$(newest_kernel "$running")
  if [[ $newest && $newest != "$running" && $(trial) != bad ]]; then
    echo "the kernel $newest ($running runs)"
  elif [[ -s $packages ]]; then
    sort -u "$packages" | awk '{ if (NR <= 3) all = all (NR > 1 ? ", " : "") $0 } END { print all (NR > 3 ? " and " NR - 3 " more" : "") }'
  elif [[ -e $root/run/reboot-required ]]; then
    echo "updates"
  elif [[ $(trial) == unknown ]]; then
    echo "new boot files"
  fi
}

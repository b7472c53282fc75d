# shellcheck shell=sh
# Sourced by every fake tool: writes the call down and does what the test planned for it.
#
# A plan is a file $world/plans/<name> with one action a line, taken one per call: fail, hang, cut (the power goes before
# the tool works), cut-after, kill-parent, ok. "fail" prints $world/says/<name> when that exists. "always" repeats the line
# before it.
# shellcheck disable=SC2034 # the tools use it
root=${PI_IMAGE_ROOT:?}
world=$root/world
echo "${0##*/} $*" >>"$world/calls"

# Everything that the runner started dies, as systemd would have it and as a power cut does.
cut_power() {
  kill -KILL "-$(cut -d ' ' -f 5 "/proc/$$/stat")"
}

plan() { # NAME
  plan=$world/plans/$1
  [ -s "$plan" ] || return 0
  action=$(head -n 1 "$plan")
  [ "$(sed -n 2p "$plan")" = always ] || sed -i 1d "$plan"
  case $action in
    fail)
      cat "$world/says/$1" 2>/dev/null
      exit 1
      ;;
    hang)
      # Its time limit is over at once.
      kill -ALRM "$PPID"
      exec /bin/sleep 600
      ;;
    cut) cut_power ;;
    kill-parent) kill -KILL "$PPID" ;;
    cut-after) trap cut_power EXIT ;;
  esac
}

refuse() { # MESSAGE: what the real tool refuses too
  echo "$1"
  exit 1
}

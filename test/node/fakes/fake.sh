# shellcheck shell=sh
# Sourced by every fake tool: writes the call down and does what the test planned for it. A node makes hundreds of calls,
# and processes cost more than all else: the shell does whatever it can do by itself.
#
# A plan is a file $world/plans/<name> with one action a line, taken one per call: fail, hang, cut (the power goes before
# the tool works), cut-after, kill-parent, run, ok. "fail" prints $world/says/<name> when that exists. "run" runs it in the node's folder.
# "always" repeats the line
# before it.
# shellcheck disable=SC2034 # the tools use it
root=${PI_IMAGE_ROOT:?}
world=$root/world
echo "${0##*/} $*" >>"$world/calls"

# Everything that the runner started dies, as systemd would have it and as a power cut does.
cut_power() {
  read -r stat <"/proc/$$/stat"
  # shellcheck disable=SC2086 # of words: state, parent, group
  set -- ${stat##*) }
  kill -KILL "-$3"
}

# Prints a small file.
tell() { # FILE
  while IFS= read -r told; do printf '%s\n' "$told"; done <"$1"
}

plan() { # NAME
  plan=$world/plans/$1
  [ -s "$plan" ] || return 0
  rest=
  {
    read -r action
    while read -r next; do rest="$rest$next
"; done
  } <"$plan"
  case $rest in always*) ;; *) printf %s "$rest" >"$plan" ;; esac
  case $action in
    fail)
      cat "$world/says/$1" 2>/dev/null
      exit 1
      ;;
    hang)
      # Its time limit is over as soon as timeout waits for it: before that, it would end by itself and leave this here.
      until
        read -r stat <"/proc/$PPID/stat"
        # shellcheck disable=SC2086 # of words: state, parent
        set -- ${stat##*) }
        [ "$1" = S ]
      do :; done
      kill -ALRM "$PPID"
      exec /bin/sleep 600
      ;;
    run)
      # The world changes meanwhile.
      # shellcheck source=/dev/null
      (cd "$root" && . "$world/says/$1")
      ;;
    cut) cut_power ;;
    kill-parent) kill -KILL "$PPID" ;;
    # By number: not every small shell knows the name.
    cut-after) trap cut_power 0 ;;
  esac
}

refuse() { # MESSAGE: what the real tool refuses too
  echo "$1"
  exit 1
}

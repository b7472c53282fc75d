# shellcheck shell=bash
# What the runner and its phases share: where things lie, and how a phase says what it does or waits for.
set -Eeuo pipefail

root=${PI_IMAGE_ROOT:-}
config=$root/etc/pi-image
state=$root/var/lib/pi-image
scratch=$root/run/pi-image
# The status of a node that is not done, in memory; status.json leads to it. Whoever may log in may read it.
passing=$root/run/pi-image-status.json
here=${BASH_SOURCE[0]%/*}
export LC_ALL=C.UTF-8 HOME=/root DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1

# shellcheck source=/dev/null
. "$config/node.env"
# Of a card that carries a bundle.
if [[ -e $config/bundle.env ]]; then
  # shellcheck source=/dev/null
  . "$config/bundle.env"
fi
# A role image is not a node: whoever flashed it has given the machine its name and its network.
: "${PI_IMAGE_NODE:=$(cat "$root/etc/hostname")}"
: "${PI_IMAGE_UPLINK:=$(ip -4 route show default | awk '{ for (i = 1; i < NF; i++) if ($i == "dev") { print $(i + 1); exit } }')}"
: "${PI_IMAGE_UPLINK:=eth0}"
# Of the cluster's ranges, the main one first.
: "${PI_IMAGE_FAMILIES:=4}"
# shellcheck source-path=SCRIPTDIR source=cause.sh
. "$here/cause.sh"
if [[ -e $here/bundle.sh ]]; then
  # shellcheck source-path=SCRIPTDIR source=bundle.sh
  . "$here/bundle.sh"
fi

# The interface of the board's own Ethernet; fails where there is none. On Arch Linux ARM systemd names it by the device tree
# (end0), or by the port on a Pi 3, unless it could be renamed as the first boot asked.
board_ethernet() {
  local link
  for link in "$root"/sys/class/net/*; do
    case $(readlink "$link/device/driver") in
      */bcmgenet | */macb | */lan78xx | */smsc95xx)
        echo "${link##*/}"
        return
        ;;
    esac
  done
  for link in eth0 end0; do
    if [[ -e $root/sys/class/net/$link ]]; then
      echo "$link"
      return
    fi
  done
  return 1
}
if [[ $PI_IMAGE_UPLINK == eth0 && ! -e $root/sys/class/net/eth0 ]]; then
  PI_IMAGE_UPLINK=$(board_ethernet || echo eth0)
fi
umask 022
[[ -d $state/stamps ]] || mkdir -p "$state/stamps"
[[ -d $scratch ]] || install -d -m 0700 "$scratch"

# Exit codes of a phase: it waits for something outside this node; it tried and failed. Any other is a surprise.
readonly WAITS=75 FAILED=76

json_field() { # NAME TEXT
  local text=${2//\\/\\\\}
  text=${text//\"/\\\"}
  printf ',"%s":"%s"' "$1" "${text//[[:cntrl:]]/ }"
}

# Sets `now`.
tell_time() { TZ=UTC printf -v now '%(%Y-%m-%dT%H:%M:%SZ)T' -1; }

# Seconds since the first call with this name on this boot, by the time since power-on: the wall clock jumps when the time
# arrives.
waited() { # NAME
  local since=$scratch/since-$1 up
  read -r up _ <"$root/proc/uptime"
  up=${up%%.*}
  [[ -e $since ]] || echo "$up" >"$since"
  echo $((up - $(<"$since")))
}

kubernetes_version() { # vX.Y.Z; nothing on a node outside the cluster
  [[ $PI_IMAGE_KUBEADM != beside ]] || return 0
  kubeadm version -o short 2>/dev/null || echo "v$PI_IMAGE_KUBERNETES_PATCH"
}

# For the status, which is written at every step: asked once in a start and after an installation.
known_version() { # sets `version`
  local known=$scratch/kubernetes
  version=
  if [[ -s $known ]]; then
    read -r version <"$known"
  elif hash kubeadm 2>/dev/null; then
    version=$(kubernetes_version)
    [[ -z $version ]] || echo "$version" >"$known"
  elif [[ $PI_IMAGE_KUBEADM != beside ]]; then
    version=v$PI_IMAGE_KUBERNETES_PATCH
  fi
}

# kubectl as this node itself, and as the cluster's administrator on the first control plane, which asks itself: a virtual
# address may be away.
as_node() { kubectl --kubeconfig "$root/etc/kubernetes/kubelet.conf" --request-timeout=15s "$@"; }
as_admin() { kubectl --kubeconfig "$root/etc/kubernetes/admin.conf" --server "https://127.0.0.1:$PI_IMAGE_API_PORT" --request-timeout=60s "$@"; }

# The old file until the new one is whole and on the disk. The kubelet starts whatever lies in its folder, half a file
# too, but for names with a dot in front.
edit() { # EXPRESSION FILE...
  local file new
  for file in "${@:2}"; do
    new=${file%/*}/.${file##*/}.pi-image
    if ! { cp --preserve=mode,ownership "$file" "$new" && sed -E "$1" "$file" >"$new" && sync "$new" && mv -f "$new" "$file"; }; then
      rm -f "$new"
      return 1
    fi
  done
}

# Whether the server that kubectl asked last has refused it, which is an answer, too: TLS has proven the server by then.
was_refused() { grep -qE 'Unauthorized|must be logged in|Forbidden' "${1:-$scratch/log}"; } # [FILE]

# The global address of the uplink that is its own: the fixed one, or the first. kube-vip's virtual address comes first after
# the link was lost (https://github.com/kube-vip/kube-vip/issues/682). Of IPv6 addresses, one of the own network (fd00::/8) comes
# before one of the provider's, which may change, and one that is temporary or not (or no longer) to be used never counts.
address_of() { # 4|6
  local address flags found=
  while read -r _ _ _ address flags; do
    address=${address%%/*}
    flags=" ${flags%%\\*} "
    [[ $flags != *' tentative '* && $flags != *' dadfailed '* ]] || continue
    if [[ ,$PI_IMAGE_ADDRESS, == *,"$address",* ]]; then
      echo "$address"
      return
    fi
    [[ ${PI_IMAGE_ENDPOINT_VIRTUAL:-} != yes || $address != "$PI_IMAGE_ENDPOINT_ADDRESS" ]] || continue
    [[ $flags != *' temporary '* && $flags != *' deprecated '* ]] || continue
    [[ $found && ($found == f[cd]* || $address != f[cd]*) ]] || found=$address
  done < <(ip "-$1" -o addr show dev "$PI_IMAGE_UPLINK" scope global 2>/dev/null)
  echo "$found"
}

# The address of the cluster's main family.
uplink_address() { address_of "${PI_IMAGE_FAMILIES%% *}"; }

# One of each family of the cluster, with a comma between them as the kubelet takes them; nothing while one is missing.
uplink_addresses() {
  local family address all=
  for family in $PI_IMAGE_FAMILIES; do
    address=$(address_of "$family")
    [[ $address ]] || return 0
    all+=,$address
  done
  echo "${all#,}"
}

# For YAML, where a colon may end a key; and for URLs.
quoted() { if [[ $1 == *:* ]]; then echo "\"$1\""; else echo "$1"; fi; }
bracketed() { if [[ $1 == *:* ]]; then echo "[$1]"; else echo "$1"; fi; }

# One line to the journal and to every console, HDMI and serial. What was shown last is kept for `problem`.
announce() {
  printf '%s\n' "$1" 2>/dev/null >"$scratch/shown" || true
  local line="[pi-image] $PI_IMAGE_NODE ${PI_IMAGE_PHASE:-node}: $1" active=$root/sys/class/tty/console/active console shown=
  printf '%s\n' "$line"
  [[ -r $active ]] || active=/dev/null
  for console in $(<"$active") console; do
    [[ -e $root/dev/$console && ($console != console || -z $shown) ]] || continue
    # Ctrl-S on a console blocks whoever writes to it; a node must not stop for that.
    timeout 2 tee --append "$root/dev/$console" <<<$'\r'"$line" >/dev/null 2>&1 || true
    shown=yes
  done
}

# Keeps what is worth knowing of this node as long as it lives; the laptop shows it.
note() { # NAME TEXT
  mkdir -p "$state/notes"
  printf '%s\n' "$2" >"$state/notes/$1"
}

# The same on a node that may be done already: told once on this boot, and seen from the laptop at once.
remark() { # NAME TEXT
  local said=$scratch/remark-$1
  [[ -e $said && $(<"$said") == "$2" ]] || announce "$2"
  { printf '%s\n' "$2" >"$said" && note "$1" "$2" && refresh_notes; } 2>/dev/null || true
}

forget_note() { # NAME
  [[ -e $state/notes/$1 ]] || return 0
  rm -f "$state/notes/$1" "$scratch/remark-$1"
  refresh_notes
}

# The snapshot and the notes come last in the status; quotes inside its texts are escaped, so that this ends nowhere else.
refresh_notes() {
  local file=$state/status.json
  [[ -s $file ]] || return 0
  [[ ! -L $file ]] || file=$passing
  { sed -E 's/(,"snapshot":"[^"]*")?(,"notes":.*)?\}$//' "$file" | tr -d '\n' && json_snapshot && json_notes && printf '}\n'; } >"$file.new" && mv -f "$file.new" "$file"
}

# When the newest snapshot of etcd was made, on control planes.
json_snapshot() {
  local time
  { read -r _ time <"$state/snapshot"; } 2>/dev/null || return 0
  json_field snapshot "$time"
}

json_notes() {
  local file fields=
  for file in "$state"/notes/*; do
    [[ ! -e $file ]] || fields+=$(json_field "${file##*/}" "$(<"$file")")
  done
  [[ -z $fields ]] || printf ',"notes":{%s}' "${fields#,}"
}

# A node that waits for another tells so every few seconds, for days; that is not worth a write to its card. The last status is.
write_status() { # STATE MESSAGE SINCE
  local file=$passing version
  if [[ $1 == "done" ]]; then
    file=$state/status.json
  elif [[ ! -L $state/status.json ]]; then
    # A full disk must not stop a node that only wants to say that the disk is full.
    { ln -sfT "$passing" "$state/status.json.new" 2>/dev/null && mv -f "$state/status.json.new" "$state/status.json"; } || true
  fi
  if {
    printf '{"schemaVersion":1'
    json_field node "$PI_IMAGE_NODE"
    json_field role "${PI_IMAGE_ROLE?}"
    json_field cluster "$PI_IMAGE_CLUSTER"
    json_field phase "$PI_IMAGE_PHASE"
    json_field state "$1"
    json_field message "$2"
    printf ',"attempt":%d' "${PI_IMAGE_ATTEMPT:-1}"
    json_field since "$3"
    known_version
    json_field kubernetes "$version"
    json_field joinEnds "$PI_IMAGE_JOIN_ENDS"
    json_snapshot
    json_notes
    printf '}\n'
  } 2>/dev/null >"$file.new"; then
    mv -f "$file.new" "$file"
  fi
}

# What the phase does now. A retry that takes the same steps again does not repeat them on the console.
doing() {
  local said=$scratch/steps-$PI_IMAGE_PHASE now
  tell_time
  write_status running "$1" "$now"
  if [[ ! -e $said || $'\n'$(<"$said")$'\n' != *$'\n'"$1"$'\n'* ]]; then
    printf '%s\n' "$1" >>"$said"
    announce "$1"
  fi
}

# cloud-init's last stage reads in one process what an earlier one has cached; it writes this file at its end. Waiting for
# `cloud-init status` would be a deadlock only if cloud-init waited for this unit, but a crash must not hold it up either.
cloud_init_is_over() {
  local file
  for file in run/cloud-init/result.json run/cloud-init/disabled etc/cloud/cloud-init.disabled; do
    [[ ! -e $root/$file ]] || return 0
  done
  ! command -v cloud-init >/dev/null || (($(waited cloud-init) > 600))
}

# What keeps the phase from going on: told once, and again where a step has been told since, so that the last line on the console is
# how things are; kept in the status with the time it began.
problem() { # STATE MESSAGE
  local said=$scratch/problem-$PI_IMAGE_PHASE last since now
  tell_time
  [[ ! -e $said ]] || { read -r last && read -r since; } <"$said" || true
  if [[ ${last-} != "$1 $2" ]]; then
    since=$now
    printf '%s\n%s\n' "$1 $2" "$since" >"$said"
  fi
  if [[ ${last-} != "$1 $2" || $(cat "$scratch/shown" 2>/dev/null) != "$2" ]]; then
    announce "$2"
  fi
  write_status "$1" "$2" "$since"
}

waits() {
  problem waiting "$1"
  exit "$WAITS"
}

fails() {
  problem failed-retrying "$1"
  exit "$FAILED"
}

surprised() { # COMMAND CODE
  [[ $BASH_SUBSHELL -gt 0 ]] || fails "The step \"${1%%$'\n'*}\" ended with code $2; journalctl -u pi-image-node has its output."
}
trap 'surprised "$BASH_COMMAND" $?' ERR

# Runs a command for at most so many seconds; its output is in $scratch/log, where cause() reads it, and in the journal.
logged() { # SECONDS COMMAND...
  local limit=$1 code=0
  shift
  timeout --kill-after=30 "$limit" "$@" </dev/null >"$scratch/log" 2>&1 || code=$?
  note_stop "$code" "$limit" "$1"
  [[ ! -s $scratch/log ]] || cat "$scratch/log"
  return "$code"
}

note_stop() { # CODE SECONDS COMMAND
  if (($1 == 124 || $1 == 137)); then
    echo "$3 did not end within $2 seconds and was stopped" >>"$scratch/log"
  fi
}

# The same for what takes minutes: the journal has its output while it runs, and the console a sign of life.
followed() { # SECONDS COMMAND...
  local limit=$1 code=0
  shift
  timeout --kill-after=30 "$limit" "$@" </dev/null 2>&1 | tell_progress || code=${PIPESTATUS[0]}
  note_stop "$code" "$limit" "$1"
  return "$code"
}

# Says how long it has taken at each whole minute in which nothing was said, and what was said last.
tell_progress() {
  local line part='' last='' begin=$SECONDS
  : >"$scratch/log"
  while true; do
    if IFS= read -r -t "${beat:-60}" line; then
      last=$part$line part=
      printf '%s\n' "$last" >>"$scratch/log"
      printf '%s\n' "$last"
    elif (($? > 128)); then
      part+=$line
      announce "This has taken $(((SECONDS - begin) / 60)) min so far${last:+: $(one_line <<<"$last")}."
    else
      last=$part$line
      [[ -z $last ]] || printf '%s\n' "$last" >>"$scratch/log"
      [[ -z $last ]] || printf '%s\n' "$last"
      return 0
    fi
  done
}

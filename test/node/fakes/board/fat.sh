# shellcheck shell=dash
# The kernel that runs the tests may know no FAT: a folder stands for the mounted file system, and mtools move its files.
# $BOARD/flushed-<device> has type, inode, size, time and path of everything that the device holds, and $BOARD/fats the
# devices and their folders.
export MTOOLS_SKIP_CHECK=1

entries() { # FOLDER
  find "$1" -mindepth 1 -printf '%y\t%i\t%s\t%T@\t%P\n'
}

# What has to be done to the device, a line each: all steps, or the first half of them.
steps_of() { # BEFORE NOW half|whole
  awk -F '\t' -v what="$3" '
    function insert(list, count, path,  n) {
      for (n = count; n > 1 && list[n - 1] "" > path ""; n--) list[n] = list[n - 1]
      list[n] = path
    }
    function step(line) { steps[++all] = line }
    { state = $1 == "d" ? "d" : $2 " " $3 " " $4 }
    !now { was[$5] = state; insert(before, ++many, $5); if ($1 == "f") name[state] = $5; next }
    { is[$5] = state; insert(order, ++count, $5) }
    END {
      for (n = 1; n <= count; n++) if (is[order[n]] == "d" && !(order[n] in was)) step("mkdir\t" order[n])
      for (n = 1; n <= count; n++) {
        p = order[n]
        if (is[p] == "d" || was[p] == is[p]) continue
        if (is[p] in name && !(name[is[p]] in is)) { step("rename\t" p "\t" name[is[p]]); gone[name[is[p]]] = 1 }
        else step("write\t" p)
      }
      # A folder goes after what is in it.
      for (n = many; n >= 1; n--) {
        p = before[n]
        if (!(p in is) && !(p in gone)) step((was[p] == "d" ? "rmdir" : "remove") "\t" p)
      }
      for (n = 1; n <= (what == "half" ? int(all / 2) : all); n++) print steps[n]
    }' "$1" now=1 "$2"
}

# Writes what has changed in the folder back to the device, one entry after the other, as the kernel does: what has not
# changed stays as it is, a name is never without its old or its new file, and room is given back last.
flush_fat() { # DEVICE FOLDER half|whole
  local device=$1 folder=$2 known=$BOARD/flushed-${1##*/} now was='' line step path old
  now=$(entries "$folder")
  while IFS= read -r line; do
    was="$was${was:+
}$line"
  done <"$known"
  [ "$now" != "$was" ] || return 0
  printf '%s\n' "$now" >"$known.now"
  steps_of "$known" "$known.now" "$3" >"$known.steps" || return
  while IFS='	' read -r step path old; do
    case $step in
      mkdir) mmd -i "$device" "::/$path" ;;
      rename)
        # One change of the folder's entries; mren would make the name one in capitals.
        mcopy -p -m -Q -o -i "$device" "$folder/$path" "::/$path" && mdel -i "$device" "::/$old"
        ;;
      write) mcopy -p -m -Q -o -i "$device" "$folder/$path" "::/$path" ;;
      remove) mdel -i "$device" "::/$path" ;;
      rmdir) mrd -i "$device" "::/$path" ;;
    esac </dev/null 2>"$known.log" || {
      cat "$known.log" >&2
      return 1
    }
  done <"$known.steps"
  [ ! -s "$known.steps" ] || blockdev --flushbufs "$device"
  [ "$3" = half ] || printf '%s\n' "$now" >"$known"
}

mount_fat() { # DEVICE FOLDER
  local device
  read -r device <"$BOARD/loops/${1##*/}"
  mdir -i "$device" ::/ >/dev/null 2>&1 || return 32
  mount -t tmpfs none "$2" || return
  mcopy -s -p -m -Q -n -i "$device" '::/*' "$2/" 2>/dev/null || true
  echo "$device $2" >>"$BOARD/fats"
  entries "$2" >"$BOARD/flushed-${device##*/}"
}

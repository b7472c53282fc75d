# shellcheck shell=bash
# Addresses of both families as digits, and the networks that they lie in.

# An IPv6 address as 32 hexadecimal digits, as it lies in a certificate; an IPv4 address as 8.
address_digits() { # ADDRESS
  local part parts=() rest=() group digits=''
  if [[ $1 =~ ^([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)$ ]]; then
    printf '%02x%02x%02x%02x' "${BASH_REMATCH[@]:1}"
    return
  fi
  [[ $1 == *:* && $1 =~ ^[0-9a-fA-F:]+$ ]] || return
  IFS=: read -ra parts <<<"${1%%::*}"
  [[ $1 != *::* ]] || IFS=: read -ra rest <<<"${1#*::}"
  while ((${#parts[@]} + ${#rest[@]} < 8)); do
    parts+=(0)
  done
  for part in "${parts[@]}" "${rest[@]}"; do
    printf -v group '%04x' "0x$part"
    digits+=$group
  done
  printf '%s' "$digits"
}

# Whether two addresses begin with the same bits.
begin_alike() { # DIGITS DIGITS BITS
  local whole=$(($3 / 4)) mask=$((0xf << (4 - $3 % 4) & 0xf))
  [[ ${#1} == "${#2}" && ${1:0:whole} == "${2:0:whole}" ]] || return
  (($3 % 4 == 0 || (16#${1:whole:1} & mask) == (16#${2:whole:1} & mask)))
}

# Whether an address lies in one of some networks.
is_within() { # DIGITS NETWORKS, with commas between
  local network networks digits
  IFS=, read -ra networks <<<"$2"
  for network in "${networks[@]}"; do
    digits=$(address_digits "${network%/*}") || continue
    ! begin_alike "$1" "$digits" "${network#*/}" || return 0
  done
  return 1
}

# Whether two networks share addresses: they begin alike.
overlap() { # NETWORK NETWORK
  local one other length=${1#*/}
  [[ $1 == */* && $2 == */* ]] && one=$(address_digits "${1%/*}") && other=$(address_digits "${2%/*}") || return
  ((length < ${2#*/})) || length=${2#*/}
  begin_alike "$one" "$other" "$length"
}

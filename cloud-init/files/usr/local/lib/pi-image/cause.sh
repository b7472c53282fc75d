# shellcheck shell=bash
# Turns the output of the last logged command into one clause that says why it failed.

# The first of these that occurs wins: what lies at the bottom of the others comes first.
cause() {
  local log=${scratch:?}/log found
  has() { found=$(grep -m 1 -oiE -- "$1" "$log"); }
  if has 'no space left on device|(not|have) enough free space'; then
    echo "the root partition is full; free space on it or use a larger card"
  elif has 'could not get lock|locked by another process|is another process using it'; then
    echo "another program holds the lock of the package database"
  elif has "(could not resolve|temporary failure resolving) (host: )?'?[a-z0-9.-]+" ||
    has 'lookup [a-z0-9.-]+.*(no such host|server misbehaving|i/o timeout)'; then
    echo "the name $(looked_up "$found") does not resolve; check the DNS server of the network"
  elif has 'current time [^ ]+ is after [^ ]+'; then
    echo "the clock of this node stands at $(date --utc +%F), by which a certificate has ended ($(one_line <<<"$found"))"
  elif has 'not valid yet|not yet valid'; then
    echo "the clock of this node stands at $(date --utc +%F), which is behind; no time server has answered yet"
  elif has '(EXPKEYSIG|NO_PUBKEY|BADSIG|Missing key [0-9A-F]+|Signing key on [0-9A-F]+ is).*'; then
    echo "a package repository is signed with a key that this node does not accept ($(one_line <<<"$found"))"
  elif has 'a Node with name .* and status .?"?Ready'; then
    # kubeadm advises to delete the Node; the cluster notices by itself that its machine is gone.
    echo "the cluster still takes the earlier card of this node for alive, which ends within a minute"
  elif has 'etcdserver: unhealthy cluster'; then
    echo "etcd takes no new member while one of its members does not answer; switch all control planes on"
  elif has 'etcdserver: too many learner members'; then
    echo "another control plane joins at the moment"
  elif has '\[ERROR [A-Za-z0-9-]+\]: .*'; then
    sed -n 's/.*\[ERROR \([A-Za-z0-9-]*\)\]: /\1: /p' "$log" | one_line
  elif has 'failed to fetch .*' || has '^(E|error|fatal)[: ].*'; then
    one_line <<<"$found"
  elif grep -q '[^[:space:]]' "$log"; then
    grep '[^[:space:]]' "$log" | tail -n 1 | one_line
  else
    echo "it said nothing"
  fi
}

# The host name in a message about a lookup.
looked_up() {
  grep -oiE "(resolve|resolving|lookup) (host: )?'?[a-z0-9.-]+" <<<"$1" | tail -n 1 | sed "s/.*[ ']//"
}

# Joins lines to one that is short enough for a console; a longer one ends with a sentence, or else with a word.
one_line() {
  local text
  text=$(tr -s '[:space:]' ' ' | sed 's/^ //; s/[. ]*$//')
  if ((${#text} > 300)); then
    text=${text:0:300}
    if [[ $text == *[.\;]\ * ]]; then
      text=${text%[.;] *}
    else
      text="${text:0:296}"
      text="${text% *} ..."
    fi
  fi
  printf '%s\n' "$text"
}

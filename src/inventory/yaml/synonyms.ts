// Names that other tools have for our keys.

/** The name in other tools -> our name. */
export const SYNONYMS: Readonly<Record<string, string>> = {
  cidr: "podSubnet",
  dns: "nameservers",
  host: "name",
  hostname: "name",
  ip: "address",
  pass: "password",
  passphrase: "password",
  psk: "password",
  ssh_authorized_keys: "sshKeys",
  ssh_keys: "sshKeys",
  type: "role",
  tz: "timezone",
  version: "kubernetes",
};

// Names that other tools have for our keys.

/** What people coming from other tools write -> what it is called here. */
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

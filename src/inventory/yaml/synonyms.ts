// Names that other tools have for our keys, and other spellings of ours.

/** The key's letters and digits in lower case, however its words are joined. */
export const bareKey = (key: string): string =>
  key
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, "");

/** The name in other tools, as `bareKey` makes it -> our name. */
export const SYNONYMS: ReadonlyMap<string, string> = new Map([
  ["cidr", "podSubnet"],
  ["dns", "nameservers"],
  ["host", "name"],
  ["hostname", "name"],
  ["ip", "address"],
  ["pass", "password"],
  ["passphrase", "password"],
  ["psk", "password"],
  ["sshauthorizedkeys", "sshKeys"],
  ["type", "role"],
  ["tz", "timezone"],
  ["version", "kubernetes"],
]);

/** The one of the allowed keys that is meant by a key of another spelling or another tool. */
export const ourKey = (
  key: string,
  allowed: readonly string[],
): string | undefined => {
  const bare = bareKey(key);
  const synonym = SYNONYMS.get(bare);
  return (
    allowed.find((name) => bareKey(name) === bare) ??
    allowed.find((name) => name === synonym)
  );
};

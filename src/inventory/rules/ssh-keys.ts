// Public SSH keys as lines of authorized_keys, read closely enough to know that sshd accepts them.
// https://man.openbsd.org/sshd.8#AUTHORIZED_KEYS_FILE_FORMAT

/** OpenSSH 9.8 dropped DSA, and a certificate is not a key that a line of authorized_keys can hold. */
const TYPES: ReadonlySet<string> = new Set([
  "ssh-ed25519",
  "ssh-rsa",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "sk-ssh-ed25519@openssh.com",
  "sk-ecdsa-sha2-nistp256@openssh.com",
]);

/** Whether a text is (part of) a private key in OpenSSH, PEM or PuTTY format. */
export const looksPrivate = (text: string): boolean =>
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY|^PuTTY-User-Key-File/.test(text);

/**
 * The type that is named in the key's own bytes, if these are complete: they consist of fields, each a length (4 bytes,
 * big-endian) and that many bytes, and the first field is the type. RFC 4253, 6.6
 */
const typeInside = (base64: string): string | undefined => {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) {
    return undefined;
  }
  const bytes = Buffer.from(base64, "base64");
  const fields: Buffer[] = [];
  let offset = 0;
  while (offset + 4 <= bytes.length) {
    const end = offset + 4 + bytes.readUInt32BE(offset);
    fields.push(bytes.subarray(offset + 4, end));
    offset = end;
  }
  return offset === bytes.length && fields.length > 1
    ? fields[0]?.toString("latin1")
    : undefined;
};

// Options in front of the type hold blanks only inside quotes: from="10.0.0.0/8",no-pty ssh-ed25519 AAAA...
const WORD = /(?:"(?:\\.|[^"\\])*"|[^\s"])+/g;

/** The longest RSA key that ssh-keygen makes, 16384 bits, takes a fifth of this. */
const LINE_LIMIT = 16 * 1024;

const lineProblem = (line: string): string | undefined => {
  if (line.length > LINE_LIMIT) {
    return "it is longer than any key";
  }
  const words: readonly string[] = line.match(WORD) ?? [];
  const index = words.slice(0, 2).findIndex((word) => TYPES.has(word));
  const type = words[index];
  if (type === undefined) {
    return words.includes("ssh-dss")
      ? "OpenSSH no longer accepts DSA keys"
      : "it names no key type such as ssh-ed25519";
  }
  const inside = typeInside(words[index + 1] ?? "");
  return inside === type
    ? undefined
    : "the text after the key type is damaged or cut off";
};

/** The keys of a .pub or authorized_keys file, or why it has none; blank lines and comments are skipped. */
export const parsePublicKeys = (
  text: string,
): {
  readonly keys: readonly string[];
  readonly problem: string | undefined;
} => {
  const keys = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  return {
    keys,
    problem:
      keys.length === 0
        ? "it is empty"
        : keys.map(lineProblem).find((problem) => problem !== undefined),
  };
};

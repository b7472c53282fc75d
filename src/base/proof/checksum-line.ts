// Reads one line of a checksum list, in each form that the common tools write.

export type ListedDigest = {
  /** The names, without folders, that the line may mean, the likeliest first; [""] where it names no file. */
  readonly names: readonly string[];
  /** "SHA-256", or the usual name of another algorithm, or the line's own name for it. */
  readonly algorithm: string;
  /** The digest in lower-case hex. */
  readonly digest: string;
};

/** Paths have at most 4096 bytes; a longer line is something else, and parsing it is a waste of time. */
const MAX_LINE = 8192;

const BY_BYTES: ReadonlyMap<number, string> = new Map([
  [16, "MD5"],
  [20, "SHA-1"],
  [28, "SHA-224"],
  [32, "SHA-256"],
  [48, "SHA-384"],
  [64, "SHA-512"],
]);

const HEX = /^(?:[0-9a-f]{2})+$/i;

/** Digests in hex, or in base64 as `cksum --base64` and package managers write them. */
const decodeDigest = (text: string): Buffer | undefined => {
  if (HEX.test(text)) {
    return Buffer.from(text, "hex");
  }
  const bytes = Buffer.from(text, "base64");
  return bytes.length > 0 && bytes.toString("base64") === text
    ? bytes
    : undefined;
};

/**
 * "SHA256", "SHA2-256" and "sha-256" are the same; "SHA3-256" and "BLAKE2b-256" have digests of the same length but are not.
 */
const isSha256 = (tag: string): boolean =>
  /^sha-?(?:2-)?256$/i.test(tag.replace("_", "-"));

const digestOf = (
  tag: string,
  text: string,
): Omit<ListedDigest, "names"> | undefined => {
  const bytes = decodeDigest(text);
  if (bytes === undefined) {
    return undefined;
  }
  const byLength = BY_BYTES.get(bytes.length);
  const algorithm = tag === "" || isSha256(tag) ? byLength : tag;
  return algorithm === undefined || (isSha256(tag) && byLength !== "SHA-256")
    ? undefined
    : { algorithm, digest: bytes.toString("hex") };
};

/** GNU tools put a \ in front of a line whose name they have escaped. */
const unescape = (name: string): string =>
  name.replaceAll(/\\([\\nr])/g, (_, letter: string) =>
    letter === "n" ? "\n" : letter === "r" ? "\r" : "\\",
  );

/** The form in which names are compared, because macOS stores accents as separate characters. */
export const plainName = (name: string): string => name.normalize("NFC");

/** A publisher's path may come from Windows, but on Linux a \ may be part of a name, so both readings count. */
const baseNames = (
  names: readonly string[],
  escaped: boolean,
): readonly string[] => {
  const found = names
    .map((name) => (escaped ? unescape(name) : name))
    .flatMap((name) => [name.split(/[/\\]/), name.split("/")])
    .map((parts) => plainName(parts.at(-1) ?? ""))
    // Tools write these for their standard input, which has no name.
    .map((name) => (name === "-" || name === "stdin" ? "" : name));
  return [...new Set(found)];
};

const TAG = /^[\w/-]{0,24}$/;

/** `SHA256 (a.img) = …` of BSD, `SHA2-256(a.img)= …` of OpenSSL. */
const tagsOf = (text: string) => {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  const tag = text.slice(0, Math.max(open, 0)).trim();
  const after = text.slice(close + 1).trimStart();
  return open >= 0 && close > open && TAG.test(tag) && after.startsWith("=")
    ? { tag, name: text.slice(open + 1, close), digest: after.slice(1).trim() }
    : undefined;
};

const PREFIX = /^(sha-?256)[:=-](?=.)/i;
const ALGORITHM_WORD = /^(?:sha-?\d+|md5)$/i;

/** `…  a.img`, ` *a.img` or after a tab; also `sha256:…` and `SHA256 … a.img`, which PowerShell prints. */
const digestFirst = (text: string, escaped: boolean) => {
  const [first = ""] = text.split(/\s/, 1);
  const rest = text.slice(first.length);
  if (ALGORITHM_WORD.test(first)) {
    const [second = ""] = rest.trimStart().split(/\s/, 1);
    const digest = digestOf(first, second);
    const name = rest.trimStart().slice(second.length).trim();
    return digest && { names: baseNames([name], escaped), ...digest };
  }
  const tag = PREFIX.exec(first);
  const digest = digestOf(tag?.[1] ?? "", first.replace(PREFIX, ""));
  const names = [
    rest.trim().replace(/^\*/, ""),
    rest.trim(),
    // A name may begin with a space or a star.
    ...(/^ [ *]/.test(rest) ? [rest.slice(2)] : []),
  ];
  return digest && { names: baseNames(names, escaped), ...digest };
};

/** `a.img: … …` and `a.img: SHA256 = … …` as gpg prints them in groups, and `a.img …`. */
const nameFirst = (text: string, escaped: boolean) => {
  const at = Math.max(text.lastIndexOf(":"), text.lastIndexOf("="));
  const grouped = text.slice(at + 1).replaceAll(/\s/g, "");
  if (at >= 0 && HEX.test(grouped)) {
    const left = text.slice(0, at).trim();
    const colon = text[at] === "=" ? left.lastIndexOf(":") : -1;
    const word = left.slice(colon + 1).trim();
    const tagged = colon >= 0 || ALGORITHM_WORD.test(word);
    const digest = digestOf(tagged ? word : "", grouped);
    const name = tagged ? left.slice(0, Math.max(colon, 0)).trim() : left;
    return digest && { names: baseNames([name], escaped), ...digest };
  }
  const last = text.split(/\s/).at(-1) ?? "";
  const digest = HEX.test(last) ? digestOf("", last) : undefined;
  const name = text.slice(0, text.length - last.length).trim();
  return digest && { names: baseNames([name], escaped), ...digest };
};

/** Undefined for a line that is not a checksum. */
export const parseChecksumLine = (line: string): ListedDigest | undefined => {
  if (line.length > MAX_LINE) {
    return undefined;
  }
  const escaped = line.startsWith("\\");
  const text = line.slice(escaped ? 1 : 0);
  const tagged = tagsOf(text);
  if (tagged === undefined) {
    return digestFirst(text, escaped) ?? nameFirst(text, escaped);
  }
  const digest = digestOf(tagged.tag, tagged.digest);
  return digest && { names: baseNames([tagged.name], escaped), ...digest };
};

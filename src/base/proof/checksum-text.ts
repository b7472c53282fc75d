// Reads the lines of a checksum list that have content, from the bytes of its file.

/** A line that is neither empty nor a comment; counted from 1. */
export type ListLine = { readonly number: number; readonly text: string };

const SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE = "-----BEGIN PGP SIGNATURE-----";

/** Windows tools write UTF-16 when their output is redirected. Undefined for bytes that are no text. */
export const decodeText = (data: Buffer): string | undefined => {
  const [first, second] = data;
  const encoding =
    first === 0xff && second === 0xfe
      ? "utf-16le"
      : first === 0xfe && second === 0xff
        ? "utf-16be"
        : "utf-8";
  const text = new TextDecoder(encoding).decode(data);
  // A list made with `sha256sum --zero` ends each line with a zero byte, but UTF-16 without a byte-order mark has one in
  // nearly every character.
  return text.split("\0").length * 4 > text.length + 4 ? undefined : text;
};

/** In a clear-signed message, only the signed part. https://www.rfc-editor.org/rfc/rfc9580#section-7 */
const signedPart = (lines: readonly ListLine[]): readonly ListLine[] => {
  const begin = lines.findIndex(({ text }) => text === SIGNED);
  if (begin < 0) {
    const block = lines.findIndex(({ text }) => text === SIGNATURE);
    return block < 0 ? lines : lines.slice(0, block);
  }
  const header = lines.findIndex(
    ({ text }, index) => index > begin && text === "",
  );
  const end = lines.findIndex(
    ({ text }, index) => index > begin && text === SIGNATURE,
  );
  return lines
    .slice(header < 0 ? lines.length : header, end < 0 ? lines.length : end)
    .map(({ number, text }) => ({ number, text: text.replace(/^- /, "") }));
};

/** gpg breaks a long digest into lines that begin with spaces. */
const joinGroups = (lines: readonly ListLine[]): readonly ListLine[] => {
  const joined: ListLine[] = [];
  for (const line of lines) {
    const before = joined.at(-1);
    if (
      before?.text.includes(":") === true &&
      /^\s+[0-9A-F\s]+$/i.test(line.text)
    ) {
      joined.splice(-1, 1, {
        number: before.number,
        text: `${before.text} ${line.text.trim()}`,
      });
    } else {
      joined.push(line);
    }
  }
  return joined;
};

export const linesOfList = (text: string): readonly ListLine[] => {
  const lines = text
    .split(/\r?\n|[\r\0]/)
    .map((line, index) => ({ number: index + 1, text: line.trimEnd() }));
  return joinGroups(signedPart(lines))
    .map((line) => ({ ...line, text: line.text.trim() }))
    .filter(({ text: line }) => line !== "" && !/^[#;]/.test(line));
};

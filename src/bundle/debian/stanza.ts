// Reads the paragraphs of Debian's control files. https://www.debian.org/doc/debian-policy/ch-controlfields.html

export type Stanza = ReadonlyMap<string, string>;

/** The fields of one paragraph, by their names in lower case; lines of one field keep their line ends. */
const parseStanza = (text: string): Stanza => {
  const fields = new Map<string, string>();
  let name = "";
  for (const line of text.split("\n")) {
    if (/^[ \t]/.test(line)) {
      fields.set(name, `${fields.get(name) ?? ""}\n${line.trim()}`);
      continue;
    }
    const colon = line.indexOf(":");
    if (colon > 0) {
      name = line.slice(0, colon).toLowerCase();
      fields.set(name, line.slice(colon + 1).trim());
    }
  }
  return fields;
};

export const parseStanzas = (text: string): readonly Stanza[] =>
  text
    .split(/\n(?:[ \t]*\n)+/)
    .filter((part) => part.trim() !== "")
    .map(parseStanza);

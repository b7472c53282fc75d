// The form of a `${name}` in fragments, network documents and profiles.

type Part =
  | { readonly text: string }
  | { readonly name: string; readonly offset: number };

/** `$${` stands for a literal `${`; otherwise the group is the name. */
const PLACEHOLDER = /\$\$\{|\$\{([^{}\n]*)\}/g;

/** Cuts a text into literal parts and the names of values, with the offset of each `$`. */
export const splitPlaceholders = (text: string): Part[] => {
  const parts: Part[] = [];
  let position = 0;
  for (const match of text.matchAll(PLACEHOLDER)) {
    if (match.index > position) {
      parts.push({ text: text.slice(position, match.index) });
    }
    const name = match[1];
    parts.push(
      name === undefined ? { text: "${" } : { name, offset: match.index },
    );
    position = match.index + match[0].length;
  }
  if (position < text.length) {
    parts.push({ text: text.slice(position) });
  }
  return parts;
};

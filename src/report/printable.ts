// Makes text from files, devices and servers harmless on a terminal: nothing in it may move the cursor or reorder what is read.

const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\uFEFF]/gu;

/** The escape sequences that picocolors writes. Others could hide text, or switch the terminal to another mode. */
// eslint-disable-next-line no-control-regex -- these are the sequences
const OUR_COLORS = /(\u001B\[(?:1|22|3[0-9]|90)m)/u;

const picture = (character: string): string => {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) {
    return String.fromCodePoint(0x2400 + code);
  }
  return code === 0x7f ? "\u2421" : "\uFFFD";
};

/** A value within a line, such as the name of a file: a line break in it would look like a line of ours. */
export const visible = (text: string): string =>
  text.replace(UNPRINTABLE, picture);

/** Whole lines: their ends and tabs stay, and with `color` the colours that we gave them. */
export const printable = (text: string, color: boolean): string =>
  (color ? text.split(OUR_COLORS) : [text])
    .map((part, index) =>
      index % 2 === 1
        ? part
        : part.replace(UNPRINTABLE, (character) =>
            character === "\n" || character === "\t"
              ? character
              : picture(character),
          ),
    )
    .join("");

// Arbitrary texts for property tests.
import { fc } from "../support/seeded.ts";

/** Any code points but halves of surrogate pairs (fast-check's own "binary" takes seconds to start) and NUL, which neither YAML nor a shell can hold. */
export const anyText: fc.Arbitrary<string> = fc
  .array(
    fc
      .oneof(
        fc.integer({ min: 1, max: 0x2ff }),
        fc.integer({ min: 1, max: 0x10ffff }),
      )
      .filter((point) => point < 0xd800 || point > 0xdfff),
    { maxLength: 10 },
  )
  .map((points) => String.fromCodePoint(...points));

const MEANINGFUL = [
  "'",
  '"',
  "\\",
  "\n",
  "\r",
  "\t",
  " ",
  ": ",
  " #",
  "- ",
  "$(id)",
  "`id`",
  "$x",
  "${HOME}",
  "${node.name}",
  "$${x}",
  "{{ v1 }}",
  "{% raw %}",
  "\u2028",
  "\u0085",
  "\ufeff",
  "é",
  "😀",
  "yes",
  "0644",
  "12:34:56",
  "~",
  "|",
  ">",
  "&a",
  "*a",
  "!x",
  "%",
  "@",
  "<<",
  "=",
  "---",
  "...",
  ";",
  "&&",
  "'\\''",
];

/** Texts that mean something to YAML, shells, cloud-init's templates or our own places. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  anyText,
  fc
    .array(fc.constantFrom(...MEANINGFUL), { minLength: 1, maxLength: 6 })
    .map((parts) => parts.join("")),
);

// How many columns text takes on a terminal: CJK characters and most emoji take two, combining marks none.
import measure from "fast-string-truncated-width";

/** Columns of one line; the escape sequences of colours take none. */
export const displayWidth = (text: string): number => measure(text).width;

/** The line itself where it fits, else as much of it as fits before an ellipsis. */
export const cutToWidth = (text: string, columns: number): string => {
  const { index, ellipsed } = measure(text, {
    limit: Math.max(0, columns),
    ellipsis: "…",
    ellipsisWidth: 1,
  });
  return `${text.slice(0, index)}${ellipsed ? "…" : ""}`;
};

export const padToWidth = (text: string, columns: number): string =>
  text + " ".repeat(Math.max(0, columns - displayWidth(text)));

/** Rows of a terminal that a line takes; a wide character that would stand across the end of a row goes to the next one. */
export const rowsTaken = (text: string, columns: number): number => {
  let rows = 1;
  let rest = text;
  while (displayWidth(rest) > columns) {
    // At least a character a row, however narrow the terminal is.
    const { index } = measure(rest, { limit: Math.max(2, columns) });
    rest = rest.slice(Math.max(1, index));
    rows += 1;
  }
  return rows;
};

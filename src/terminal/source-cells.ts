// A line of a file as it is shown: graphemes with their display columns, and the part of them that fits.
import { displayWidth } from "./display-width.ts";
import { visible } from "../report/printable.ts";

type Cell = {
  readonly text: string;
  /** Index in the source line, in UTF-16 units as in `Position.column`. */
  readonly index: number;
  /** Display column, from 0. */
  readonly column: number;
  readonly width: number;
};

/** Made only when it is needed, because making it takes a tenth of the time that the program takes to start. */
let segmenter: Intl.Segmenter | undefined;

const graphemesOf = (line: string): Intl.Segments =>
  (segmenter ??= new Intl.Segmenter("en", { granularity: "grapheme" })).segment(
    line,
  );

export const cellsOf = (line: string): readonly Cell[] => {
  const cells: Cell[] = [];
  let column = 0;
  for (const { segment, index } of graphemesOf(line)) {
    const text = segment === "\t" ? "  " : visible(segment);
    const width = Math.max(1, displayWidth(text));
    cells.push({ text, index, column, width });
    column += width;
  }
  return cells;
};

const widthOf = (cells: readonly Cell[]): number => {
  const last = cells.at(-1);
  return last === undefined ? 0 : last.column + last.width;
};

/** The display column of an index; beyond the end of the line, each character counts as one column. */
export const columnOf = (
  cells: readonly Cell[],
  index: number,
  line: string,
): number =>
  cells.findLast((cell) => cell.index <= index && index < line.length)
    ?.column ?? widthOf(cells) + Math.max(0, index - line.length);

/** `room` columns of a line, starting at `from`; an ellipsis shows where something was cut off. */
export const cutCells = (
  cells: readonly Cell[],
  from: number,
  room: number,
): string => {
  const total = widthOf(cells);
  const cutsLeft = from > 0 && total > from;
  const cutsRight = total > from + room;
  const first = from + (cutsLeft ? 1 : 0);
  const end = from + room - (cutsRight ? 1 : 0);
  const shown = cells.filter(
    (cell) => cell.column >= first && cell.column + cell.width <= end,
  );
  const gap = " ".repeat(Math.max(0, (shown[0]?.column ?? first) - first));
  return `${cutsLeft ? "…" : ""}${gap}${shown.map((cell) => cell.text).join("")}${cutsRight ? "…" : ""}`;
};

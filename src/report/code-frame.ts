// Prints problems for people: where each stands in its file, underlined, with what to do about it.
import pc from "picocolors";
import type { Problem } from "./problem.ts";

type Options = { readonly color: boolean };
type Paint = ReturnType<typeof pc.createColors>;

/** Columns of a source line that are shown; a longer line is cut around the underline. */
const LINE_WIDTH = 92;
/** Columns kept to the left of an underline that stands far to the right. */
const LEAD = 24;
/** Characters around an underline that are looked at: splitting a line of a megabyte into graphemes takes minutes. */
const REACH = 400;

// Files come from strangers too: nothing in them may move the cursor or reorder what is read.
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\uFEFF]/gu;

const visible = (text: string): string =>
  text.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20) {
      return String.fromCodePoint(0x2400 + code);
    }
    return code === 0x7f ? "\u2421" : "\uFFFD";
  });

const WIDE =
  /[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303F\uFF01-\uFF60\uFFE0-\uFFE6]|\uFE0F/u;

type Cell = {
  readonly text: string;
  /** Index in the source line, in UTF-16 units as in `Position.column`. */
  readonly index: number;
  /** Display column, from 0. */
  readonly column: number;
  readonly width: number;
};

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

const cellsOf = (line: string): readonly Cell[] => {
  const cells: Cell[] = [];
  let column = 0;
  for (const { segment, index } of graphemes.segment(line)) {
    const text = segment === "\t" ? "  " : visible(segment);
    const width = segment === "\t" || WIDE.test(segment) ? 2 : 1;
    cells.push({ text, index, column, width });
    column += width;
  }
  return cells;
};

const widthOf = (cells: readonly Cell[]): number => {
  const last = cells.at(-1);
  return last === undefined ? 0 : last.column + last.width;
};

/** The display column of an index; an index behind the end counts on by one column a character. */
const columnOf = (
  cells: readonly Cell[],
  index: number,
  line: string,
): number =>
  cells.findLast((cell) => cell.index <= index && index < line.length)
    ?.column ?? widthOf(cells) + Math.max(0, index - line.length);

/** LINE_WIDTH columns of a line, starting at `from`; an ellipsis stands where something is cut. */
const cut = (cells: readonly Cell[], from: number): string => {
  const total = widthOf(cells);
  const cutsLeft = from > 0 && total > from;
  const cutsRight = total > from + LINE_WIDTH;
  const first = from + (cutsLeft ? 1 : 0);
  const end = from + LINE_WIDTH - (cutsRight ? 1 : 0);
  const shown = cells.filter(
    (cell) => cell.column >= first && cell.column + cell.width <= end,
  );
  const gap = " ".repeat(Math.max(0, (shown[0]?.column ?? first) - first));
  return `${cutsLeft ? "…" : ""}${gap}${shown.map((cell) => cell.text).join("")}${cutsRight ? "…" : ""}`;
};

const sourceLines = (text: string): readonly string[] =>
  text.split("\n").map((line) => line.replace(/\r$/, ""));

/** The lines of a file by its name; undefined for a file that is not there. */
type Lines = (file: string) => readonly string[] | undefined;

const linesOf = (files: ReadonlyMap<string, string>): Lines => {
  const known = new Map<string, readonly string[]>();
  return (file) => {
    const text = files.get(file);
    if (text === undefined) {
      return undefined;
    }
    const lines = known.get(file) ?? sourceLines(text);
    known.set(file, lines);
    return lines;
  };
};

/** Nobody reads more at once, and a hostile file has a mistake in each of its hundred thousand lines. */
const MOST_SHOWN = 300;

const frame = (
  problem: Problem,
  at: NonNullable<Problem["at"]>,
  lines: readonly string[],
  paint: Paint,
): readonly string[] => {
  const place = `${visible(at.file)}:${at.line}:${at.column}`;
  const skipped = Math.max(0, at.column - 1 - REACH);
  const near = (whole: string | undefined) =>
    whole?.slice(skipped, at.column + REACH);
  const line = near(lines[at.line - 1]);
  if (line === undefined) {
    return [` ${paint.cyan("-->")} ${place}`];
  }
  const gutter = String(at.line).length;
  const bar = paint.cyan("|");
  const row = (number: string, content: string) =>
    `${paint.cyan(number.padStart(gutter))} ${bar} ${content}`.trimEnd();

  const cells = cellsOf(line);
  const index = at.column - 1 - skipped;
  const start = columnOf(cells, index, line);
  const end = columnOf(cells, index + at.length, line);
  const from =
    Math.max(start + 1, Math.min(end, start + LEAD)) > LINE_WIDTH - 1
      ? Math.max(0, start - LEAD)
      : 0;
  const width = Math.max(1, Math.min(end, from + LINE_WIDTH) - start);
  const paintMark = problem.severity === "error" ? paint.red : paint.yellow;
  const mark = "^".repeat(width);
  const label = problem.label === undefined ? "" : ` ${visible(problem.label)}`;

  const rows = [
    `${" ".repeat(gutter)}${paint.cyan("-->")} ${place}`,
    row("", ""),
  ];
  const before = near(lines[at.line - 2]);
  if (before !== undefined) {
    rows.push(row(String(at.line - 1), cut(cellsOf(before), from)));
  }
  rows.push(
    row(String(at.line), cut(cells, from)),
    row("", " ".repeat(start - from) + paintMark(mark + label)),
  );
  return rows;
};

const renderProblem = (
  problem: Problem,
  linesIn: Lines,
  paint: Paint,
): string => {
  const paintKind = problem.severity === "error" ? paint.red : paint.yellow;
  const kind = paintKind(`${problem.severity}[${problem.code}]`);
  const lines = [`${paint.bold(kind)}: ${visible(problem.message)}`];
  if (problem.at !== undefined) {
    lines.push(
      ...frame(problem, problem.at, linesIn(problem.at.file) ?? [], paint),
    );
  }
  if (problem.hint !== undefined) {
    lines.push(`${paint.bold("hint")}: ${visible(problem.hint)}`);
  }
  return lines.join("\n");
};

const count = (number: number, word: string): readonly string[] =>
  number === 0 ? [] : [`${number} ${word}${number === 1 ? "" : "s"}`];

const byPlace = (a: Problem, b: Problem): number => {
  if (a.at === undefined || b.at === undefined) {
    return Number(a.at === undefined) - Number(b.at === undefined);
  }
  if (a.at.file !== b.at.file) {
    return a.at.file < b.at.file ? -1 : 1;
  }
  return a.at.line - b.at.line || a.at.column - b.at.column;
};

/**
 * All problems as code frames, sorted by file and line, with a line that counts them at the end.
 * `files` holds the texts of the files that problems point into, by the name in `Problem.at.file`;
 * a file that is absent gets its position without a frame. Beyond the first few hundred they are only counted. No problems
 * give an empty string.
 */
export const renderProblems = (
  problems: readonly Problem[],
  files: ReadonlyMap<string, string>,
  options: Options,
): string => {
  if (problems.length === 0) {
    return "";
  }
  const paint = pc.createColors(options.color);
  const errors = problems.filter(({ severity }) => severity === "error").length;
  const linesIn = linesOf(files);
  const unshown = problems.length - MOST_SHOWN;
  const counts = [
    ...count(errors, "error"),
    ...count(problems.length - errors, "warning"),
  ];
  return [
    ...[...problems]
      .sort(byPlace)
      .slice(0, MOST_SHOWN)
      .map((problem) => renderProblem(problem, linesIn, paint)),
    ...(unshown > 0 ? [`${unshown} more are not shown`] : []),
    counts.join(" and "),
  ].join("\n\n");
};

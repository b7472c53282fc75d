// Prints problems for people: where each is in its file, underlined, with what to do about it.
import pc from "picocolors";
import { displayWidth } from "./display-width.ts";
import { visible } from "../report/printable.ts";
import type { Problem } from "../report/problem.ts";
import { cellsOf, columnOf, cutCells } from "./source-cells.ts";
import { wrapWords } from "./wrap-words.ts";

type Options = {
  readonly color: boolean;
  /** Of the terminal; undefined for a log, which has no limit. */
  readonly columns?: number | undefined;
};
type Paint = ReturnType<typeof pc.createColors>;

/** Columns of a source line that are shown at most; a longer line is cut around the underline. */
const LINE_WIDTH = 92;
/** Columns that are shown at least, however narrow the terminal is. */
const LEAST_LINE_WIDTH = 16;
/** The share of a line that is kept to the left of an underline that is far to the right. */
const LEAD = 0.26;
/** Characters around an underline that are looked at: splitting a line of a megabyte into graphemes takes minutes. */
const REACH = 400;

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

/** The words beside a mark where `beside` columns are enough for them, else in lines of `room` columns below it. */
const labelLines = (
  label: string,
  beside: number,
  room: number,
): readonly string[] =>
  displayWidth(label) <= beside ? [label] : ["", ...wrapWords(label, room, "")];

const frame = (
  problem: Problem,
  at: NonNullable<Problem["at"]>,
  lines: readonly string[],
  paint: Paint,
  columns: number,
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
  const inside = columns - gutter - " | ".length;
  const room = Math.max(LEAST_LINE_WIDTH, Math.min(LINE_WIDTH, inside));
  const lead = Math.round(room * LEAD);
  const from =
    Math.max(start + 1, Math.min(end, start + lead)) > room - 1
      ? Math.max(0, start - lead)
      : 0;
  const width = Math.max(1, Math.min(end, from + room) - start);
  const paintMark = problem.severity === "error" ? paint.red : paint.yellow;
  const mark = "^".repeat(width);
  const [beside = "", ...below] = labelLines(
    visible(problem.label ?? ""),
    inside - (start - from) - width - 1,
    room,
  );

  const rows = [
    `${" ".repeat(gutter)}${paint.cyan("-->")} ${place}`,
    row("", ""),
  ];
  const before = near(lines[at.line - 2]);
  if (before !== undefined) {
    rows.push(row(String(at.line - 1), cutCells(cellsOf(before), from, room)));
  }
  rows.push(
    row(String(at.line), cutCells(cells, from, room)),
    row(
      "",
      " ".repeat(start - from) + paintMark(`${mark} ${beside}`.trimEnd()),
    ),
    ...below.map((text) => row("", paintMark(text))),
  );
  return rows;
};

const renderProblem = (
  problem: Problem,
  linesIn: Lines,
  paint: Paint,
  columns: number,
): string => {
  const paintKind = problem.severity === "error" ? paint.red : paint.yellow;
  const kind = paintKind(`${problem.severity}[${problem.code}]`);
  const lines = [`${paint.bold(kind)}: ${visible(problem.message)}`];
  if (problem.at !== undefined) {
    lines.push(
      ...frame(
        problem,
        problem.at,
        linesIn(problem.at.file) ?? [],
        paint,
        columns,
      ),
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
  const columns = options.columns ?? Number.POSITIVE_INFINITY;
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
      .map((problem) => renderProblem(problem, linesIn, paint, columns)),
    ...(unshown > 0 ? [`${unshown} more are not shown`] : []),
    counts.join(" and "),
  ].join("\n\n");
};

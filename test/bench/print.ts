// The results as text, in tables that docs/performance.md can take as they are.
import type { Comparison, Row } from "./compare.ts";
import type { Machine } from "./machine.ts";
import type { Point, Scaling } from "./scaling.ts";

const table = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = rows;
  const rule = widths.map((width) => "-".repeat(width));
  return [line(head), line(rule), ...body.map(line)].join("\n");
};

const cells = ({ name, lacks, measured, ratio }: Row): readonly string[] => [
  lacks === undefined ? name : `${name} (${lacks})`,
  `${measured.seconds.toFixed(1)} s`,
  `${measured.cpuSeconds.toFixed(1)} s`,
  `${measured.peakMiB.toFixed(0)} MiB`,
  ratio === undefined ? "" : ratio.wall.toFixed(2),
  ratio === undefined ? "" : ratio.cpu.toFixed(2),
];

export const machineText = (machine: Machine): string =>
  Object.entries(machine)
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n");

export const comparisonText = ({ rows, skipped }: Comparison): string =>
  [
    table([
      [
        "",
        "wall",
        "processor",
        "peak memory",
        "ours : wall",
        "ours : processor",
      ],
      ...rows.map(cells),
    ]),
    ...skipped.map(
      ({ name, needs }) => `skipped ${name}: ${needs} is not installed`,
    ),
  ].join("\n");

const curveText = (what: string, points: readonly Point[]): string =>
  table([
    [what, ...points.map(({ x }) => String(x))],
    ["seconds", ...points.map(({ seconds }) => seconds.toFixed(2))],
  ]);

export const scalingText = ({ targets, nodes, sizes }: Scaling): string =>
  [
    curveText("targets", targets),
    curveText("nodes", nodes),
    curveText("image, MiB", sizes),
  ].join("\n\n");

// Draws the scaling runs as one SVG: three small plots side by side, both axes logarithmic.
import type { Point, Scaling } from "./scaling.ts";

const WIDTH = 280;
const HEIGHT = 220;
const LEFT = 46;
const BOTTOM = 36;
const TOP = 28;
const RIGHT = 14;

/** Room around the first and the last value, as a factor. */
const MARGIN = 1.4;

/** Round numbers within the range: 1, 2 and 5 times powers of ten. */
const ticks = (low: number, high: number): readonly number[] =>
  [-2, -1, 0, 1, 2, 3, 4]
    .flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power))
    .filter((value) => value >= low && value <= high);

const scale = (values: readonly number[], from: number, to: number) => {
  const low = Math.min(...values) / MARGIN;
  const high = Math.max(...values) * MARGIN;
  return {
    low,
    high,
    at: (value: number): string =>
      (
        from +
        ((to - from) * Math.log(value / low)) / Math.log(high / low)
      ).toFixed(1),
  };
};

const plot = (
  title: string,
  unit: string,
  points: readonly Point[],
  shift: number,
): string => {
  const x = scale(
    points.map((point) => point.x),
    LEFT,
    WIDTH - RIGHT,
  );
  const y = scale(
    points.map((point) => point.seconds),
    HEIGHT - BOTTOM,
    TOP,
  );
  const [first] = points;
  const last = points.at(-1);
  // What time would be if it grew exactly as x does.
  const linear =
    first === undefined || last === undefined
      ? ""
      : `<line class="linear" x1="${x.at(first.x)}" y1="${y.at(first.seconds)}" x2="${x.at(last.x)}" y2="${y.at(Math.min((first.seconds * last.x) / first.x, y.high))}"/>`;
  const line = points
    .map((point) => `${x.at(point.x)},${y.at(point.seconds)}`)
    .join(" ");
  return `<g transform="translate(${shift} 0)">
<text class="title" x="${LEFT}" y="16">${title}</text>
<path class="axis" d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}"/>
${ticks(y.low, y.high)
  .map(
    (tick) =>
      `<text class="y" x="${LEFT - 6}" y="${y.at(tick)}">${tick} s</text>`,
  )
  .join("\n")}
${points
  .map(
    (
      point,
    ) => `<text class="x" x="${x.at(point.x)}" y="${HEIGHT - BOTTOM + 16}">${point.x}</text>
<circle cx="${x.at(point.x)}" cy="${y.at(point.seconds)}" r="3"><title>${point.x} ${unit}: ${point.seconds.toFixed(2)} s</title></circle>`,
  )
  .join("\n")}
<polyline points="${line}"/>
<text class="x" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 4}">${unit}</text>
${linear}
</g>`;
};

export const drawScaling = ({ targets, nodes, sizes }: Scaling): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${3 * WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11">
<style>
text { fill: #444 } .title { font-weight: bold } .x { text-anchor: middle } .y { text-anchor: end; dominant-baseline: middle }
.axis { stroke: #888; fill: none } polyline { stroke: #c51a4a; stroke-width: 2; fill: none } circle { fill: #c51a4a }
.linear { stroke: #aaa; stroke-dasharray: 4 3 }
</style>
<rect width="100%" height="100%" fill="#fff"/>
${plot("flash: targets at once", "targets", targets, 0)}
${plot("build --format seed", "nodes", nodes, WIDTH)}
${plot("flash: size of the image", "MiB", sizes, 2 * WIDTH)}
</svg>
`;

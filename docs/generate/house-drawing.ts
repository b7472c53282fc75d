// docs/architecture.svg: the rooms of src/ on floors, an arrow for each import that no longer way says already.
import { packageFile } from "../../src/system/package-files.ts";
import { layOut, type Spot } from "./house-layout.ts";
import {
  demandNoCircle,
  readImports,
  reduced,
  roomImports,
} from "./imports.ts";

const FLOOR_HEIGHT = 74;
const BOX_WIDTH = 104;
const BOX_HEIGHT = 30;
const MARGIN = 16;

/** @throws {Error} where files or rooms import in a circle. */
export const houseDrawing = (): string => {
  const files = readImports(packageFile("src"));
  demandNoCircle(files);
  const { floors, arrows } = layOut(reduced(roomImports(files)));
  const all = floors.flat();
  const left = Math.min(...all.map(({ x }) => x)) - BOX_WIDTH / 2 - MARGIN;
  const right = Math.max(...all.map(({ x }) => x)) + BOX_WIDTH / 2 + MARGIN;
  const height = (floors.length - 1) * FLOOR_HEIGHT + BOX_HEIGHT + 2 * MARGIN;
  const xOf = ({ x }: Spot): number => Math.round(x - left);
  const yOf = ({ floor }: Spot): number =>
    height - MARGIN - BOX_HEIGHT / 2 - floor * FLOOR_HEIGHT;

  const boxes = all.flatMap((spot) =>
    spot.room === undefined
      ? []
      : [
          `<rect x="${xOf(spot) - BOX_WIDTH / 2}" y="${yOf(spot) - BOX_HEIGHT / 2}" width="${BOX_WIDTH}" height="${BOX_HEIGHT}" rx="4"/><text x="${xOf(spot)}" y="${yOf(spot) + 4}">${spot.room}</text>`,
        ],
  );
  const lines = arrows.map((way) => {
    const [first] = way;
    const last = way.at(-1);
    const points = way.map((spot) => ({
      x: xOf(spot),
      y:
        yOf(spot) +
        (spot === first
          ? BOX_HEIGHT / 2
          : spot === last
            ? -BOX_HEIGHT / 2 - 3
            : 0),
    }));
    const curves = points.slice(1).map(({ x, y }, at) => {
      const from = points[at] ?? { x, y };
      const middle = Math.round((from.y + y) / 2);
      return `C${from.x} ${middle} ${x} ${middle} ${x} ${y}`;
    });
    return `<path d="M${points[0]?.x} ${points[0]?.y}${curves.join("")}"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${Math.round(right - left)} ${height}" font-family="sans-serif" font-size="13">
<title>The rooms of src/ and who imports whom</title>
<style>
rect { fill: #fff; stroke: #888 } text { fill: #222; text-anchor: middle } path { stroke: #c51a4a; stroke-width: 1.3; fill: none; marker-end: url(#tip) }
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto"><polygon points="0,0 8,4 0,8" fill="#c51a4a"/></marker></defs>
<rect width="100%" height="100%" style="stroke:none"/>
${lines.join("\n")}
${boxes.join("\n")}
</svg>
`;
};

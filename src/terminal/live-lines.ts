// Draws a few lines on the terminal and draws them again in the same place.
import { rowsTaken } from "./display-width.ts";

type Terminal = {
  readonly write: (text: string) => void;
  readonly columns: () => number;
  readonly rows: () => number;
};

export type LiveLines = {
  /** Lines narrower than the terminal; they may have colours. */
  readonly draw: (lines: readonly string[]) => void;
};

const CLEAR_BELOW = "\u001B[J";
// A line that wrapped would take two rows; this prevents it, however wide this terminal takes an emoji to be.
const WRAP_OFF = "\u001B[?7l";
const WRAP_ON = "\u001B[?7h";

const up = (lines: number): string => (lines === 0 ? "" : `\u001B[${lines}A`);

export const createLiveLines = ({
  write,
  columns,
  rows,
}: Terminal): LiveLines => {
  let drawn: readonly string[] = [];
  return {
    draw: (lines) => {
      // What has scrolled out at the top cannot be drawn again.
      const room = Math.max(1, rows() - 1);
      const shown =
        lines.length <= room
          ? lines
          : [
              ...lines.slice(0, room - 1),
              `... and ${lines.length - room + 1} lines more`,
            ];
      // A terminal that became narrower has broken the lines that it shows.
      const taken = drawn.reduce(
        (sum, line) => sum + rowsTaken(line, columns()),
        0,
      );
      write(
        `${up(taken)}\r${CLEAR_BELOW}${WRAP_OFF}${shown.map((line) => `${line}\n`).join("")}${WRAP_ON}`,
      );
      drawn = shown;
    },
  };
};

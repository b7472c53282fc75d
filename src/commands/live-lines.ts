// Draws a few lines on the terminal and draws them again in the same place.

type Terminal = {
  readonly write: (text: string) => void;
  readonly rows: () => number;
};

const CLEAR_BELOW = "\u001B[J";
const up = (lines: number): string => (lines === 0 ? "" : `\u001B[${lines}A`);

/** `draw` takes lines that are narrower than the terminal: a line that wraps would take two places. */
export const createLiveLines = ({ write, rows }: Terminal) => {
  let drawn = 0;
  return {
    draw: (lines: readonly string[]): void => {
      // What has scrolled out at the top cannot be drawn again.
      const room = Math.max(1, rows() - 1);
      const shown =
        lines.length <= room
          ? lines
          : [
              ...lines.slice(0, room - 1),
              `... and ${lines.length - room + 1} lines more`,
            ];
      write(
        `${up(drawn)}\r${CLEAR_BELOW}${shown.map((line) => `${line}\n`).join("")}`,
      );
      drawn = shown.length;
    },
  };
};

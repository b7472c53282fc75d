// The words of a progress line: share, amount, rate and time left, from bytes that are done.
import { cutToWidth, displayWidth } from "./display-width.ts";
import { visible } from "../report/printable.ts";
import { formatBytes, formatSeconds } from "../report/amounts.ts";

export type ProgressState = {
  readonly phase: string;
  readonly subject: string | undefined;
  readonly done: number;
  readonly total: number | undefined;
  /** Seconds since the phase began. */
  readonly elapsed: number;
};

const BAR_WIDTH = 20;
const SHORT_BAR_WIDTH = 8;
/** Below this a name says nothing; the amounts are cut then. */
const SHORTEST_NAME = 12;

const bar = (share: number, width: number): string => {
  const filled = Math.round(share * width);
  return `[${"#".repeat(filled)}${" ".repeat(width - filled)}]`;
};

/** From the most to the least that can be said; the share and the time left are the last to go. */
const amounts = (state: ProgressState): readonly (readonly string[])[] => {
  const { done, total, elapsed } = state;
  const rate = elapsed > 0 ? done / elapsed : 0;
  const amount = formatBytes(done);
  const speed = rate > 0 ? [`${formatBytes(rate)}/s`] : [];
  if (total === undefined || total <= 0) {
    return [[amount, ...speed], [amount], []];
  }
  const share = Math.min(1, done / total);
  const percent = `${Math.floor(share * 100)} %`;
  const left =
    rate > 0 && total >= done
      ? [`${formatSeconds((total - done) / rate)} left`]
      : [];
  const long = bar(share, BAR_WIDTH);
  const short = bar(share, SHORT_BAR_WIDTH);
  return [
    [long, percent, amount, ...speed, ...left],
    [long, percent, ...speed, ...left],
    [long, percent, ...left],
    [short, percent, ...left],
    [percent, ...left],
    [percent],
  ];
};

/**
 * One line of at most `columns` columns, such as "write worker2 [####    ] 40 % 1.2 GiB 95 MiB/s 12s left". Where that is too
 * long, what matters least is left out, and a long name loses its end.
 */
export const progressLine = (state: ProgressState, columns: number): string => {
  const name = visible([state.phase, state.subject].filter(Boolean).join(" "));
  const choices = amounts(state).map((words) => words.join(" "));
  const room = Math.min(displayWidth(name), SHORTEST_NAME);
  const whole = choices.find(
    (words) => displayWidth(name) + 1 + words.length <= columns,
  );
  const words =
    whole ??
    choices.find((some) => room + 1 + some.length <= columns) ??
    choices.at(-1) ??
    "";
  const shown = cutToWidth(name, columns - words.length - 1);
  return cutToWidth(`${shown} ${words}`.trim(), columns);
};

// The words of a progress line: amount, share, rate and time left, from bytes that are done.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** Bytes for people: 1536 -> "1.5 KiB". */
export const formatBytes = (bytes: number): string => {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? "B"}`;
};

/** Seconds for people: 75 -> "1m15s". */
export const formatSeconds = (seconds: number): string => {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) {
    return `${whole}s`;
  }
  const minutes = Math.floor(whole / 60);
  return minutes < 60
    ? `${minutes}m${String(whole % 60).padStart(2, "0")}s`
    : `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, "0")}m`;
};

export type ProgressState = {
  readonly phase: string;
  readonly subject: string | undefined;
  readonly done: number;
  readonly total: number | undefined;
  /** Seconds since the phase began. */
  readonly elapsed: number;
};

const BAR_WIDTH = 20;

/** One line of at most `columns` characters, such as "write worker2 [####    ] 40 % 1.2 GiB 95 MiB/s 12s left". */
export const progressLine = (state: ProgressState, columns: number): string => {
  const name = [state.phase, state.subject].filter(Boolean).join(" ");
  const rate = state.elapsed > 0 ? state.done / state.elapsed : 0;
  const parts = [name];
  if (state.total !== undefined && state.total > 0) {
    const share = Math.min(1, state.done / state.total);
    const filled = Math.round(share * BAR_WIDTH);
    parts.push(
      `[${"#".repeat(filled)}${" ".repeat(BAR_WIDTH - filled)}]`,
      `${Math.floor(share * 100)} %`,
    );
  }
  parts.push(formatBytes(state.done));
  if (rate > 0) {
    parts.push(`${formatBytes(rate)}/s`);
    if (state.total !== undefined && state.total >= state.done) {
      parts.push(`${formatSeconds((state.total - state.done) / rate)} left`);
    }
  }
  return parts.join(" ").slice(0, columns);
};

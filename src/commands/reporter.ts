// Shows progress events: one live line on a terminal, plain lines in a log, NDJSON for programs.
import type { Colors } from "picocolors/types.js";
import type { ProgressEvent, Report } from "../report/events.ts";
import { formatBytes, progressLine } from "../report/progress-line.ts";

type ReporterOptions = {
  readonly mode: "terminal" | "lines" | "json" | "quiet";
  readonly write: (text: string) => void;
  readonly printJson: (record: Readonly<Record<string, unknown>>) => void;
  readonly columns: () => number;
  readonly paint: Colors;
};

type Reporter = {
  readonly report: Report;
  /** Ends the live line, so that other output starts on a line of its own. */
  readonly pause: () => void;
};

/** Redrawing more often only costs time on a serial console. */
const REDRAW_MS = 100;
const CLEAR_LINE = "\r\u001B[2K";

export const createReporter = (options: ReporterOptions): Reporter => {
  const { mode, write, paint } = options;
  const started = new Map<string, number>();
  const totals = new Map<string, number | undefined>();
  let live = false;
  let drawn = 0;

  const pause = (): void => {
    if (live) {
      write("\n");
      live = false;
    }
  };
  const line = (text: string): void => {
    pause();
    write(`${text}\n`);
  };
  const key = (event: { phase: string; subject?: string | undefined }) =>
    `${event.phase} ${event.subject ?? ""}`;

  const draw = (
    event: Extract<ProgressEvent, { type: "progress" }>,
    now: number,
  ): void => {
    const total = event.total ?? totals.get(key(event));
    const finished = total !== undefined && event.done >= total;
    if (mode !== "terminal" || (!finished && now - drawn < REDRAW_MS)) {
      return;
    }
    drawn = now;
    live = true;
    write(
      CLEAR_LINE +
        progressLine(
          {
            phase: event.phase,
            subject: event.subject,
            done: event.done,
            total,
            elapsed: (now - (started.get(key(event)) ?? now)) / 1000,
          },
          options.columns() - 1,
        ),
    );
  };

  const report: Report = (event) => {
    if (mode === "json") {
      options.printJson(event);
      return;
    }
    if (mode === "quiet") {
      return;
    }
    if (event.type === "warning") {
      const subject = event.subject === undefined ? "" : `${event.subject}: `;
      line(`${paint.yellow("warning")}: ${subject}${event.message}`);
      if (event.hint !== undefined) {
        line(`hint: ${event.hint}`);
      }
      return;
    }
    const now = Date.now();
    switch (event.type) {
      case "phase": {
        pause();
        started.set(key(event), now);
        totals.set(key(event), event.total);
        if (mode === "lines") {
          const size =
            event.total === undefined ? "" : ` (${formatBytes(event.total)})`;
          line(`${key(event).trim()}${size}`);
        }
        return;
      }
      case "progress": {
        draw(event, now);
        return;
      }
      case "notice": {
        const subject = event.subject === undefined ? "" : `${event.subject}: `;
        line(`${subject}${event.message}`);
      }
    }
  };
  return { report, pause };
};

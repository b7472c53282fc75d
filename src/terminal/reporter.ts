// Shows progress events: a live line for each subject on a terminal, plain lines in a log, NDJSON for programs.
import type { Colors } from "picocolors/types.js";
import type { ProgressEvent, Report } from "../report/events.ts";
import { createLiveLines } from "./live-lines.ts";
import { printable, visible } from "../report/printable.ts";
import { formatBytes } from "../report/amounts.ts";
import { progressLine, type ProgressState } from "./progress-bar.ts";

type ReporterOptions = {
  readonly mode: "terminal" | "lines" | "json" | "quiet";
  readonly write: (text: string) => void;
  readonly printJson: (record: Readonly<Record<string, unknown>>) => void;
  readonly columns: () => number;
  readonly rows: () => number;
  readonly paint: Colors;
};

export type Reporter = {
  readonly report: Report;
  /** Ends the live lines, so that other output stands below them. */
  readonly pause: () => void;
  /** Draws the live lines again, for a terminal whose size has changed. */
  readonly redraw: () => void;
};

/** Redrawing more often only costs time on a serial console. */
const REDRAW_MS = 100;

type Live = {
  readonly state: ProgressState;
  readonly finished: boolean;
};

export const createReporter = (options: ReporterOptions): Reporter => {
  const { mode, write, paint } = options;
  const started = new Map<string, number>();
  const totals = new Map<string, number | undefined>();
  const live = new Map<string, Live>();
  let lines = createLiveLines(options);
  let drawn = 0;

  const pause = (): void => {
    live.clear();
    lines = createLiveLines(options);
  };
  const line = (text: string): void => {
    pause();
    write(`${printable(text, paint.isColorSupported)}\n`);
  };
  const key = (event: { phase: string; subject?: string | undefined }) =>
    `${event.phase} ${event.subject ?? ""}`;

  const redraw = (): void => {
    if (live.size > 0) {
      lines.draw(
        [...live.values()].map(({ state }) =>
          progressLine(state, options.columns() - 1),
        ),
      );
    }
  };

  const draw = (
    event: Extract<ProgressEvent, { type: "progress" }>,
    now: number,
  ): void => {
    if (mode !== "terminal") {
      return;
    }
    const total = event.total ?? totals.get(key(event));
    const finished = total !== undefined && event.done >= total;
    const state = {
      phase: event.phase,
      subject: event.subject,
      done: event.done,
      total,
      elapsed: (now - (started.get(key(event)) ?? now)) / 1000,
    };
    live.set(event.subject ?? "", { state, finished });
    if (finished || now - drawn >= REDRAW_MS) {
      drawn = now;
      redraw();
    }
  };

  /** A new phase leaves the lines of finished ones behind; targets that are written together share the lines. */
  const makeRoom = (phase: string): void => {
    const running = [...live.values()].some((one) => !one.finished);
    const others = [...live.values()].some(
      ({ state }) => state.phase !== phase,
    );
    if (!running && others) {
      pause();
    }
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
      const subject =
        event.subject === undefined ? "" : `${visible(event.subject)}: `;
      line(`${paint.yellow("warning")}: ${subject}${visible(event.message)}`);
      if (event.hint !== undefined) {
        line(`hint: ${visible(event.hint)}`);
      }
      return;
    }
    const now = Date.now();
    switch (event.type) {
      case "phase": {
        makeRoom(event.phase);
        started.set(key(event), now);
        totals.set(key(event), event.total);
        if (mode === "lines") {
          const size =
            event.total === undefined ? "" : ` (${formatBytes(event.total)})`;
          line(`${visible(key(event).trim())}${size}`);
        }
        return;
      }
      case "progress": {
        draw(event, now);
        return;
      }
      case "notice": {
        const subject =
          event.subject === undefined ? "" : `${visible(event.subject)}: `;
        line(`${subject}${visible(event.message)}`);
      }
    }
  };
  return { report, pause, redraw };
};

// What long operations report while they run; commands turn events into bars or NDJSON lines.

/** Version of the NDJSON records; a change that breaks readers raises it. */
export const EVENT_SCHEMA = 1;

export type ProgressEvent =
  /** A phase begins. `total` is in bytes where known. */
  | {
      readonly type: "phase";
      readonly phase: string;
      readonly subject?: string | undefined;
      readonly total?: number | undefined;
    }
  /** Bytes of the phase that are done (for writing: proven on the medium). */
  | {
      readonly type: "progress";
      readonly phase: string;
      readonly subject?: string | undefined;
      readonly done: number;
      readonly total?: number | undefined;
    }
  /** Something the user should know; nothing failed. */
  | {
      readonly type: "notice";
      readonly message: string;
      readonly subject?: string | undefined;
    }
  | {
      readonly type: "warning";
      readonly message: string;
      readonly hint?: string | undefined;
      readonly subject?: string | undefined;
    };

export type Report = (event: ProgressEvent) => void;

// Runs pi-image on a pseudo-terminal and shows what a person in front of it sees.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import unicode11 from "@xterm/addon-unicode11";
import xterm from "@xterm/headless";
import { inject } from "vitest";

const DRIVER = fileURLToPath(new URL("run-on-terminal.py", import.meta.url));

type ScreenOptions = {
  readonly cwd: string;
  readonly columns?: number;
  readonly rows?: number;
  /** Added to a minimal environment. */
  readonly env?: Readonly<Record<string, string>>;
};

/** Lines as they are seen, without what is blank at their ends and below the last of them. */
type Rows = readonly string[];

export const emulator = (columns: number, rows: number) => {
  const terminal = new xterm.Terminal({
    cols: columns,
    rows,
    allowProposedApi: true,
  });
  terminal.loadAddon(new unicode11.Unicode11Addon());
  terminal.unicode.activeVersion = "11";
  const linesFrom = (first: number): Rows => {
    const buffer = terminal.buffer.active;
    const lines: string[] = [];
    for (let index = first; index < buffer.length; index += 1) {
      lines.push(buffer.getLine(index)?.translateToString(true) ?? "");
    }
    return lines.slice(0, lines.findLastIndex((line) => line !== "") + 1);
  };
  return {
    terminal,
    write: (data: string | Uint8Array): Promise<void> =>
      new Promise((resolve) => {
        terminal.write(data, resolve);
      }),
    /** What is on the screen now. */
    rows: (): Rows => linesFrom(terminal.buffer.active.baseY),
    /** With what has scrolled out at the top. */
    allRows: (): Rows => linesFrom(0),
  };
};

export type Screen = ReturnType<typeof startOnTerminal>;

/** A program of one's own, such as `cat`, shows what the terminal is like afterwards. */
export const startOnTerminal = (
  command: readonly string[],
  { cwd, columns = 80, rows = 24, env = {} }: ScreenOptions,
) => {
  const shown = emulator(columns, rows);
  const child = spawn(
    "python3",
    [DRIVER, `${columns}`, `${rows}`, ...command],
    {
      cwd,
      stdio: ["pipe", "pipe", "pipe"],
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: cwd,
        TERM: "xterm-256color",
        LANG: "C.UTF-8",
        ...env,
      },
    },
  );
  let raw = "";
  let trouble = "";
  let done = Promise.resolve();
  let ended = false;
  const changed = new EventTarget();
  const tell = () => changed.dispatchEvent(new Event("change"));
  child.stdout.on("data", (chunk: Buffer) => {
    raw += chunk.toString("latin1");
    done = done.then(() => shown.write(chunk)).then(() => void tell());
  });
  child.stderr.on("data", (chunk: Buffer) => {
    trouble += chunk.toString("utf8");
  });
  const status = once(child, "close").then(async ([code]) => {
    await done;
    ended = true;
    tell();
    return code as number | null;
  });
  const order = (text: string) => child.stdin.write(`${text}\n`);

  /** Until the screen is as wished; at once in error when the program has ended and it is not. */
  const waitUntil = async (
    isSo: (rows: Rows) => boolean,
    what: string,
  ): Promise<void> => {
    while (!isSo(shown.rows())) {
      if (ended) {
        throw new Error(
          `the program ended before ${what}:\n${shown.allRows().join("\n")}\n${trouble}`,
        );
      }
      await once(changed, "change");
    }
  };

  return {
    rows: shown.rows,
    allRows: shown.allRows,
    /** All visible rows as one text. */
    text: () => shown.rows().join("\n"),
    /** Every byte that the terminal has got, also of what was shown for a moment only. */
    raw: () => raw,
    waitUntil,
    waitFor: (text: string) =>
      // A narrow terminal breaks lines anywhere.
      waitUntil(
        (lines) =>
          lines.join("\n").includes(text) ||
          lines.join("").replaceAll(" ", "").includes(text.replaceAll(" ", "")),
        `"${text}" was seen`,
      ),
    type: (text: string) =>
      order(`type ${Buffer.from(text).toString("base64")}`),
    resize: async (newColumns: number, newRows: number = rows) => {
      await done;
      shown.terminal.resize(newColumns, newRows);
      order(`resize ${newColumns} ${newRows}`);
    },
    /** Closes the terminal's window. */
    hangUp: () => order("hang up"),
    /** The exit status, after all that was printed is on the screen. */
    ended: () => status,
  };
};

/** `pi-image` with these arguments on a terminal; HOME is the working folder. */
export const startScreen = (args: readonly string[], options: ScreenOptions) =>
  startOnTerminal([process.execPath, inject("cli"), ...args], options);

// What a terminal shows while targets are written.
import pc from "picocolors";
import { describe, expect, it } from "vitest";
import { displayWidth } from "../../src/terminal/display-width.ts";
import { createReporter } from "../../src/terminal/reporter.ts";
import { emulator } from "./screen.ts";

const start = (columns: number, mode: "terminal" | "lines" = "terminal") => {
  const shown = emulator(columns, 24);
  let written = "";
  const { report, redraw } = createReporter({
    mode,
    write: (text) => {
      written += text.replaceAll("\n", "\r\n");
    },
    printJson: () => undefined,
    columns: () => shown.terminal.cols,
    rows: () => shown.terminal.rows,
    paint: pc.createColors(false),
  });
  const see = async () => {
    await shown.write(written);
    written = "";
    return shown.allRows();
  };
  const begin = (subject: string, phase = "flash") =>
    report({ type: "phase", phase, subject, total: 100 });
  const progress = (subject: string, done: number, phase = "flash") =>
    report({ type: "progress", phase, subject, done, total: 100 });
  const resize = async (newColumns: number) => {
    await see();
    shown.terminal.resize(newColumns, 24);
    redraw();
  };
  return { report, see, begin, progress, resize };
};

const CARDS = ["/dev/sda", "/dev/sdb", "/dev/sdc", "/dev/sdd"];

describe("progress on a terminal", () => {
  it.each([40, 80, 200])(
    "is one line with its share at %i columns",
    async (columns) => {
      const { see, begin, progress } = start(columns);
      begin("/dev/sda");
      progress("/dev/sda", 50);
      progress("/dev/sda", 100);
      const rows = await see();
      expect(rows).toHaveLength(1);
      expect(rows[0]).toMatch(/^flash \/dev\/sda \[#+\] 100 %/);
    },
  );

  it.each([40, 80, 200])(
    "of four targets is four lines at %i columns, also after the terminal was resized",
    async (columns) => {
      const { see, begin, progress, resize } = start(columns);
      CARDS.forEach((card) => begin(card));
      const expectFour = async () => {
        expect((await see()).map((row) => row.slice(0, 14))).toEqual(
          CARDS.map((card) => `flash ${card}`),
        );
      };
      CARDS.forEach((card) => progress(card, 100));
      await expectFour();
      for (const next of [30, columns, 120, 40]) {
        await resize(next);
        await expectFour();
      }
    },
  );

  it("leaves the line of a finished phase standing when the next begins", async () => {
    const { see, begin, progress } = start(80);
    begin("base", "decode");
    progress("base", 100, "decode");
    begin("/dev/sda");
    progress("/dev/sda", 100);
    expect((await see()).map((row) => row.split(" [")[0])).toEqual([
      "decode base",
      "flash /dev/sda",
    ]);
  });

  it("goes on below a warning", async () => {
    const { see, report, progress } = start(80);
    progress("/dev/sda", 100);
    report({ type: "warning", subject: "/dev/sda", message: "is slow" });
    progress("/dev/sda", 100);
    expect((await see())[1]).toBe("warning: /dev/sda: is slow");
    expect(await see()).toHaveLength(3);
  });

  it.each(["/mnt/存储卡/".repeat(9), "/mnt/💾💾/".repeat(9), "é".repeat(99)])(
    "cuts the name %s and keeps the share",
    async (name) => {
      const { see, begin, progress } = start(40);
      begin(name);
      progress(name, 100);
      const [row = "", ...more] = await see();
      expect(more).toEqual([]);
      expect(row).toContain("… ");
      expect(row).toContain("100 %");
      expect(displayWidth(row)).toBeLessThan(40);
    },
  );

  it("shows control characters of a name, and does not obey them", async () => {
    const { see, report, begin, progress } = start(80);
    const name = "a\u001B[2J\nerror[BUG]: \u202Eb";
    begin(name);
    progress(name, 100);
    report({ type: "warning", subject: name, message: "x\u001B[8m" });
    report({ type: "notice", message: "\u009B2J\u0007" });
    expect(await see()).toEqual([
      expect.stringMatching(/^flash a␛\[2J␊error\[BUG\]: �b \[#/),
      "warning: a␛[2J␊error[BUG]: �b: x␛[8m",
      "�2J␇",
    ]);
  });
});

it("a log gets a line for each phase, and no line twice", async () => {
  const { see, begin, progress } = start(80, "lines");
  begin("/dev/sda");
  progress("/dev/sda", 50);
  progress("/dev/sda", 100);
  expect(await see()).toEqual(["flash /dev/sda (100 B)"]);
});

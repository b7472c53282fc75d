// What a terminal shows while several targets are written.
import pc from "picocolors";
import { describe, expect, it } from "vitest";
import { createReporter } from "../../src/commands/reporter.ts";

const terminal = () => {
  const written: string[] = [];
  const { report } = createReporter({
    mode: "terminal",
    write: (text) => written.push(text),
    printJson: () => undefined,
    columns: () => 80,
    rows: () => 24,
    paint: pc.createColors(false),
  });
  const progress = (subject: string, done: number, phase = "flash") =>
    report({ type: "progress", phase, subject, done, total: 100 });
  return { written, report, progress };
};

describe("createReporter on a terminal", () => {
  it("keeps a line for each of the targets that are written together", () => {
    const { written, report, progress } = terminal();
    report({ type: "phase", phase: "flash", subject: "/dev/sda", total: 100 });
    report({ type: "phase", phase: "flash", subject: "/dev/sdb", total: 100 });
    progress("/dev/sda", 100);
    progress("/dev/sdb", 100);
    const last = written.at(-1) ?? "";
    expect(last.startsWith("\u001B[1A\r\u001B[J")).toBe(true);
    expect(last).toMatch(/flash \/dev\/sda .*\nflash \/dev\/sdb .*\n$/);
  });

  it("leaves the line of a finished phase standing when the next begins", () => {
    const { written, report, progress } = terminal();
    report({ type: "phase", phase: "decode", subject: "base", total: 100 });
    progress("base", 100, "decode");
    report({ type: "phase", phase: "flash", subject: "/dev/sda", total: 100 });
    progress("/dev/sda", 100);
    const last = written.at(-1) ?? "";
    expect(last).not.toContain("decode");
    expect(last.startsWith("\r\u001B[J")).toBe(true);
  });

  it("puts a warning below the lines and draws on below it", () => {
    const { written, report, progress } = terminal();
    progress("/dev/sda", 100);
    report({ type: "warning", subject: "/dev/sda", message: "is slow" });
    progress("/dev/sda", 100);
    expect(written[1]).toBe("warning: /dev/sda: is slow\n");
    expect(written[2]?.startsWith("\r\u001B[J")).toBe(true);
  });
});

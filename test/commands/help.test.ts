// The help texts: every command has one with an example, and none is wider than a terminal.
import { tmpdir } from "node:os";
import { beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../support/run-cli.ts";

const help = async (...words: readonly string[]): Promise<string> => {
  const { status, stdout } = await runCli([...words, "--help"], {
    cwd: tmpdir(),
  });
  expect(status).toBe(0);
  return stdout;
};

describe("help", () => {
  let names: readonly string[] = [];

  beforeAll(async () => {
    const list = (await help()).split("\nCommands:\n")[1] ?? "";
    names = [...list.matchAll(/^ {2}([a-z-]+)/gm)]
      .map((match) => match[1] ?? "")
      .filter((name) => name !== "help" && name !== "pi-image");
  });

  it("knows the commands of the design", () => {
    expect(names).toEqual(
      expect.arrayContaining(["init", "check", "build", "flash", "devices"]),
    );
  });

  it("fits 80 columns and shows an example", async () => {
    for (const words of [[], ...names.map((name) => [name])]) {
      const text = await help(...words);
      expect(text).toContain("Example:\n  pi-image");
      const wide = text.split("\n").filter((line) => line.length > 80);
      expect(wide, words.join(" ")).toEqual([]);
    }
  });

  it("ends with 2 for a command or an option that does not exist", async () => {
    for (const words of [
      ["biuld"],
      ["biuld", "--help"],
      ["-h", "biuld"],
      ["help", "biuld"],
      ["build", "--hots", "x"],
      ["flash"],
    ]) {
      const { status, stderr } = await runCli(words, { cwd: tmpdir() });
      expect(status, stderr).toBe(2);
      expect(stderr).not.toBe("");
    }
  });
});

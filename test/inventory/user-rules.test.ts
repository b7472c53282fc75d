import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { userNameRule } from "../../src/inventory/rules/user-rules.ts";
import { describeWithTools } from "../support/tools.ts";

const accepted = (name: string): boolean => userNameRule(name) === undefined;

describe("login names", () => {
  it.each(["ana", "_svc", "a", "pi", "ubuntu", "ana-maria_2", "a".repeat(32)])(
    "can be %s",
    (name) => {
      expect(accepted(name)).toBe(true);
    },
  );

  it.each([
    "",
    "Ana",
    "1ana",
    "-ana",
    "ana$",
    "ana maria",
    "a".repeat(33),
    "ñ",
  ])("cannot be %j", (name) => {
    expect(accepted(name)).toBe(false);
  });
});

describeWithTools(["update-passwd"], "base-passwd as the judge", () => {
  it("has no user or group that a login name may take", () => {
    const names = ["passwd", "group"].flatMap((file) =>
      readFileSync(`/usr/share/base-passwd/${file}.master`, "utf8")
        .split("\n")
        .map((line) => line.split(":")[0] ?? "")
        .filter((name) => name !== ""),
    );
    expect(names.length).toBeGreaterThan(40);
    expect(names.filter(accepted)).toEqual([]);
  });
});

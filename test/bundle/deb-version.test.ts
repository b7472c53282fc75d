// Our order of versions, judged by dpkg.
import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { compareDebVersions } from "../../src/bundle/debian/deb-version.ts";
import { fc } from "../support/seeded.ts";
import { describeWithTools } from "../support/tools.ts";

const dpkgSays = (a: string, b: string): number => {
  const is = (operator: string) =>
    spawnSync("dpkg", ["--compare-versions", a, operator, b]).status === 0;
  return is("lt") ? -1 : is("gt") ? 1 : 0;
};

describeWithTools(["dpkg"], "the order of versions", () => {
  it.each([
    ["1.01-1.1", "1.1+git2017"],
    ["1.0~rc1", "1.0"],
    ["1:0.9", "2.0"],
    ["2.2.1-0ubuntu1~24.04.3", "2.2.1-0ubuntu1"],
    ["1.0", "1.0-0"],
    ["1.0a", "1.0+"],
    ["1.0-1-2", "1.0-1-10"],
  ])("of %s and %s is dpkg's", (a, b) => {
    expect(Math.sign(compareDebVersions(a, b))).toBe(dpkgSays(a, b));
    expect(Math.sign(compareDebVersions(b, a))).toBe(dpkgSays(b, a));
  });

  it("of random versions is dpkg's", () => {
    const part = fc
      .array(fc.constantFrom("0", "1", "9", "10", "a", "Z", "+", "~", "."), {
        maxLength: 5,
      })
      .map((pieces) => `1${pieces.join("")}`);
    const version = fc
      .tuple(
        fc.constantFrom("", "0:", "1:"),
        part,
        fc.constantFrom("", "-"),
        part,
      )
      .map(([epoch, upstream, dash, revision]) =>
        dash === "" ? epoch + upstream : `${epoch}${upstream}-${revision}`,
      );
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(Math.sign(compareDebVersions(a, b))).toBe(dpkgSays(a, b));
      }),
      { numRuns: 200 },
    );
  });
});

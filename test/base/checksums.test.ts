// Checksum lists in every form that tools write, and what is made of a wrong or unreadable one.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseChecksumList } from "../../src/base/checksum-list.ts";
import {
  checksumsBeside,
  demandChecksums,
  givenChecksum,
} from "../../src/base/checksums.ts";
import { describeWithTools } from "../support/tools.ts";
import { outcomeOf, testFolder } from "./base-options.ts";

const A = "a".repeat(64);
const B = "0123456789abcdef".repeat(4);

const thrown = (work: () => unknown) =>
  outcomeOf(Promise.resolve().then(() => work()));

describe("a checksum list", () => {
  it.each([
    ["of Ubuntu, with a star", `${A} *a.img\n${B} *b+c.img.xz\n`],
    ["of text mode, with two spaces", `${A}  a.img\n${B}  b+c.img.xz\n`],
    ["with CRLF and empty lines", `\r\n${A}  a.img\r\n\r\n${B} *b+c.img.xz`],
    ["with capitals", `${A.toUpperCase()}  a.img\n${B}  b+c.img.xz\n`],
    ["with ./", `${A}  ./a.img\n${B}  ./b+c.img.xz\n`],
    ["of BSD", `SHA256 (a.img) = ${A}\nSHA256 (b+c.img.xz) = ${B}\n`],
  ])("%s is understood", (_, text) => {
    expect([...parseChecksumList(text, "list")]).toEqual([
      ["a.img", A],
      ["b+c.img.xz", B],
    ]);
  });

  it.each([
    ["a web page", "<html>not found</html>", "line 1"],
    ["a shorter digest", `${A}  a.img\n${A.slice(1)}  b.img\n`, "line 2"],
    ["a longer digest", `${A}0  a.img\n`, "line 1"],
    ["SHA-512", `${A}${A}  a.img\n`, "line 1"],
    ["one space only", `${A} a.img\n`, "line 1"],
    ["an escaped name", `\\${A}  a\\nb.img\n`, "line 1"],
    ["a signed message", `-----BEGIN PGP SIGNED MESSAGE-----\n`, "line 1"],
    ["nothing", "\n", "is empty"],
    ["two digests for a file", `${A}  a\n${B}  a\n`, "two checksums for a"],
  ])("with %s is an error", async (_, text, why) => {
    const outcome = await thrown(() => parseChecksumList(text, "list"));
    expect(outcome).toContain("CHECKSUM_LIST_WRONG 4: list ");
    expect(outcome).toContain(why);
  });
});

describeWithTools(["sha256sum"], "sha256sum", () => {
  it.each([[], ["--text"], ["--binary"], ["--tag"]])(
    "and we agree on a list made with %s",
    (...args) => {
      const cwd = testFolder();
      writeFileSync(join(cwd, "a b.img"), "some bytes");
      const sum = (...more: string[]) =>
        spawnSync("sha256sum", more, { cwd, encoding: "utf8" });
      const list = sum(...args.filter(Boolean), "a b.img").stdout;
      const plain = sum("a b.img").stdout.slice(0, 64);
      expect(plain).toMatch(/^[0-9a-f]{64}$/);
      expect([...parseChecksumList(list, "list")]).toEqual([
        ["a b.img", plain],
      ]);
      writeFileSync(join(cwd, "list"), list);
      expect(sum("--check", "list").status).toBe(0);
    },
  );
});

describe("a file's checksums", () => {
  const folderWith = (files: Readonly<Record<string, string>>): string => {
    const folder = testFolder();
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(folder, name), text);
    }
    return join(folder, "a.img");
  };
  const beside = async (files: Readonly<Record<string, string>>) =>
    (await checksumsBeside(folderWith(files))).map(({ sha256 }) => sha256);

  it.each([
    ["no list", {}, []],
    ["a.img.sha256 with the name", { "a.img.sha256": `${A}  a.img\n` }, [A]],
    ["a.img.sha256 with a path", { "a.img.sha256": `${A}  /x/a.img\n` }, [A]],
    ["a.img.sha256 without a name", { "a.img.sha256": `${A}\n` }, [A]],
    ["SHA256SUMS", { SHA256SUMS: `${B}  b.img\n${A} *a.img\n` }, [A]],
    ["SHA256SUMS without the file", { SHA256SUMS: `${B}  b.img\n` }, []],
    ["both", { "a.img.sha256": `${A}\n`, SHA256SUMS: `${B}  a.img\n` }, [A, B]],
  ])("are found with %s", async (_, files, expected) => {
    expect(await beside(files)).toEqual(expected);
  });

  it("of another file are an error", async () => {
    expect(
      await outcomeOf(beside({ "a.img.sha256": `${A}  other.img\n` })),
    ).toContain("has no checksum for a.img but for other.img");
  });
  it("that cannot be read are an error", async () => {
    const path = folderWith({});
    mkdirSync(`${path}.sha256`);
    expect(await outcomeOf(checksumsBeside(path))).toMatch(
      /^CHECKSUM_LIST_WRONG 4: .*a\.img\.sha256 cannot be read \(EISDIR\)$/,
    );
  });
  it("in a file of megabytes are an error", async () => {
    expect(
      await outcomeOf(beside({ SHA256SUMS: "x".repeat(2 ** 20 + 1) })),
    ).toContain("too large to be a list");
  });
  it("that differ name both digests", async () => {
    const outcome = thrown(() =>
      demandChecksums("a.img", B, [
        { sha256: B, from: "one" },
        { sha256: A, from: "two" },
      ]),
    );
    expect(await outcome).toBe(
      "CHECKSUM_MISMATCH 4: a.img does not have the checksum that two says",
    );
    expect(() => {
      demandChecksums("a.img", B, [{ sha256: B, from: "one" }]);
    }).not.toThrow();
  });
  it("given by hand are checked for their form", async () => {
    expect(givenChecksum(undefined)).toBeUndefined();
    expect(givenChecksum(A.toUpperCase())?.sha256).toBe(A);
    expect(await thrown(() => givenChecksum("abc"))).toBe(
      'WRONG_ARGUMENTS 2: "abc" is no SHA-256 checksum',
    );
  });
});

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  looksPrivate,
  parsePublicKeys,
} from "../../src/inventory/rules/ssh-keys.ts";
import { describeWithTools } from "../support/tools.ts";

const KEYS = ["ed25519", "ecdsa", "rsa"].map((type) =>
  readFileSync(`test/inventory/invalid/keys/id_${type}.pub`, "utf8").trim(),
);

const accepted = (text: string): boolean =>
  parsePublicKeys(text).problem === undefined;

describe("public keys", () => {
  it.each(KEYS)("are whole lines: %s", (key) => {
    expect(parsePublicKeys(`${key}\n`)).toEqual({
      keys: [key],
      problem: undefined,
    });
    expect(accepted(key.split(" ").slice(0, 2).join(" "))).toBe(true);
    expect(accepted(key.split(" ").slice(1).join(" "))).toBe(false);
    expect(accepted(key.slice(0, 60))).toBe(false);
  });

  it("may have options in front, with blanks in their quotes", () => {
    const [key = ""] = KEYS;
    const line = `from="10.0.0.0/8,*.home.arpa",command="echo \\"a b\\"" ${key}`;
    expect(parsePublicKeys(line).keys).toEqual([line]);
    expect(accepted(line)).toBe(true);
  });

  it("may be several, between comments and blank lines", () => {
    const text = `# mine\r\n\r\n${KEYS.join("\r\n")}\r\n`;
    expect(parsePublicKeys(text)).toEqual({ keys: KEYS, problem: undefined });
  });

  it.each([
    ["", /empty/],
    ["# only a comment\n", /empty/],
    ["ssh-dss AAAAB3NzaC1kc3MAAACBAP test", /DSA/],
    ["ssh-ed25519", /damaged/],
    ["ssh-ed25519 not+base64!", /damaged/],
    [`ssh-rsa ${(KEYS[0] ?? "").split(" ")[1]}`, /damaged/],
    [`ssh-ed25519 ${"A".repeat(20_000)}`, /longer/],
    ["---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n", /no key type/],
  ])("are not %j", (text, problem) => {
    expect(parsePublicKeys(text).problem).toMatch(problem);
  });

  it("are told from private ones", () => {
    for (const kind of ["OPENSSH ", "RSA ", "EC ", "ENCRYPTED ", ""]) {
      expect(looksPrivate(`-----BEGIN ${kind}PRIVATE KEY-----\nx`)).toBe(true);
    }
    expect(looksPrivate("PuTTY-User-Key-File-3: ssh-ed25519")).toBe(true);
    expect(KEYS.some(looksPrivate)).toBe(false);
  });
});

describeWithTools(["ssh-keygen"], "ssh-keygen as the judge", () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "pi-image-keys-"));
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  const judge = (line: string): boolean => {
    const path = join(folder, "key.pub");
    writeFileSync(path, `${line}\n`);
    return spawnSync("ssh-keygen", ["-l", "-f", path]).status === 0;
  };

  it("agrees about keys of every type, whole and damaged", () => {
    const damage = KEYS.flatMap((key) => [
      key,
      key.slice(0, 40),
      key.replace("AAAA", "BBBB"),
      key.replace(/ AAAA\w{4}/, " "),
      key.replace(/^\S+/, "ssh-something"),
    ]);
    const verdicts = damage.map(judge);
    expect(damage.map(accepted)).toEqual(verdicts);
    expect(new Set(verdicts)).toEqual(new Set([true, false]));
  });

  it("accepts what a new key file holds", () => {
    for (const type of ["ed25519", "ecdsa"]) {
      const path = join(folder, `new_${type}`);
      spawnSync("ssh-keygen", ["-q", "-t", type, "-N", "", "-f", path]);
      expect(accepted(readFileSync(`${path}.pub`, "utf8"))).toBe(true);
      expect(looksPrivate(readFileSync(path, "utf8"))).toBe(true);
    }
  });
});

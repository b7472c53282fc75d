import { describe, expect, it } from "vitest";
import { defaultAnswers } from "../../src/inventory/implied-inventory.ts";
import { initTemplate } from "../../src/inventory/init-template.ts";
import { maskSecrets } from "../../src/inventory/masks/mask-secrets.ts";
import { parseYamlFile } from "../../src/inventory/yaml/yaml-file.ts";

const masked = (text: string): string =>
  maskSecrets(parseYamlFile("f.yaml", text), text).shown;

describe("the text that frames show", () => {
  it.each([
    ["password: hunter2", "password: *******"],
    [
      "wifi: {ssid: home, psk: hunter2, hidden: 1}",
      "wifi: {ssid: home, psk: *******, hidden: 1}",
    ],
    ["a: {password: [hun, ter2]}", "a: {password: ***********}"],
    [
      "password: |\n  hunter2\n  more\nb: 1\n",
      "password: *\n*********\n******\nb: 1\n",
    ],
    ["a: 'https://ana:hunter2@host/'", "a: ***************************"],
    [
      "a: &x {password: hunter2}\nb: *x\n",
      "a: &x {password: *******}\nb: *x\n",
    ],
  ])("hides the secret of %j", (text, expected) => {
    expect(masked(text)).toBe(expected);
  });

  it("hides it behind a mistyped key, also after a file of thousands of names", () => {
    masked(Array.from({ length: 3000 }, (_, n) => `k${n}: 1`).join("\n"));
    expect(masked("pasword: hunter2\ntimezon: Europe/Madrid")).toBe(
      "pasword: *******\ntimezon: Europe/Madrid",
    );
  });

  it.each([
    "password: env:WIFI_PASSWORD",
    "password: file:~/secret",
    "password: prompt",
    "password: 'exec:pass show wifi'",
    "base: https://example.org/image",
  ])("keeps the reference %j", (text) => {
    expect(masked(text)).toBe(text);
  });

  it.each([
    'a: "b\nc: {password: hunter2\n',
    "a: [1\npassword: hunter2\n",
    "a: [1\nwifi:\n  password: |\n    hunter2\n    hunter2\nb: 1\n",
    'a: [1\nwifi: {"psk": "hunter2"}\n',
    "a: [1\nk: |\n  -----BEGIN RSA PRIVATE KEY-----\n  hunter2\n",
    "a: !x [1\nPassphrase:    hunter2\n",
  ])("hides it in broken YAML: %j", (text) => {
    const shown = masked(text);
    expect(shown).not.toContain("hunter2");
    expect(shown.split("\n").map((line) => line.length)).toEqual(
      text.split("\n").map((line) => line.length),
    );
    expect(shown.startsWith("a: ")).toBe(true);
  });

  it("hides a secret in a comment, and nothing of the document below it", () => {
    expect(
      masked(
        "# password: hunter2\n#   and more\ncluster:\n  name: home\n\n  endpoint: a\n",
      ),
    ).toBe(
      "# password: *******\n************\ncluster:\n  name: home\n\n  endpoint: a\n",
    );
  });

  it("shows every line of what init writes but the secrets that somebody adds", () => {
    const text = initTemplate(defaultAnswers("ana", []));
    expect(masked(text)).toBe(text);
  });

  it("keeps references in broken YAML", () => {
    const text = "nodes: [1\npassword: env:WIFI\npsk: 'file:x'\n";
    expect(masked(text)).toBe(text);
  });

  it("can follow values that hold themselves", () => {
    expect(masked("a: &a {b: *a, password: hunter2}\n")).not.toContain(
      "hunter2",
    );
  });
});

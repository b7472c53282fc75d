// Secrets planted at random places of an inventory, in every form that YAML has: none shows in a frame or a message.
import { describe, expect, it } from "vitest";
import { maskLines } from "../../src/inventory/masks/mask-secrets.ts";
import { parseInventory } from "../../src/inventory/parse-inventory.ts";
import { renderProblems } from "../../src/terminal/code-frame.ts";
import { fc } from "../support/seeded.ts";

/** As people and other tools call it, and as they mistype it. */
const KEYS = [
  ..."password pasword passwrod pasword1 Password passwd pwd pass pass_phrase passphrase".split(
    " ",
  ),
  ..."wifiPassword wifi-password PSK psk pks pre-shared-key key apiKey api_key token secrets".split(
    " ",
  ),
  ..."kennwort contraseña plain_text_passwd privateKey wpaPsk credentials".split(
    " ",
  ),
];

type Plant = (key: string, secret: string) => string;

const dq = JSON.stringify;
const sq = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Lines of a Wi-Fi network, without their indentation. */
const BLOCK: Readonly<Record<string, Plant>> = {
  plain: (key, secret) => `${key}: ${secret}`,
  "in double quotes": (key, secret) => `${key}: ${dq(secret)}`,
  "in single quotes": (key, secret) => `${key}:   ${sq(secret)}`,
  "behind a quoted key": (key, secret) => `"${key}": ${dq(secret)}`,
  "behind a key and a blank": (key, secret) => `${key} : ${dq(secret)}`,
  "as a literal block": (key, secret) => `${key}: |\n  ${secret}\n  ${secret}`,
  "as a folded block": (key, secret) => `${key}: >-\n\n  ${secret}`,
  "on the next line": (key, secret) => `${key}:\n  ${dq(secret)}`,
  "on several lines": (key, secret) =>
    `${key}: "${secret.slice(0, 8)}\n  ${secret.slice(8)}"`,
  "in a list": (key, secret) => `${key}: [1, ${dq(secret)}]`,
  "in a list of lines": (key, secret) => `${key}:\n- ${dq(secret)}`,
  "in a mapping": (key, secret) => `${key}: {value: ${dq(secret)}}`,
  "as a key": (key, secret) => `${key}: {${dq(secret)}: 1}`,
  "with an anchor": (key, secret) => `${key}: &here ${dq(secret)}`,
  "with a tag": (key, secret) => `${key}: !tag ${dq(secret)}`,
  "as an anchor": (key, secret) => `${key}: &${secret}`,
  "as an alias": (key, secret) => `${key}: *${secret}`,
  "as a tag": (key, secret) => `${key}: !${secret}`,
  "as a block header": (key, secret) => `${key}: |${secret}`,
  "behind a reserved letter": (key, secret) => `${key}: @${secret}`,
  "as an alias of another value": (key, secret) =>
    `hidden: &there ${dq(secret)}\n${key}: *there`,
  "as a number": (key, secret) =>
    `${key}: ${BigInt(`0x${Buffer.from(secret).toString("hex")}`)}`,
  "written twice": (key, secret) => `${key}: ${dq(secret)}\n${key}: env:WIFI`,
  "without a blank": (key, secret) => `${key}:${secret}`,
  "with an equals sign": (key, secret) => `${key}=${secret}`,
  "in a comment": (key, secret) => `# ${key}: ${secret}\nhidden: 1`,
  "in a comment in words": (key, secret) =>
    `# the ${key} is ${secret}.\nhidden: 1`,
  "beside a reference": (key, secret) => `${key}: env:WIFI # ${secret}`,
  "beside another secret": (key, secret) => `${key}: hunter22 # ${secret}`,
  "as a block in a comment": (key, secret) =>
    `# ${key}: |\n#   ${secret}\nhidden: 1`,
  "behind a question mark": (key, secret) => `? ${key}\n: ${dq(secret)}`,
};

/** Whole `wifi:` entries. */
const FLOW: Readonly<Record<string, Plant>> = {
  "flow mapping": (key, secret) =>
    `{ssid: home, ${key}: ${dq(secret)}, country: XX}`,
  "flow mapping, plain": (key, secret) => `{${key}: ${secret}, country: XX}`,
  "flow mapping without a blank": (key, secret) =>
    `{ssid: home, ${key}:${secret}}`,
  "flow mapping with JSON": (key, secret) =>
    `{"ssid": "home", "${key}":${dq(secret)}}`,
  "list of networks": (key, secret) =>
    `[{ssid: a, country: ES}, {ssid: b, ${key}: ${dq(secret)}}]`,
  "the secret itself": (_, secret) => dq(secret),
  "the secret itself, plain": (_, secret) => secret,
  "a list of the secret": (_, secret) => `[${dq(secret)}]`,
  "an unknown key": (_, secret) => `{ssid: home, geheim1: ${dq(secret)}}`,
};

/** What else is wrong with the file, so that more of it is shown. */
const TROUBLE: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => `${text}  - {name: Worker, role: wurker}\n`,
  (text) => `${text}more: [1\n`,
  (text) => `${text}"more\n`,
  (text) => `\tmore: 1\n${text}`,
  (text) => `${text}more: *nothing\n`,
  (text) => `${text}---\n${text}`,
  (text) => text.replace("name: homelab", "name: homelab: x"),
  (text) => text.replace("nodes:\n", "nodes:\n  - 1\n").replaceAll("ES", "E"),
  (text) => text.replaceAll("\n", "\r\n"),
];

const HEAD = "cluster: {name: homelab}\ndefaults:\n";
const TAIL = "nodes:\n  - {name: cplane, role: control-plane}\n";

const inBlock = (lines: string): string =>
  `${HEAD}  wifi:\n    ssid: home\n${lines.replaceAll(/^/gm, "    ")}\n    country: XX\n${TAIL}`;

const inFlow = (value: string): string => `${HEAD}  wifi: ${value}\n${TAIL}`;

/** Enough of it to be of use to somebody. */
const SHOWN = 6;

const leak = (output: string, secret: string): string | undefined => {
  for (let at = 0; at + SHOWN <= secret.length; at += 1) {
    const part = secret.slice(at, at + SHOWN);
    if (output.includes(part)) {
      return part;
    }
  }
  return undefined;
};

const outputOf = (text: string): string => {
  const { problems, shown } = parseInventory("cluster.yaml", text);
  const files = new Map([["cluster.yaml", shown]]);
  return [
    renderProblems(problems, files, { color: false }),
    JSON.stringify(problems),
    shown,
  ].join("\n");
};

const secrets = fc
  .array(
    fc.constantFrom(
      ...Array.from("abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"),
    ),
    {
      minLength: 12,
      maxLength: 63,
    },
  )
  .map((letters) => letters.join(""));

/** With letters that YAML, JSON and messages write in other ways. */
const awkward = fc
  .tuple(
    secrets,
    fc.constantFrom('"', "'", "\\", " # ", ": ", ", ", "{", "é", "\u00A0", "%"),
  )
  .map(([letters, odd]) => `${letters.slice(0, 7)}${odd}${letters.slice(7)}`);

const neverShows = (
  plants: Readonly<Record<string, Plant>>,
  file: (lines: string) => string,
) =>
  it.each(Object.entries(plants))("%s", (name, plant) => {
    const quotes =
      /quotes|list|flow mapping$|JSON|itself$|unknown|next line/.test(name);
    fc.assert(
      fc.property(
        quotes ? fc.oneof(secrets, awkward) : secrets,
        fc.constantFrom(...KEYS),
        fc.constantFrom(...TROUBLE),
        (secret, key, trouble) => {
          const text = trouble(file(plant(key, secret)));
          const output = outputOf(text);
          const digits = /\d{20,}/.exec(plant(key, secret))?.[0];
          const found = leak(output, digits ?? secret);
          if (found !== undefined) {
            expect.unreachable(`${found} of\n${text}\nshows in\n${output}`);
          }
        },
      ),
      { numRuns: 15 },
    );
  });

describe("a secret in lines of its own never shows:", () => {
  neverShows(BLOCK, inBlock);
});

describe("a secret in a flow collection never shows:", () => {
  neverShows(FLOW, inFlow);
});

/** Of letters and digits that stand for a secret's own, in each form. */
const FORMS: Readonly<Record<string, (letters: string) => string>> = {
  "an age identity": (letters) => `AGE-SECRET-KEY-1${letters.toUpperCase()}`,
  "a token of kubeadm": (letters) =>
    `${letters.slice(0, 6).toLowerCase()}.7${letters.slice(6, 21).toLowerCase()}`,
  "a key of 64 hexadecimal digits": (letters) =>
    Buffer.from(letters.slice(0, 32)).toString("hex"),
  "a token of GitHub": (letters) => `ghp_${letters.slice(0, 36)}`,
  "a token of k3s": (letters) => `K10${"0".repeat(64)}::server:${letters}`,
  "a key of Tailscale": (letters) => `tskey-auth-${letters}`,
  "a JSON web token": (letters) =>
    `eyJhbGciOiJSUzI1NiJ9.eyJ${letters}.${letters}`,
  "the hash of a password": (letters) => `$6$${letters.slice(0, 8)}$${letters}`,
  "256 bits in base64": (letters) => `x1Z${letters.slice(0, 40)}=`,
  "a private key in one line": (letters) =>
    `-----BEGIN OPENSSH PRIVATE KEY----- ${letters} -----END OPENSSH PRIVATE KEY-----`,
  "a private key without an end": (letters) =>
    `-----BEGIN RSA PRIVATE KEY----- ${letters}`,
  "what is in OpenSSH's private key": (letters) =>
    `b3BlbnNzaC1rZXktdjEA${letters}`,
};

/** Where a person who knows better pastes it. */
const PLACES: Readonly<Record<string, (secret: string) => string>> = {
  ssid: (secret) => inBlock(`ssid: ${dq(secret)}`).replace("ssid: home", ""),
  hostname: (secret) =>
    `${HEAD}  timezone: UTC\n${TAIL}    hostname: ${secret}\n`,
  "the name of the cluster": (secret) =>
    inBlock("").replace("homelab", dq(secret)),
  "the address": (secret) => `${HEAD}${TAIL}    address: ${sq(secret)}\n`,
  "a key": (secret) => `${HEAD}  ${dq(secret)}: 1\n${TAIL}`,
  "a remark": (secret) => `${HEAD}  # ${secret}\n${TAIL}  - 1\n`,
  "a list of config lines": (secret) =>
    `${HEAD}  config: [${dq(secret)}]\n${TAIL}`,
  "a text of its own": (secret) => `${secret}\n`,
};

describe("a secret by its form never shows:", () => {
  it.each(Object.entries(FORMS))("%s", (_, form) => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom(
            ...Array.from("ACDEFGHJKLMNPQRSTUVWXYZ23456789"),
          ),
          minLength: 58,
          maxLength: 58,
        }),
        fc.constantFrom(...Object.values(PLACES)),
        fc.constantFrom(...TROUBLE),
        (letters, place, trouble) => {
          const secret = form(letters);
          const text = trouble(place(secret));
          const found = leak(outputOf(text), secret.slice(-20));
          if (found !== undefined) {
            expect.unreachable(
              `${found} of\n${text}\nshows in\n${outputOf(text)}`,
            );
          }
        },
      ),
      { numRuns: 15 },
    );
  });

  it.each([TAIL, `${TAIL}more: [1\n`])("escaped either, before %j", (tail) => {
    const text = `${HEAD}  locale: "\\u0041GE-SECRET-KEY-1${"X9".repeat(29)}"\n${tail}`;
    expect(leak(outputOf(text), "X9".repeat(29))).toBeUndefined();
  });

  it("in a fragment neither, whatever its key", () => {
    const text = `hostname: ${FORMS["an age identity"]?.("X".repeat(58)) ?? ""}\n`;
    expect(maskLines(text)).toMatch(/^hostname: \*+\n$/);
  });

  it.each([
    ["abcdef.0123456789abcdef", true],
    ["abcdef.abcdefghijklmn7p", true],
    ["a1cdef.abcdefghijklmnop", true],
    ["node01.a1bcdefghijklmno", true],
    ["node01.homelabcluster01", false],
    ["server.homelabhomelabxy", false],
    ["gitlab.raspberrypicl123", false],
  ])("unless it looks like a name and its domain: %s", (text, hidden) => {
    expect(maskLines(`hostname: ${text}\n`).includes("*")).toBe(hidden);
  });
});

describe("what is no secret", () => {
  it("shows, also where something beside it is wrong", () => {
    const line =
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOnpJv1RLwluXwBXcDwIVQEbxP4VRY8T1f4VY3zbO8TK me";
    const text = `${HEAD}  hostname: abcdefgh
  timezon: Europe/Madrid
  keyId: DE15B14486CD377B9E876E1A234654DA9A296436
  users: [{name: ana, sshKeys: ["${line}"], publicKey: "${line}", key: "${line}"}]
  wifi: {ssid: mynetwork, country: ES, password: "exec:pass show wifi"}
  config: ["dtparam=gpiopin=4"] # as the manual says
${TAIL}`;
    const { shown } = parseInventory("cluster.yaml", text);
    expect(shown).toBe(text);
  });

  it("would be found if it showed", () => {
    expect(leak("it says abcdefgh", "xxabcdefghxx")).toBe("abcdef");
    expect(outputOf(inFlow("{ssid: hunter2hunter2, countri: ES}"))).toContain(
      "hunter2hunter2",
    );
  });
});

// What the search for secrets finds in planted ones, and what it leaves alone.
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { bufferSource } from "../../src/image/source.ts";
import type { Wifi } from "../../src/inventory/resolved.ts";
import { findSecrets } from "../../src/release/find-secrets.ts";
import {
  clusterSecretTexts,
  wifiSecretTexts,
} from "../../src/release/project-secrets.ts";
import { secret } from "../../src/report/secret.ts";
import { scanImage } from "../../src/release/scan-image.ts";
import { scanTexts } from "../../src/release/scan-texts.ts";
import { renderRoleSeed } from "../../src/seed/render-role-seed.ts";
import { renderSeed } from "../seed/render-seed.ts";
import {
  controlPlane,
  fixedSecrets,
  homeWifi,
  packageLibrary,
  sampleNode,
  sampleProject,
  seedInput,
} from "../seed/sample-project.ts";
import { temporaryFolder } from "../support/folder.ts";
import { describeWithTools } from "../support/tools.ts";
import { seededBytes } from "../support/seeded.ts";

const kinds = (text: string | Buffer): readonly string[] =>
  findSecrets(Buffer.from(text), []).map(({ kind }) => kind);

const pem = generateKeyPairSync("ec", { namedCurve: "P-256" })
  .privateKey.export({ type: "pkcs8", format: "pem" })
  .toString();

const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 })
  .privateKey.export({
    type: "pkcs1",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase: "x",
  })
  .toString();

const indented = (text: string): string => text.replaceAll(/^/gm, "      ");

let lettersMade = 0;

const letters = (count: number): string =>
  seededBytes(count * 2, (lettersMade += 1))
    .toString("base64")
    .replaceAll(/[+/=]/g, "")
    .slice(0, count);

const jwt = [
  '{"alg":"RS256","kid":"x"}',
  '{"iss":"kubernetes/serviceaccount"}',
  "s".repeat(200),
]
  .map((part) => Buffer.from(part).toString("base64url"))
  .join(".");

it.each([
  ["a private key", pem],
  ["a private key", rsa],
  ["a private key", `content: |\n${indented(pem)}`],
  ["a private key", JSON.stringify({ key: pem })],
  [
    "a private key in base64",
    `client-key-data: ${Buffer.from(pem).toString("base64")}\n`,
  ],
  ["an age identity", `AGE-SECRET-KEY-1${"Q".repeat(58)}\n`],
  [
    "a password in cloud-init's configuration",
    "plain_text_passwd: 'hunter2'\n",
  ],
  [
    "a password in cloud-init's configuration",
    "chpasswd:\n  expire: false\n  list: |\n    ubuntu:hunter2\n",
  ],
  [
    "a password in cloud-init's configuration",
    "chpasswd: {expire: false, users: [{name: ana, password: hunter2, type: text}]}\n",
  ],
  [
    "the key of a Wi-Fi network",
    'network={\n ssid="home"\n psk="correct horse"\n}\n',
  ],
  ["the key of a Wi-Fi network", `psk=${"0123abcd".repeat(8)}\n`],
  [
    "the key of a Wi-Fi network",
    "[wifi-security]\nkey-mgmt=wpa-psk\npsk=correct horse\n",
  ],
  [
    "the key of a Wi-Fi network in netplan's form",
    'wifis:\n  wlan0:\n    access-points:\n      "home":\n        password: "correct horse"\n',
  ],
  [
    "the key of a Wi-Fi network in netplan's form",
    `access-points: {home: {auth: {key-management: psk, password: ${"ab12".repeat(16)}}}}\n`,
  ],
  ["a bootstrap token of kubeadm", "  token: 07401b.f395accd246ae52d\n"],
  [
    "a bootstrap token of kubeadm",
    "kubeadm join 10.0.0.1:6443 --token 07401b.f395accd246ae52d --discovery\n",
  ],
  ["an access token", `https://ghp_${letters(36)}@github.com/x\n`],
  ["an access token", `aws_access_key_id = AKIA${"ABCD".repeat(4)}\n`],
  ["a signed token (JWT)", `token: ${jwt}\n`],
])("finds %s", (kind, text) => {
  expect(kinds(`some text\n${text}more text\n`)).toEqual([kind]);
  // In the middle of other bytes, as on a disk.
  const bytes = Buffer.concat([
    seededBytes(5000, "before"),
    Buffer.from("x"),
    Buffer.from(text),
    seededBytes(5000, "behind"),
  ]);
  expect(kinds(bytes)).toEqual([kind]);
});

it.each([
  ["the header of a key alone", "-----BEGIN OPENSSH PRIVATE KEY-----\n"],
  ["a public key", pem.replaceAll("PRIVATE", "PUBLIC")],
  [
    "a certificate in base64",
    Buffer.from(pem.replaceAll("PRIVATE KEY", "CERTIFICATE")).toString(
      "base64",
    ),
  ],
  ["a locked password", "root:!:19000:0:99999:7:::\n*:$6$\n"],
  ["what a variable stands for", "psk=$psk\npassword: ${password}\n"],
  ["the token of kubeadm's documentation", "token: abcdef.0123456789abcdef\n"],
  ["what the scrub leaves", "token: 000000.0000000000000000\n"],
  ["a price", "it costs 6$ or 5$, $1 for two, $y$ for more\n"],
])("leaves %s alone", (_, text) => {
  expect(kinds(text)).toEqual([]);
});

describeWithTools(["openssl", "ssh-keygen"], "against real programs", () => {
  it("finds the keys and hashes that they make", async () => {
    const folder = await temporaryFolder();
    const key = join(folder, "key");
    for (const type of ["ed25519", "rsa", "ecdsa"]) {
      execFileSync(
        "ssh-keygen",
        ["-q", "-t", type, "-N", "", "-f", `${key}-${type}`],
        { stdio: "pipe" },
      );
      expect(kinds(readFileSync(`${key}-${type}`))).toEqual(["a private key"]);
      expect(kinds(readFileSync(`${key}-${type}.pub`))).toEqual([]);
    }
    for (const method of ["-1", "-5", "-6"]) {
      const hash = execFileSync("openssl", ["passwd", method, "hunter2"], {
        stdio: "pipe",
      });
      expect(kinds(`ana:${hash.toString().trim()}:19000:0:::\n`)).toEqual([
        "the hash of a password",
      ]);
    }
    // yescrypt, which Ubuntu's passwd writes; no program here makes one everywhere.
    const yescrypt = `$y$j9T$${letters(22)}$${letters(43)}`;
    expect(kinds(`ana:${yescrypt}:19000:0:::\n`)).toEqual([
      "the hash of a password",
    ]);
  });

  it("finds nothing in the programs themselves", () => {
    for (const program of ["ssh-keygen", "openssl", "bash"]) {
      expect(kinds(readFileSync(`/usr/bin/${program}`)), program).toEqual([]);
    }
  });
});

/** Joined by a certificate, whose key has a password. */
const officeWifi: Wifi = {
  ...homeWifi,
  ssid: "office",
  security: "enterprise",
  password: undefined,
  eap: {
    method: "tls",
    identity: "node",
    anonymousIdentity: undefined,
    ca: "system",
    domain: "radius.example.org",
    certificate: fixedSecrets().admin.certificate,
    key: secret(
      generateKeyPairSync("ec", {
        namedCurve: "P-256",
        privateKeyEncoding: { type: "pkcs8", format: "pem" },
        publicKeyEncoding: { type: "spki", format: "pem" },
      }).privateKey,
    ),
    keyPassword: secret("open sesame"),
  },
};

it("knows every secret of the cluster where it stands, and the Wi-Fi's", async () => {
  const node = {
    ...controlPlane,
    network: { ...controlPlane.network, wifi: [homeWifi, officeWifi] },
  };
  const { seed } = renderSeed(
    await seedInput({ ...sampleProject, nodes: [node, sampleNode] }, node),
  );
  const known = [
    ...clusterSecretTexts(fixedSecrets()),
    ...wifiSecretTexts({ ...sampleProject, nodes: [node] }),
  ];
  const found = findSecrets(
    Buffer.from(`${seed?.userData}${seed?.networkConfig}`),
    known,
  ).map(({ kind }) => kind);
  expect(found).toEqual(
    expect.arrayContaining([
      "the private key of the cluster's authority",
      "the private key of etcd's authority",
      "the private key of the service accounts",
      "the private key of cplane's SSH host key",
      "the key of the Wi-Fi network home",
      "the private key of the Wi-Fi network office",
      "the password of the key of the Wi-Fi network office",
    ]),
  );
  // Every value is long enough to be no accident.
  for (const { texts, kind } of known) {
    expect(texts.length, kind).toBeGreaterThan(0);
    expect(
      texts.every((text) => text.length >= 8),
      kind,
    ).toBe(true);
  }
});

it("finds none in the seeds of the roles, which have no node's name either", async () => {
  for (const role of ["control-plane", "worker"] as const) {
    const { seed, leftOut, problems } = renderRoleSeed({
      project: sampleProject,
      role,
      base: "ubuntu-24.04",
      library: await packageLibrary(),
      buildTime: new Date(0),
      version: "0",
    });
    expect(problems).toEqual([]);
    expect(leftOut).toContain("host/ssh-host-key.yaml");
    const texts = new Map(
      Object.entries(seed ?? {}).map(([name, text]) => [name, text ?? ""]),
    );
    expect(texts.size).toBe(5);
    expect(scanTexts(texts, clusterSecretTexts(fixedSecrets()))).toEqual([]);
    for (const [name, text] of texts) {
      expect(text, name).not.toMatch(/cplane|worker[12]|homelab|ana@laptop/);
    }
  }
});

it("looks into packed files and names the line", () => {
  const packed = gzipSync(pem).toString("base64");
  const text = `#cloud-config\nwrite_files:\n  - path: /key\n    encoding: gz+b64\n    content: ${packed}\n`;
  expect(scanTexts(new Map([["user-data", text]]), [])).toEqual([
    { kind: "a private key", place: "user-data/1:1" },
  ]);
  const archive = `#cloud-config-archive\n- type: text/cloud-config\n  content: |\n${indented(text)}`;
  expect(scanTexts(new Map([["vendor-data", archive]]), [])).toEqual([
    { kind: "a private key", place: "vendor-data/1/1:1" },
  ]);
  expect(scanTexts(new Map([["cmdline.txt", `quiet\n${pem}`]]), [])).toEqual([
    { kind: "a private key", place: "cmdline.txt:2" },
  ]);
});

it("finds what lies across the border of two pieces, once, and what the patch brings", async () => {
  const MIB = 1024 * 1024;
  const image = Buffer.alloc(24 * MIB);
  const border = 8 * MIB - 2000;
  image.write(pem, border - 40, "latin1");
  image.write("correct horse battery", 3 * MIB, "latin1");
  const job = {
    source: bufferSource(image),
    patch: [{ offset: 20 * MIB, data: Buffer.from(pem) }],
    ranges: [
      { offset: 0, length: 18 * MIB },
      { offset: 20 * MIB, length: 4 * MIB },
    ],
    known: [
      { kind: "a passphrase", texts: ["correct horse battery"], random: false },
    ],
    subject: "image",
    report: () => undefined,
    signal: new AbortController().signal,
  };
  expect(await scanImage(job)).toEqual([
    { kind: "a private key", place: `byte:${border - 40}` },
    { kind: "a private key", place: `byte:${20 * MIB}` },
  ]);
});

it("finds a secret wherever it stands, so that accepting one place accepts no other", async () => {
  const word = "correct horse battery staple";
  const known = [{ kind: "a passphrase", texts: [word], random: true }];
  const MIB = 1024 * 1024;
  const image = Buffer.alloc(9 * MIB);
  const places = [5, 4 * MIB, 4 * MIB + word.length, 8 * MIB + 7];
  for (const place of places) {
    image.write(word, place, "latin1");
  }
  const found = await scanImage({
    source: bufferSource(image),
    patch: [],
    ranges: [{ offset: 0, length: image.length }],
    known,
    subject: "image",
    report: () => undefined,
    signal: new AbortController().signal,
  });
  expect(found.map(({ place }) => place)).toEqual(
    places.map((place) => `byte:${place}`),
  );

  const line = `quiet ${word} splash ${word}\n${word}\n`;
  const inText = scanTexts(new Map([["cmdline.txt", line]]), known);
  expect(inText.map(({ place }) => place)).toEqual([
    "cmdline.txt:1",
    `cmdline.txt:1:${line.lastIndexOf(word, line.indexOf("\n")) + 1}`,
    "cmdline.txt:2",
  ]);
});

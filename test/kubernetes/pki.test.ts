import { webcrypto, X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import type { CertificateAndKey } from "../../src/kubernetes/secrets/cluster-secrets.ts";
import {
  makeAuthority,
  makeClientCertificate,
  makeServiceAccountKeys,
} from "../../src/kubernetes/pki.ts";
import { secret } from "../../src/report/secret.ts";
import { runTool, tryTool } from "../../src/system/run/run-tool.ts";
import { describeWithTools } from "../support/tools.ts";
import { temporaryFolder } from "./folder.ts";
import { NOW } from "./project.ts";

const NODE = {
  commonName: "system:node:worker1",
  organization: "system:nodes",
};
const SECONDS = Math.floor(NOW.getTime() / 1000);
const DAY = 24 * 60 * 60;

let ca: CertificateAndKey;
let client: CertificateAndKey;

beforeAll(async () => {
  ca = await makeAuthority("kubernetes", NOW, webcrypto);
  client = await makeClientCertificate(
    NODE,
    ca,
    { now: NOW, days: 30 },
    webcrypto,
  );
});

/** openssl's verdict on a client certificate at a time, as strict as it can be. */
const verify = async (
  authority: string,
  certificate: string,
  at: number,
  purpose = "sslclient",
) => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "ca.crt"), authority);
  writeFileSync(join(folder, "client.crt"), certificate);
  return tryTool("openssl", [
    "verify",
    "-x509_strict",
    "-purpose",
    purpose,
    "-attime",
    String(at),
    "-CAfile",
    join(folder, "ca.crt"),
    join(folder, "client.crt"),
  ]);
};

const text = async (certificate: string): Promise<string> =>
  (
    await runTool("openssl", ["x509", "-noout", "-text"], {
      input: certificate,
    })
  ).stdout;

describeWithTools(["openssl"], "certificates", () => {
  it("satisfies openssl from a year before until its last day", async () => {
    for (const at of [-364 * DAY, 0, 30 * DAY - 1]) {
      const verdict = await verify(
        ca.certificate,
        client.certificate,
        SECONDS + at,
      );
      expect(verdict.stderr).toBe("");
      expect(verdict.status).toBe(0);
    }
  });

  it("has ended a second after its last day, and not begun before", async () => {
    for (const [at, why] of [
      [30 * DAY + 1, "expired"],
      [-366 * DAY, "not yet valid"],
    ] as const) {
      const verdict = await verify(
        ca.certificate,
        client.certificate,
        SECONDS + at,
      );
      expect(verdict.status).not.toBe(0);
      expect(verdict.stderr).toContain(why);
    }
  });

  it("is of no use to a server, nor under another authority of the same name", async () => {
    const other = await makeAuthority("kubernetes", NOW, webcrypto);
    const asServer = await verify(
      ca.certificate,
      client.certificate,
      SECONDS,
      "sslserver",
    );
    expect(asServer.stderr).toContain("unsuitable certificate purpose");
    const elsewhere = await verify(
      other.certificate,
      client.certificate,
      SECONDS,
    );
    expect(elsewhere.status).not.toBe(0);
  });

  it("says who it is, for what, and nothing more", async () => {
    const shown = await text(client.certificate);
    expect(shown).toContain(
      "Subject: O = system:nodes, CN = system:node:worker1",
    );
    expect(shown).toContain("Issuer: CN = kubernetes");
    expect(shown).toMatch(/Basic Constraints: critical\s+CA:FALSE/);
    expect(shown).toMatch(/X509v3 Key Usage: critical\s+Digital Signature\n/);
    expect(shown).toMatch(
      /Extended Key Usage: *\s+TLS Web Client Authentication\n/,
    );
    expect(shown).not.toContain("Alternative Name");
    expect(shown).toContain("NIST CURVE: P-256");
  });

  it("makes authorities that last ten years", async () => {
    const shown = await text(ca.certificate);
    expect(shown).toMatch(/Basic Constraints: critical\s+CA:TRUE/);
    expect(shown).toMatch(
      /Key Usage: critical\s+Digital Signature.*Certificate Sign\n/,
    );
    expect(shown).toContain("Not Before: Nov 20 12:00:00 2025 GMT");
    expect(shown).toContain("Not After : Nov 17 12:00:00 2036 GMT");
  });

  it("gives every certificate a serial number of its own", async () => {
    const again = await makeClientCertificate(
      NODE,
      ca,
      { now: NOW, days: 30 },
      webcrypto,
    );
    const serials = [ca, client, again].map(
      ({ certificate }) => new X509Certificate(certificate).serialNumber,
    );
    expect(new Set(serials).size).toBe(3);
    for (const serial of serials) {
      expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
    }
  });

  it.each([
    ["RSA in its own form", ["-newkey", "rsa:2048"], ["rsa", "-traditional"]],
    [
      "P-384 in the old form",
      ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"],
      ["ec"],
    ],
  ])(
    "signs with an authority that the user brought: %s",
    async (_name, keyOptions, convert) => {
      const folder = temporaryFolder();
      const [crt, key] = [join(folder, "ca.crt"), join(folder, "ca.key")];
      await runTool("openssl", [
        "req",
        "-x509",
        "-nodes",
        "-utf8",
        "-days",
        "3650",
        "-subj",
        "/O=Müller/CN=my ca",
        "-keyout",
        key,
        "-out",
        crt,
        "-addext",
        "keyUsage=critical,keyCertSign",
        "-addext",
        "subjectKeyIdentifier=00:11:22:33",
        "-addext",
        "authorityKeyIdentifier=none",
        ...keyOptions,
      ]);
      const read = async (args: readonly string[]) =>
        (await runTool("openssl", args)).stdout;
      const brought = {
        certificate: await read(["x509", "-in", crt]),
        key: secret(await read([...convert, "-in", key])),
      };
      const now = new Date();
      const signed = await makeClientCertificate(
        NODE,
        brought,
        { now, days: 30 },
        webcrypto,
      );
      const verdict = await verify(
        brought.certificate,
        signed.certificate,
        Math.floor(now.getTime() / 1000) + 60,
      );
      expect(verdict.stderr).toBe("");
      expect(verdict.status).toBe(0);
      expect(await text(signed.certificate)).toMatch(
        /Authority Key Identifier: *\s+(?:keyid:)?00:11:22:33/,
      );
    },
  );

  it("makes a service account key that openssl finds sound", async () => {
    const pair = await makeServiceAccountKeys(webcrypto);
    const check = await runTool("openssl", ["pkey", "-check", "-noout"], {
      input: pair.key.reveal(),
    });
    expect(check.stdout).toContain("valid");
    const derived = await runTool("openssl", ["pkey", "-pubout"], {
      input: pair.key.reveal(),
    });
    expect(derived.stdout).toBe(pair.publicKey);
  });
});

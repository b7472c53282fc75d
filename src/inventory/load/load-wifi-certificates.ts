// Reads the certificates that enterprise Wi-Fi networks name, and judges what would keep every node from joining.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { day } from "../../report/day.ts";
import { ifOneOf } from "../../report/expected-failure.ts";
import type { Problem } from "../../report/problem.ts";
import type { Secret } from "../../report/secret.ts";
import type { Draft } from "../draft.ts";
import { SYSTEM_AUTHORITIES } from "../rules/eap-rules.ts";
import { KEY_OF, KEY_PASSWORD_OF, secretName } from "../rules/references.ts";
import type { RuleFinding } from "../rules/text-rule.ts";
import { networkTitle, writtenNetworks } from "../wifi-networks.ts";
import type { Path } from "../yaml/yaml-file.ts";
import { loadText } from "./load-text.ts";
import { absolutePath, type PathOrigins } from "./paths.ts";

/** A bundle of authorities may be long. */
const FILE_LIMIT = 1024 * 1024;

const PEM =
  /-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----/g;

const wrong = (message: string, hint: string): RuleFinding => ({
  code: "WIFI_CERTIFICATE_INVALID",
  message,
  hint,
});

const HINT_PEM =
  "name a file in PEM, which begins with -----BEGIN CERTIFICATE-----; `openssl x509 -inform der -in FILE` makes one of DER";

const parse = (pem: string): X509Certificate | undefined => {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    return ifOneOf(error, [Error], undefined);
  }
};

/** What is wrong with what the file holds; `path` is shown as it was written. */
const judge = (
  path: string,
  text: string,
  use: "ca" | "certificate",
  now: Date,
): RuleFinding | undefined => {
  const all = (text.match(PEM) ?? []).map(parse);
  const certificates = all.flatMap((each) => each ?? []);
  const first = certificates[0];
  if (first === undefined || certificates.length < all.length) {
    return wrong(`${path} holds no certificate that can be read`, HINT_PEM);
  }
  if (use === "ca" && !certificates.some(({ ca }) => ca)) {
    return wrong(
      `${path} holds the certificate of a server or a user, and not of an authority`,
      "ask for the certificate of the authority (CA) that signed it",
    );
  }
  const judged = use === "ca" ? certificates : [first];
  const last = judged.reduce((a, b) =>
    new Date(a.validTo) > new Date(b.validTo) ? a : b,
  );
  if (new Date(last.validTo) <= now) {
    return wrong(
      `the certificate in ${path} ended on ${day(new Date(last.validTo))}`,
      "ask the administrator of the network for the one that holds now",
    );
  }
  return undefined;
};

type Loaded = {
  /** The certificates in PEM, by what the inventory says. */
  readonly certificates: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
};

/** Every file that some network names, used by a node or not: a wrong path is reported in any case. */
export const loadWifiCertificates = async (
  draft: Draft,
  places: PathOrigins,
  now: Date,
): Promise<Loaded> => {
  const certificates = new Map<string, string>();
  const problems: Problem[] = [];
  for (const { network, path: place } of writtenNetworks(draft)) {
    for (const use of ["ca", "certificate"] as const) {
      const reference = network.eap?.[use];
      if (reference === undefined || reference === SYSTEM_AUTHORITIES) {
        continue;
      }
      const path = reference.slice("file:".length);
      const file = await loadText(absolutePath(path, places), FILE_LIMIT);
      const finding =
        file.text === undefined
          ? wrong(
              `the certificate ${path} cannot be used: ${file.reason}`,
              "relative paths start at the inventory's folder",
            )
          : judge(path, file.text, use, now);
      if (finding === undefined && file.text !== undefined) {
        certificates.set(
          reference,
          `${(file.text.match(PEM) ?? []).join("\n")}\n`,
        );
      } else if (finding !== undefined) {
        problems.push({
          ...finding,
          severity: "error",
          at: draft.at([...place, "eap", use]),
        });
      }
    }
  }
  return { certificates, problems };
};

const keyFinding = (
  certificate: string,
  key: Secret,
  password: Secret | undefined,
): RuleFinding | undefined => {
  const pem = key.reveal();
  // Not at hand, which is told where it matters.
  if (pem === "" || password?.reveal() === "") {
    return undefined;
  }
  const encrypted = pem.includes("ENCRYPTED");
  if (!/-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/.test(pem)) {
    return wrong(
      "what the reference of the key leads to is no private key in PEM",
      "it begins with -----BEGIN PRIVATE KEY----- or -----BEGIN ENCRYPTED PRIVATE KEY-----",
    );
  }
  if (encrypted && password === undefined) {
    return wrong(
      "the key is encrypted, and nothing says with which password",
      "add clientKeyPassword: env:KEY_PASSWORD",
    );
  }
  try {
    const parsed = createPrivateKey({
      key: pem,
      ...(password === undefined ? {} : { passphrase: password.reveal() }),
    });
    return new X509Certificate(certificate).checkPrivateKey(parsed)
      ? undefined
      : wrong(
          "the key is not that of the certificate",
          "name the two files that belong together",
        );
  } catch (error) {
    return ifOneOf(
      error,
      [Error],
      wrong(
        encrypted
          ? "the key cannot be opened with the password of clientKeyPassword"
          : "the key cannot be read",
        "try it: openssl pkey -noout -in FILE",
      ),
    );
  }
};

/** Keys against their certificates, as far as both are known. */
export const clientKeyProblems = (
  draft: Draft,
  secrets: ReadonlyMap<string, Secret>,
  certificates: ReadonlyMap<string, string>,
): readonly Problem[] =>
  writtenNetworks(draft).flatMap(({ network, path }): readonly Problem[] => {
    const {
      certificate = "",
      clientKey,
      clientKeyPassword,
    } = network.eap ?? {};
    const title = networkTitle(network) ?? "";
    const of = (reference: string | undefined, what: string) =>
      reference === undefined
        ? undefined
        : secrets.get(secretName(`${title}${what}`, reference));
    const pem = certificates.get(certificate);
    const key = of(clientKey, KEY_OF);
    const password = of(clientKeyPassword, KEY_PASSWORD_OF);
    if (
      pem === undefined ||
      key === undefined ||
      (clientKeyPassword !== undefined && password === undefined)
    ) {
      return [];
    }
    const place: Path = [...path, "eap", "clientKey"];
    const finding = keyFinding(pem, key, password);
    return finding === undefined
      ? []
      : [{ ...finding, severity: "error", at: draft.at(place) }];
  });

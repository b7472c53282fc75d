// What a node gets in its turn of a rotation, from what it has.
import { secret, type Secret } from "../../report/secret.ts";
import { encryptionText } from "../api-server.ts";
import { hasKeyOfOneOf, isSignedByOneOf } from "../certificate.ts";
import {
  dataIn,
  entriesIn,
  kubeconfigText,
  parseKubeconfig,
} from "../kubeconfig-yaml.ts";
import { makeClientCertificate } from "../pki.ts";
import { base64, renderKubeconfig } from "../render-kubeconfig.ts";
import {
  type Authorities,
  type CertificateAndKey,
  type ClusterSecrets,
  trustedAuthorities,
  trustedCas,
} from "../secrets/cluster-secrets.ts";
import type { Making } from "../secrets/make-cluster-secrets.ts";
import {
  AUTHORITIES,
  CA,
  CONTROLLER_MANAGER,
  ENCRYPTION,
  KUBELET_CERTIFICATE,
  KUBELET_PKI,
  kubeconfigs,
  leaves,
  type NodeFiles,
  PKI,
  type JoinedRole,
  signerOf,
  SIGNING_FLAG,
} from "./held-files.ts";
import { reissueCertificate } from "./reissue-certificate.ts";

export type Turn = {
  readonly files: readonly (readonly [path: string, content: Secret])[];
  /** Symbolic links. */
  readonly links: readonly (readonly [path: string, target: string])[];
  readonly removed: readonly string[];
};

/** In memory; the script on the node removes it when it has proven what it is there for. */
const PROBES = "/run/pi-image-rotation";

/**
 * The controller manager signs with a file of one certificate only, and refuses one of two.
 * https://github.com/kubernetes/kubernetes/blob/v1.36.2/pkg/controller/certificates/signer/ca_provider.go
 */
const SIGNING = `${PKI}/pi-image/signing.crt`;
/** As long as kubeadm's; a kubelet renews its own. */
const DAYS = 365;

/** A probe is used within minutes. */
const PROBE_DAYS = 1;

/** Texts one after the other, as programs read several certificates or keys from one file. */
const joined = (texts: readonly string[]): string =>
  texts.map((text) => `${text.trim()}\n`).join("");

type Work = {
  readonly secrets: ClusterSecrets;
  readonly making: Making;
  /** What the nodes trust after this turn; the first signs. */
  readonly trusted: readonly [Authorities, ...Authorities[]];
  /** Whether certificates that are not old are to be made again, too. */
  readonly all: boolean;
};

const cas = ({ trusted }: Work): string =>
  joined(trusted.map(({ ca }) => ca.certificate));

const reissue = (
  certificate: string,
  authority: CertificateAndKey,
  { making: { now, crypto } }: Work,
): Promise<CertificateAndKey> =>
  reissueCertificate(certificate, authority, { now, days: DAYS }, crypto);

/**
 * The node's keys are not known here, so a client certificate in a kubeconfig is always made again, by the authority that
 * signs in this step. What is not the cluster's own stays as it is.
 */
const renewKubeconfig = async (
  text: string,
  work: Work,
): Promise<Secret | undefined> => {
  const parsed = parseKubeconfig(text);
  const document = "mistake" in parsed ? undefined : parsed.document;
  if (document === undefined) {
    return undefined;
  }
  for (const item of entriesIn(document, "clusters")) {
    const path = ["cluster", "certificate-authority-data"];
    if (hasKeyOfOneOf(dataIn(item, ...path), trustedCas(work.secrets))) {
      item.setIn(path, base64(cas(work)));
    }
  }
  for (const item of entriesIn(document, "users")) {
    const old = dataIn(item, "user", "client-certificate-data");
    if (signerOf(old, work.secrets) === "ca") {
      const { certificate, key } = await reissue(old, work.trusted[0].ca, work);
      item.setIn(["user", "client-certificate-data"], base64(certificate));
      item.setIn(["user", "client-key-data"], base64(key.reveal()));
    }
  }
  return secret(kubeconfigText(document));
};

/** A time such as 2026-11-30-11-22-33, as the kubelet names its files. */
const stamp = (now: Date): string =>
  now.toISOString().slice(0, 19).replaceAll(/[T:]/g, "-");

type Files = Turn["files"];

const authorityFiles = ({ trusted, secrets }: Work): Files => {
  const [signing] = trusted;
  return [
    ...AUTHORITIES.flatMap(([name, base]): Files => [
      [
        `${base}.crt`,
        secret(joined(trusted.map((all) => all[name].certificate))),
      ],
      [`${base}.key`, signing[name].key],
    ]),
    [
      `${PKI}/sa.pub`,
      secret(joined(trusted.map((all) => all.serviceAccount.publicKey))),
    ],
    [`${PKI}/sa.key`, signing.serviceAccount.key],
    ...(secrets.rotation?.step === "retire"
      ? []
      : [[SIGNING, secret(signing.ca.certificate)] as const]),
  ];
};

const encryptionFiles = (
  files: NodeFiles,
  { trusted, secrets }: Work,
): Files => {
  const keys = trusted.map((all) => all.encryptionKey);
  return !files.has(ENCRYPTION) ||
    secrets.encryptionKey?.reveal() ===
      secrets.rotation?.other.encryptionKey?.reveal()
    ? []
    : [[ENCRYPTION, encryptionText(keys)]];
};

const manifestFiles = (files: NodeFiles, { secrets }: Work): Files => {
  const path = secrets.rotation?.step === "retire" ? CA : SIGNING;
  const text = files.get(CONTROLLER_MANAGER) ?? "";
  return [
    [CONTROLLER_MANAGER, secret(text.replace(SIGNING_FLAG, `$1${path}`))],
  ];
};

/** Two certificates of nobody with which the node's API server is tried: which it must accept, and which it must not. */
const probeFiles = async ({
  trusted,
  secrets,
  making,
}: Work): Promise<Files> => {
  const { rotation } = secrets;
  const [signing] = trusted;
  if (rotation === undefined) {
    return [];
  }
  const probe = async (authority: CertificateAndKey): Promise<Secret> =>
    renderKubeconfig({
      server: "https://127.0.0.1",
      ca: signing.ca.certificate,
      client: await makeClientCertificate(
        { commonName: "pi-image-rotation", organization: "pi-image" },
        authority,
        { now: making.now, days: PROBE_DAYS },
        making.crypto,
      ),
      cluster: "rotation",
      user: "rotation",
      context: "rotation",
    });
  const { other, step } = rotation;
  return [
    [
      `${PROBES}/accepted.conf`,
      await probe(step === "trust" ? other.ca : secrets.ca),
    ],
    ...(step === "retire"
      ? [[`${PROBES}/refused.conf`, await probe(other.ca)] as const]
      : []),
  ];
};

const leafFiles = async (
  files: NodeFiles,
  work: Work,
): Promise<Pick<Turn, "files" | "links">> => {
  const made: (readonly [string, Secret])[] = [];
  const links: (readonly [string, string])[] = [];
  for (const [path, old] of leaves(files)) {
    const signer = signerOf(old, work.secrets);
    const authority = signer && work.trusted[0][signer];
    if (
      authority === undefined ||
      (!work.all && isSignedByOneOf(old, [authority]))
    ) {
      continue;
    }
    const { certificate, key } = await reissue(old, authority, work);
    if (path === KUBELET_CERTIFICATE) {
      const own = `kubelet-client-${stamp(work.making.now)}.pem`;
      const content = secret(`${certificate}${key.reveal()}`);
      made.push([`${KUBELET_PKI}/${own}`, content]);
      links.push([path, own]);
    } else {
      made.push(
        [path, secret(certificate)],
        [path.replace(/crt$/, "key"), key],
      );
    }
  }
  return { files: made, links };
};

/**
 * Everything that the node is to have after the step that the rotation is in. Whatever of an earlier attempt it has already,
 * it is whole and consistent afterwards.
 *
 * @param files what the node has now
 */
export const nodeTurn = async (
  files: NodeFiles,
  role: JoinedRole,
  secrets: ClusterSecrets,
  making: Making,
): Promise<Turn> => {
  const step = secrets.rotation?.step;
  const trusted = trustedAuthorities(secrets);
  const work: Work = {
    secrets,
    making,
    trusted: step === "retire" ? [trusted[0]] : trusted,
    all: step === "issue",
  };
  const renewed: (readonly [string, Secret])[] = [];
  for (const [path, text] of kubeconfigs(files)) {
    const content = await renewKubeconfig(text, work);
    if (content !== undefined) {
      renewed.push([path, content]);
    }
  }
  // In the step `trust` the authorities that sign are those that have signed all there is.
  const own =
    step === "trust" ? { files: [], links: [] } : await leafFiles(files, work);
  if (role === "worker") {
    return {
      files: [[CA, secret(cas(work))], ...renewed, ...own.files],
      links: own.links,
      removed: [],
    };
  }
  return {
    files: [
      ...authorityFiles(work),
      ...encryptionFiles(files, work),
      ...renewed,
      ...own.files,
      ...(await probeFiles(work)),
      // Last, as the kubelet starts the controller manager anew when this one changes.
      ...manifestFiles(files, work),
    ],
    links: own.links,
    removed: step === "retire" ? [SIGNING] : [],
  };
};

// The form of the secrets file: YAML with one PEM text for each certificate and key.
import { dump } from "js-yaml";
import type { Document } from "yaml";
import { z } from "zod";
import { ifOneOf } from "../../report/expected-failure.ts";
import { parseOneBounded } from "../../inventory/yaml/bounded-yaml.ts";
import { isLabel } from "../../inventory/rules/name-rules.ts";
import { secret, type Secret } from "../../report/secret.ts";
import { UserError } from "../../report/user-error.ts";
import {
  type Authorities,
  type CertificateAndKey,
  type ClusterSecrets,
  type NodeCredentials,
  ROTATION_STEPS,
} from "./cluster-secrets.ts";

/**
 * Raised by a change that older versions cannot read. Version 1 has neither an encryption key nor `hardened`. Version 3 is
 * written for the time of a rotation only.
 */
const VERSION = 3;
const WITHOUT_ROTATION = 2;

/** The secrets of a file together with who may open it. */
export type SecretsDocument = {
  readonly secrets: ClusterSecrets;
  /** age recipients (`age1...`) that the file is encrypted to; empty where it is plain. */
  readonly encryptedTo: readonly string[];
};

const toSecret = (value: string): Secret => secret(value);
const certificate = z.string().startsWith("-----BEGIN CERTIFICATE-----");
const key = z
  .string()
  .regex(/^-----BEGIN (?:EC |RSA )?PRIVATE KEY-----/)
  .transform(toSecret);
const certificateAndKey = z.strictObject({ certificate, key });

const authorities = {
  ca: certificateAndKey,
  frontProxyCa: certificateAndKey,
  etcdCa: certificateAndKey,
  serviceAccount: z.strictObject({
    publicKey: z.string().startsWith("-----BEGIN PUBLIC KEY-----"),
    key,
  }),
  encryptionKey: z
    .string()
    .regex(/^[A-Za-z0-9+/]{43}=$/)
    .transform(toSecret)
    .optional(),
};

/** A key that is left out is one that is undefined, which is more than TypeScript knows of `optional()`. */
const withKey = <Rest extends object>({
  encryptionKey,
  ...rest
}: Rest & { readonly encryptionKey?: Secret | undefined }) => ({
  ...rest,
  encryptionKey,
});

const schema = z.strictObject({
  version: z.union([
    z.literal(1),
    z.literal(WITHOUT_ROTATION),
    z.literal(VERSION),
  ]),
  cluster: z.string().min(1),
  encryptedTo: z.array(z.string().startsWith("age1")).default([]),
  ...authorities,
  admin: certificateAndKey,
  bootstrapToken: z
    .string()
    .regex(/^[a-z0-9]{6}\.[a-z0-9]{16}$/)
    .transform(toSecret),
  hardened: z.boolean().default(false),
  revoked: z.array(z.string().refine(isLabel)).default([]),
  nodes: z.record(
    z.string(),
    z.strictObject({
      hostKey: z.strictObject({
        publicKey: z.string().startsWith("ssh-ed25519 "),
        key: z
          .string()
          .startsWith("-----BEGIN OPENSSH PRIVATE KEY-----")
          .transform(toSecret),
      }),
      joinIdentity: certificateAndKey,
    }),
  ),
  rotation: z
    .strictObject({
      step: z.enum(ROTATION_STEPS),
      done: z.array(z.string().refine(isLabel)),
      other: z.strictObject(authorities).transform(withKey),
    })
    .optional(),
});

const plainPair = (pair: CertificateAndKey) => ({
  certificate: pair.certificate,
  key: pair.key.reveal(),
});

const plainNode = ({ hostKey, joinIdentity }: NodeCredentials) => ({
  hostKey: { publicKey: hostKey.publicKey, key: hostKey.key.reveal() },
  joinIdentity: plainPair(joinIdentity),
});

const plainAuthorities = (all: Authorities) => ({
  ca: plainPair(all.ca),
  frontProxyCa: plainPair(all.frontProxyCa),
  etcdCa: plainPair(all.etcdCa),
  serviceAccount: {
    publicKey: all.serviceAccount.publicKey,
    key: all.serviceAccount.key.reveal(),
  },
});

const plainKey = ({ encryptionKey }: Authorities) =>
  encryptionKey === undefined ? {} : { encryptionKey: encryptionKey.reveal() };

/** The text of a secrets file, in the clear. */
export const writeSecretsDocument = ({
  secrets,
  encryptedTo,
}: SecretsDocument): string =>
  `# The secrets of the cluster ${secrets.cluster}, made by pi-image. Whoever has this file has the cluster, and without
# it no further card can be built for it: keep it, and keep a copy of it elsewhere.
${dump(
  {
    version: secrets.rotation === undefined ? WITHOUT_ROTATION : VERSION,
    cluster: secrets.cluster,
    ...(encryptedTo.length === 0 ? {} : { encryptedTo }),
    ...plainAuthorities(secrets),
    admin: plainPair(secrets.admin),
    bootstrapToken: secrets.bootstrapToken.reveal(),
    ...plainKey(secrets),
    hardened: secrets.hardened,
    ...(secrets.revoked.length === 0 ? {} : { revoked: secrets.revoked }),
    nodes: Object.fromEntries(
      Object.entries(secrets.nodes).map(([name, node]) => [
        name,
        plainNode(node),
      ]),
    ),
    ...(secrets.rotation === undefined
      ? {}
      : {
          rotation: {
            ...secrets.rotation,
            other: {
              ...plainAuthorities(secrets.rotation.other),
              ...plainKey(secrets.rotation.other),
            },
          },
        }),
  },
  { lineWidth: -1 },
)}`;

export const secretsDamaged = (
  path: string,
  facts: readonly string[],
): UserError =>
  new UserError(
    "SECRETS_DAMAGED",
    `${path} does not hold the secrets of a cluster`,
    {
      facts,
      hint: "put it back from your backup; if no card was ever built with it, delete it and new secrets are made",
      state: "the file is unchanged",
    },
  );

/** The library throws on aliases that multiply; that becomes an error for the user. */
const toPlain = (document: Document | undefined, path: string): unknown => {
  try {
    return document?.toJS();
  } catch (error) {
    throw ifOneOf(
      error,
      [ReferenceError],
      secretsDamaged(path, ["its aliases expand without limit"]),
    );
  }
};

/**
 * Reads the text of a secrets file.
 *
 * The messages name places in the file and never quote it, since the text there may be a key; nor do they carry the parser's
 * error, which quotes as well.
 *
 * @param path for messages only
 * @throws UserError SECRETS_DAMAGED
 */
export const parseSecretsDocument = (
  text: string,
  path: string,
): SecretsDocument => {
  if (text.trim() === "") {
    throw secretsDamaged(path, ["it is empty"]);
  }
  const parsedText = parseOneBounded(text);
  if ("mistake" in parsedText) {
    throw secretsDamaged(path, [
      `line ${parsedText.mistake.line} is not valid YAML`,
    ]);
  }
  const content = toPlain(parsedText.document, path);
  const version = z.object({ version: z.number() }).safeParse(content);
  if (version.success && version.data.version > VERSION) {
    throw secretsDamaged(path, [
      `a newer pi-image wrote it (version ${version.data.version} of the file)`,
    ]);
  }
  const parsed = schema.safeParse(content);
  if (!parsed.success) {
    throw secretsDamaged(
      path,
      parsed.error.issues.map((issue) =>
        issue.code === "unrecognized_keys"
          ? `${issue.path.join(".") || "the file"}: has an unknown key`
          : `${issue.path.join(".") || "the file"}: is missing or malformed`,
      ),
    );
  }
  const { version: _version, encryptedTo, ...secrets } = parsed.data;
  return { secrets: withKey(secrets), encryptedTo };
};

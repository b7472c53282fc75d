// Makes a node's SSH host key, so that the laptop knows the node before its first boot.
import { createPrivateKey, createPublicKey } from "node:crypto";
import { secret } from "../report/secret.ts";
import type { HostKey } from "./secrets/cluster-secrets.ts";
import type { Crypto } from "./pki.ts";

const ALGORITHM = "ssh-ed25519";

/** RFC 8410 section 7: the PKCS#8 frame of an Ed25519 key, up to its 32 bytes. */
const PKCS8_FRAME = Buffer.from("302e020100300506032b657004220420", "hex");

/** A length-prefixed string of RFC 4251 section 5. */
const sshString = (data: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(data);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};

/** The private part is padded with 1, 2, 3, ... to blocks of 8 bytes. */
const pad = (data: Buffer): Buffer =>
  Buffer.concat([
    data,
    Buffer.from(
      Array.from({ length: (8 - (data.length % 8)) % 8 }, (_, at) => at + 1),
    ),
  ]);

const ed25519PublicKey = (seed: Uint8Array): Buffer => {
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_FRAME, seed]),
    format: "der",
    type: "pkcs8",
  });
  const der = createPublicKey(key).export({ type: "spki", format: "der" });
  return der.subarray(-32);
};

/**
 * An Ed25519 host key as `ssh-keygen -t ed25519` writes it, without passphrase; its comment is `root@<node>`.
 *
 * https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key
 */
export const makeHostKey = (node: string, crypto: Crypto): HostKey => {
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const check = crypto.getRandomValues(new Uint8Array(4));
  const publicKey = ed25519PublicKey(seed);
  const blob = Buffer.concat([sshString(ALGORITHM), sshString(publicKey)]);
  const comment = `root@${node}`;
  const privatePart = Buffer.concat([
    check,
    check,
    blob,
    sshString(Buffer.concat([seed, publicKey])),
    sshString(comment),
  ]);
  const file = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    sshString("none"),
    sshString("none"),
    sshString(""),
    Buffer.from([0, 0, 0, 1]),
    sshString(blob),
    sshString(pad(privatePart)),
  ]);
  const lines = file.toString("base64").match(/.{1,70}/g) ?? [];
  return {
    publicKey: `${ALGORITHM} ${blob.toString("base64")} ${comment}`,
    key: secret(
      `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join("\n")}\n-----END OPENSSH PRIVATE KEY-----\n`,
    ),
  };
};

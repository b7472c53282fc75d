// References to secrets and keys: the inventory says where to find them, and never holds a secret itself.
import type { Secret } from "../../report/secret.ts";
import type { TextRule } from "./text-rule.ts";
import { parsePublicKeys, looksPrivate } from "./ssh-keys.ts";
import { urlRule } from "./system-rules.ts";
import { quoted } from "../wording.ts";

export type SecretReference =
  | { readonly from: "env"; readonly name: string }
  | { readonly from: "file"; readonly path: string }
  | { readonly from: "exec"; readonly command: string }
  | { readonly from: "prompt" };

/** Undefined where the text is not a reference: it may then be the secret itself and must not be shown. */
export const parseSecretReference = (
  text: string,
): SecretReference | undefined => {
  if (text === "prompt") {
    return { from: "prompt" };
  }
  const [, from, rest = ""] = /^(env|file|exec):(.+)$/u.exec(text) ?? [];
  switch (from) {
    case "env":
      return /^[A-Za-z_]\w*$/.test(rest) ? { from, name: rest } : undefined;
    case "file":
      return { from, path: rest };
    case "exec":
      return { from, command: rest };
    default:
      return undefined;
  }
};

export const SECRET_HINT =
  "say where it comes from: env:NAME, file:path, exec:command or prompt";

export const secretRule: TextRule = (value) =>
  parseSecretReference(value) === undefined
    ? {
        code: "SECRET_IN_FILE",
        message:
          "this is not a reference; the inventory never contains secrets",
        hint: SECRET_HINT,
      }
    : undefined;

export type KeyReference =
  | { readonly from: "file"; readonly path: string }
  | { readonly from: "line"; readonly line: string }
  /** Where keys are published; `url` is https. */
  | { readonly from: "address"; readonly url: string };

/** https://docs.github.com/en/rest/users/keys and https://help.launchpad.net/YourAccount/CreatingAnSSHKeyPair */
const PUBLISHERS: readonly (readonly [
  name: RegExp,
  url: (name: string) => string,
])[] = [
  [
    /^gh:([a-z\d](?:[a-z\d]|-(?=[a-z\d])){0,38})$/i,
    (name) => `https://github.com/${name}.keys`,
  ],
  [
    /^lp:([a-z\d][a-z\d+.-]{0,38})$/,
    (name) => `https://launchpad.net/~${name}/+sshkeys`,
  ],
  [/^https:\/\/(.+)$/, (rest) => `https://${rest}`],
];

export const parseKeyReference = (text: string): KeyReference => {
  if (text.startsWith("file:")) {
    return { from: "file", path: text.slice("file:".length) };
  }
  for (const [pattern, url] of PUBLISHERS) {
    const name = pattern.exec(text)?.[1];
    if (name !== undefined) {
      return { from: "address", url: url(name) };
    }
  }
  return { from: "line", line: text };
};

export const keyRule: TextRule = (value) => {
  if (looksPrivate(value)) {
    return {
      code: "KEY_IS_PRIVATE",
      message: "this is a private key; nodes need the public one",
      hint: "write file: and the path of the .pub file, and take the private key out of this file",
    };
  }
  const reference = parseKeyReference(value);
  if (reference.from === "file") {
    return reference.path === ""
      ? {
          code: "KEY_INVALID",
          message: "the path after file: is missing",
          hint: "for example file:~/.ssh/id_ed25519.pub",
        }
      : undefined;
  }
  if (reference.from === "address") {
    return urlRule(reference.url);
  }
  if (/^(gh|lp|gl|github|http):/.test(value)) {
    return {
      code: "KEY_INVALID",
      message: `${quoted(value)} does not say whose keys to take`,
      hint: "write gh: and a name on GitHub, lp: and a name on Launchpad, or an https address of public keys",
    };
  }
  const keys = parsePublicKeys(value);
  if (keys.problem === undefined) {
    return undefined;
  }
  return {
    code: "KEY_INVALID",
    message: `${quoted(value)} is not a public key: ${keys.problem}`,
    hint: /^[~./]|\.pub$/.test(value)
      ? `for a file, write file:${value}`
      : "write file: and a path, or a whole line such as ssh-ed25519 AAAA... name",
  };
};

/**
 * The key under which a Wi-Fi password is kept once it is known; two networks may both say `prompt` and have different
 * passwords.
 */
export const secretName = (ssid: string, reference: string): string =>
  reference === "prompt" ? `prompt ${ssid}` : reference;

/** Added to a network's name where the other secrets of an enterprise network are kept. */
export const KEY_OF = " (key)";
export const KEY_PASSWORD_OF = " (password of the key)";

/** What the references of an inventory lead to. */
export type References = {
  /** Lines of authorized_keys, by reference. */
  readonly keys: ReadonlyMap<string, readonly string[]>;
  /** Certificates in PEM, by reference. */
  readonly certificates?: ReadonlyMap<string, string>;
  /** Passwords, by `secretName`. */
  readonly secrets: ReadonlyMap<string, Secret>;
};

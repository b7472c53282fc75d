// Keys and signatures made by the real gpg, in a folder that is gone after the tests.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PinnedKey } from "../../src/base/proof/signature.ts";

type GpgHome = {
  /** For GNUPGHOME. */
  readonly home: string;
  /** A new key that signs, for this user id; algo as in `gpg --quick-generate-key`. */
  readonly makeKey: (
    user: string,
    algo?: string,
    /** As in gpg: "never", or "seconds=60". */
    expires?: string,
    /** As in gpg, such as "20240101T000000": a key that has signed for some time. */
    made?: string,
  ) => PinnedKey;
  /** A detached signature; `options` go in front. */
  readonly sign: (data: Buffer, key: PinnedKey, ...options: string[]) => Buffer;
  /** The text with a signature around it. */
  readonly clearSign: (text: Buffer, key: PinnedKey) => Buffer;
  /** Whether gpgv accepts the signature by this key alone. */
  readonly gpgvAccepts: (
    data: Buffer,
    signature: Buffer,
    key: PinnedKey,
  ) => boolean;
  readonly close: () => void;
};

export const openGpg = (): GpgHome => {
  const home = mkdtempSync(join(tmpdir(), "pi-image-gpg-"));
  chmodSync(home, 0o700);
  const run = (tool: string, args: readonly string[], input?: Buffer) =>
    spawnSync(tool, args, {
      env: { PATH: process.env["PATH"], GNUPGHOME: home, LC_ALL: "C.UTF-8" },
      ...(input === undefined ? {} : { input }),
    });
  const gpg = (args: readonly string[], input?: Buffer): Buffer => {
    const result = run("gpg", ["--batch", "--quiet", ...args], input);
    if (result.status !== 0) {
      throw new Error(`gpg ${args.join(" ")}: ${result.stderr.toString()}`);
    }
    return result.stdout;
  };
  return {
    home,
    clearSign: (text, key) =>
      gpg(["--local-user", key.fingerprint, "--clear-sign"], text),
    makeKey: (user, algo = "ed25519", expires = "never", made) => {
      gpg([
        ...(made === undefined ? [] : ["--faked-system-time", made]),
        "--passphrase",
        "",
        "--quick-generate-key",
        user,
        algo,
        "sign",
        expires,
      ]);
      const listed = gpg(["--with-colons", "--list-keys", `=${user}`]);
      const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listed.toString())?.[1];
      return {
        armored: gpg(["--armor", "--export", fingerprint ?? ""]).toString(),
        fingerprint: fingerprint ?? "",
      };
    },
    sign: (data, key, ...options) =>
      gpg(
        [
          ...options,
          "--local-user",
          key.fingerprint,
          "--detach-sign",
          "--output",
          "-",
        ],
        data,
      ),
    gpgvAccepts: (data, signature, key) => {
      const keyring = join(home, `${key.fingerprint}.gpg`);
      rmSync(keyring, { force: true });
      gpg(["--output", keyring, "--export", key.fingerprint]);
      const files = [join(home, "signature"), join(home, "data")] as const;
      writeFileSync(files[0], signature);
      writeFileSync(files[1], data);
      const result = run("gpgv", ["--keyring", keyring, ...files]);
      return result.status === 0 && readFileSync(files[1]).equals(data);
    },
    close: () => {
      run("gpgconf", ["--kill", "gpg-agent"]);
      rmSync(home, { recursive: true, force: true });
    },
  };
};

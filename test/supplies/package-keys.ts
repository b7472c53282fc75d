// Keys as package repositories have them, made by the real gpg in a folder that is gone after the test.
import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { runTool } from "../../src/system/run/run-tool.ts";
import { temporaryFolder } from "../support/folder.ts";

type PackageKey = {
  readonly fingerprint: string;
  /** Armored. */
  readonly text: string;
};

type KeyMaker = {
  /** `expires` as gpg takes it: "never", "1d" or "20301231T000000". */
  readonly make: (name: string, expires: string) => Promise<PackageKey>;
  /** Several keys in one armored block. */
  readonly exportAll: (...keys: readonly PackageKey[]) => Promise<string>;
  /** Which primary keys gpg finds in a file, as apt would. */
  readonly primaries: (text: string | Buffer) => Promise<readonly string[]>;
  /** The armoured secret key. */
  readonly exportSecret: (key: PackageKey) => Promise<string>;
  /** The key with its owner's revocation. */
  readonly revoke: (key: PackageKey) => Promise<string>;
};

export const openKeyMaker = async (): Promise<KeyMaker> => {
  const home = await temporaryFolder();
  await chmod(home, 0o700);
  const gpg = async (args: readonly string[], input?: string | Buffer) =>
    (
      await runTool("gpg", ["--homedir", home, "--batch", "--quiet", ...args], {
        input,
      })
    ).stdout;
  onTestFinished(async () => {
    await runTool("gpgconf", ["--homedir", home, "--kill", "gpg-agent"]);
  });
  const exportAll = (...fingerprints: readonly string[]) =>
    gpg(["--armor", "--export", ...fingerprints]);
  return {
    make: async (name, expires) => {
      await gpg(
        // Ed25519 is quick to make; the real one is of RSA.
        `--passphrase= --quick-generate-key ${name} ed25519 sign ${expires}`.split(
          " ",
        ),
      );
      const listed = await gpg(["--with-colons", "--list-keys", `=${name}`]);
      const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1] ?? "";
      return { fingerprint, text: await exportAll(fingerprint) };
    },
    exportAll: (...keys) =>
      exportAll(...keys.map(({ fingerprint }) => fingerprint)),
    primaries: async (text) => {
      const listed = await gpg(["--with-colons", "--show-keys"], text);
      return [...listed.matchAll(/^pub:.*\nfpr:+([0-9A-F]{40}):/gm)].map(
        ([, fingerprint]) => fingerprint ?? "",
      );
    },
    exportSecret: ({ fingerprint }) =>
      gpg(["--armor", "--export-secret-keys", fingerprint]),
    revoke: async ({ fingerprint }) => {
      const made = await readFile(
        join(home, "openpgp-revocs.d", `${fingerprint}.rev`),
        "utf8",
      );
      // gpg puts a colon in front, so that nobody imports it by mistake.
      await gpg(
        ["--import"],
        made.replace(":-----BEGIN PGP", "-----BEGIN PGP"),
      );
      return exportAll(fingerprint);
    },
  };
};

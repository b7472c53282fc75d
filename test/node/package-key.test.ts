// What the node takes for the key of a package repository, judged by the real gpg.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { runTool } from "../../src/system/run/run-tool.ts";
import { openKeyMaker } from "../supplies/package-keys.ts";
import { openGpg } from "../base/gpg.ts";
import { temporaryFolder } from "../support/folder.ts";
import { describeWithTools } from "../support/tools.ts";

const SCRIPT = fileURLToPath(
  new URL(
    "../../cloud-init/files/usr/local/lib/pi-image/repositories.sh",
    import.meta.url,
  ),
);

/** One line a file: what keeps it from being used, or the word "used". */
const JUDGE = `
  set -Eeuo pipefail
  root= PI_IMAGE_KUBERNETES_MINOR=1.36 scratch=$1
  . "$2"
  shift 2
  while (($# > 0)); do
    if why=$(judge_key "$1" "$2" "$1.new"); then echo used; else echo "$why"; fi
    shift 2
  done`;

const body = (armoured: string): string =>
  armoured.split("\n").slice(2, -3).join("\n");

describeWithTools(["gpg", "gpgconf"], "the key of a repository", () => {
  it("is used where it is the wanted one, alone, valid and public, and is written anew", async () => {
    const folder = await temporaryFolder();
    const keys = await openKeyMaker();
    const good = await keys.make("packages", "20301231T000000");
    const other = await keys.make("somebody", "never");
    const gpg = openGpg();
    onTestFinished(gpg.close);
    const old = gpg.makeKey("old", "ed25519", "seconds=60", "20240101T000000");
    const binary = (text: string) => Buffer.from(body(text), "base64");
    const secret = await keys.exportSecret(other);
    const secretInside = Buffer.concat([binary(good.text), binary(secret)]);
    // What ends for one reader goes on for the next.
    const hidden = good.text.replace(
      "-----END",
      `${body(other.text)}\n-----END`,
    );
    const cases: Readonly<Record<string, readonly [string | Buffer, string]>> =
      {
        plain: [good.text, "used"],
        binary: [binary(good.text), "used"],
        remarks: [`words\n${good.text}words\n`, "used"],
        another: [
          other.text,
          `has the fingerprint ${other.fingerprint}, not ${good.fingerprint}`,
        ],
        both: [await keys.exportAll(good, other), "holds more than one key"],
        blocks: [good.text + other.text, "holds more than one key"],
        twice: [good.text + good.text, "holds more than one key"],
        ownSecret: [await keys.exportSecret(good), "holds a secret key"],
        otherSecret: [good.text + secret, "holds a secret key"],
        secretInside: [secretInside, "holds a secret key"],
        revoked: [await keys.revoke(good), "is revoked"],
        empty: ["", "cannot be read as an OpenPGP key"],
        hidden: [hidden, "used"],
        page: ["<html></html>", "cannot be read as an OpenPGP key"],
        cut: [good.text.slice(0, 300), "cannot be read as an OpenPGP key"],
      };
    const files = await Promise.all(
      Object.entries(cases).map(async ([name, [content]]) => {
        const file = join(folder, name);
        await writeFile(file, content);
        return [file, good.fingerprint];
      }),
    );
    const expired = join(folder, "expired");
    await writeFile(expired, old.armored);
    const { stdout } = await runTool("bash", [
      "-c",
      JUDGE,
      "judge",
      folder,
      SCRIPT,
      ...files.flat(),
      expired,
      old.fingerprint,
    ]);
    expect(stdout.trimEnd().split("\n")).toEqual([
      ...Object.values(cases).map(([, why]) => why),
      "has expired",
    ]);
    for (const name of ["plain", "binary", "remarks", "hidden"]) {
      const written = await readFile(join(folder, `${name}.new`), "utf8");
      expect(written).toMatch(/^-----BEGIN PGP PUBLIC KEY BLOCK-----\n/);
      expect(await keys.primaries(written)).toEqual([good.fingerprint]);
    }
  });
});

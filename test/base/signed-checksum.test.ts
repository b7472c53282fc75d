// --signed-by: an image that its publisher's key vouches for, by keys and signatures of the real gpg.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { demandedChecksum } from "../../src/base/proof/signed-checksum.ts";
import type { SignedBy } from "../../src/base/proof/signed-by.ts";
import type { PinnedKey } from "../../src/base/proof/signature.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { failureOf } from "../support/failure.ts";
import { describeWithTools } from "../support/tools.ts";
import { outcomeOf, testFolder, testOptions } from "./base-options.ts";
import { openGpg } from "./gpg.ts";
import { startServer } from "./http-server.ts";

const FILE = "homelab-worker.img.xz";
const IMAGE = Buffer.from("an image");
const SHA256 = createHash("sha256").update(IMAGE).digest("hex");
const SUMS = Buffer.from(`${SHA256}  ${FILE}\n`);
const MADE = "20240101T000000";

const asked = (...keys: readonly string[]): SignedBy => ({
  keys,
  named: "--signed-by",
  standing: false,
});

type Beside = Readonly<Record<string, string | Buffer>>;

/** A folder with the image and what is beside it. */
const place = (beside: Beside): string => {
  const folder = testFolder();
  writeFileSync(join(folder, FILE), IMAGE);
  for (const [name, data] of Object.entries(beside)) {
    writeFileSync(join(folder, name), data);
  }
  return folder;
};

describeWithTools(["gpg", "gpgconf"], "--signed-by", () => {
  let gpg: ReturnType<typeof openGpg>;
  let key: PinnedKey;
  let other: PinnedKey;
  beforeAll(() => {
    gpg = openGpg();
    key = gpg.makeKey("releases", "ed25519", "never", MADE);
    other = gpg.makeKey("somebody", "ed25519", "never", MADE);
  });
  afterAll(() => gpg.close());

  const signedBy = (by: PinnedKey, data = SUMS, ...more: string[]): Beside => ({
    SHA256SUMS: data,
    "SHA256SUMS.gpg": gpg.sign(data, by, ...more),
    "signing-key.asc": by.armored,
  });

  const at = (day: string) => ["--faked-system-time", `${day}T120000`];

  it("gives the checksum of the list that the key has signed, here and at an address", async () => {
    const options = testOptions();
    const beside = signedBy(key);
    const folder = place(beside);
    const { fingerprint } = key;
    const list = join(folder, "SHA256SUMS");
    expect(
      await demandedChecksum(
        join(folder, FILE),
        { signedBy: asked(fingerprint) },
        options,
      ),
    ).toEqual({ sha256: SHA256, from: `${list}, signed by ${fingerprint}` });
    const server = await startServer();
    for (const [name, data] of Object.entries(beside)) {
      server.files.set(`v1/${name}`, Buffer.from(data));
    }
    // As gpg prints it; and the key need not be served once it is known.
    const printed = fingerprint.match(/.{4}/g)?.join(" ").toLowerCase() ?? "";
    const url = new URL(`v1/${FILE}`, server.address);
    for (const key of [beside["signing-key.asc"], undefined]) {
      if (key === undefined) {
        server.files.delete("v1/signing-key.asc");
      }
      expect(
        await demandedChecksum(url, { signedBy: asked(printed) }, options),
      ).toEqual({
        sha256: SHA256,
        from: `${server.address}v1/SHA256SUMS, signed by ${fingerprint}`,
      });
    }
    const both = { signedBy: asked(fingerprint), sha256: "0".repeat(64) };
    expect(await outcomeOf(demandedChecksum(url, both, options))).toMatch(
      /^CHECKSUM_MISMATCH 4: .* does not have the checksum that --sha256 says$/,
    );
  });

  it.each(["releases", "", "0xDEADBEEF", "DEADBEEFDEADBEEF", "g".repeat(40)])(
    "refuses %j, which is not a fingerprint",
    async (text) => {
      const error = await failureOf(
        demandedChecksum(FILE, { signedBy: asked(text) }, testOptions()),
      );
      expect([error.code, error.exitCode]).toEqual(["WRONG_ARGUMENTS", 2]);
      expect(error.facts.length > 0).toBe(text.includes("DEADBEEF"));
    },
  );

  describe("refuses", () => {
    const refusal = async (
      beside: Beside,
      options = testOptions(),
    ): Promise<string> => {
      const folder = place(beside);
      const demands = { signedBy: asked(key.fingerprint) };
      const path = join(folder, FILE);
      const said = await outcomeOf(demandedChecksum(path, demands, options));
      return said.replaceAll(`${folder}/`, "");
    };

    it.each(["SHA256SUMS", "SHA256SUMS.gpg", "signing-key.asc"])(
      "where there is no %s",
      async (name) => {
        const { [name]: _, ...rest } = signedBy(key);
        expect(await refusal(rest)).toBe(
          `SIGNATURE_MISSING 4: --signed-by demands a signature, and ${
            name === "signing-key.asc"
              ? "the key to check it with"
              : "the one of SHA256SUMS"
          } cannot be had: ${name} does not exist`,
        );
      },
    );

    it("another key", async () => {
      const why = `KEY_WRONG 4: signing-key.asc is not the key that --signed-by names: it has the fingerprint ${other.fingerprint}, not ${key.fingerprint}`;
      expect(await refusal(signedBy(other))).toBe(why);
      const both = { "signing-key.asc": key.armored + other.armored };
      expect(await refusal({ ...signedBy(other), ...both })).toBe(
        "KEY_WRONG 4: signing-key.asc is not the key that --signed-by names: it holds more than one block of OpenPGP data",
      );
    });

    const wrong = () =>
      `SIGNATURE_WRONG 4: the signature of SHA256SUMS is not a valid one of the key ${key.fingerprint}`;

    it("a signature of another key", async () => {
      const beside = signedBy(other);
      const named = { ...beside, "signing-key.asc": key.armored };
      expect(await refusal(named)).toBe(wrong());
    });

    it("a list that was changed behind its signature", async () => {
      const SHA256SUMS = `${"0".repeat(64)}  ${FILE}\n`;
      expect(await refusal({ ...signedBy(key), SHA256SUMS })).toBe(wrong());
      // As on a computer whose clock was set back.
      expect(await refusal(signedBy(key, SUMS, ...at("20990101")))).toBe(
        wrong(),
      );
      expect(
        await refusal({ ...signedBy(key), "SHA256SUMS.gpg": "no signature" }),
      ).toMatch(/^SIGNATURE_WRONG 4: /);
    });

    it("an image that the list does not name", async () => {
      const data = Buffer.from(`${SHA256}  another.img.xz\n`);
      const why = `CHECKSUM_LIST_WRONG 4: SHA256SUMS is signed, but has no SHA-256 checksum of ${FILE}`;
      expect(await refusal(signedBy(key, data))).toBe(why);
      expect(await refusal(signedBy(key, Buffer.from(`${SHA256}\n`)))).toBe(
        why,
      );
    });

    it("an older list than the newest one, every time, and forgets that for no other image", async () => {
      const options = testOptions();
      const newer = signedBy(key, SUMS, ...at("20250601"));
      const older = signedBy(key, SUMS, ...at("20250501"));
      const demands = { signedBy: asked(key.fingerprint) };
      const accept = (beside: Beside, name = FILE) => {
        const folder = place(beside);
        writeFileSync(join(folder, name), IMAGE);
        return demandedChecksum(join(folder, name), demands, options);
      };
      await accept(older);
      await accept(newer);
      for (let time = 0; time < 2; time += 1) {
        expect(await refusal(older, options)).toBe(
          "BASE_TURNED_BACK 4: SHA256SUMS was signed on 2025-05-01, and an earlier run has already seen what was signed on 2025-06-01: the server is out of date, or somebody is withholding the newer list",
        );
      }
      await accept(newer);
      const data = Buffer.from(`${SHA256}  old.img\n`);
      await accept(signedBy(key, data, ...at("20240601")), "old.img");
    });
  });

  it("takes the first of several keys that fits, and tells what was wrong with each", async () => {
    const options = testOptions();
    const path = join(place(signedBy(key)), FILE);
    const both = { signedBy: asked(other.fingerprint, key.fingerprint) };
    const proven = await demandedChecksum(path, both, options);
    expect(proven?.from).toContain(`signed by ${key.fingerprint}`);
    const third = gpg.makeKey("third", "ed25519", "never", MADE);
    const wrong = { signedBy: asked(other.fingerprint, third.fingerprint) };
    const error = await failureOf(demandedChecksum(path, wrong, options));
    expect([error.code, error.facts.length]).toEqual(["KEY_WRONG", 2]);
    expect(error.message).toMatch(
      /SHA256SUMS is not signed by a key of --signed-by$/,
    );
  });

  it("refuses a key that has expired or was revoked, and remembers a revocation", async () => {
    const old = gpg.makeKey("old", "ed25519", "seconds=86400", MADE);
    const folder = place(signedBy(old, SUMS, ...at("20240101")));
    const path = join(folder, FILE);
    expect(
      await outcomeOf(
        demandedChecksum(
          path,
          { signedBy: asked(old.fingerprint) },
          testOptions(),
        ),
      ),
    ).toMatch(/^SIGNATURE_WRONG 4: .* is not a valid one of the key /);

    const lost = gpg.makeKey("lost", "ed25519", "never", MADE);
    const good = signedBy(lost);
    const options = testOptions();
    const demands = { signedBy: asked(lost.fingerprint) };
    await demandedChecksum(join(place(good), FILE), demands, options);
    const home = ["--homedir", gpg.home, "--batch", "--quiet"];
    const revocation = join(
      gpg.home,
      "openpgp-revocs.d",
      `${lost.fingerprint}.rev`,
    );
    await runTool("sh", [
      "-c",
      `sed 's/^:-----/-----/' "$1" | gpg ${home.join(" ")} --import`,
      "sh",
      revocation,
    ]);
    const { stdout } = await runTool("gpg", [
      ...home,
      "--armor",
      "--export",
      lost.fingerprint,
    ]);
    for (const text of [stdout, lost.armored]) {
      const beside = { ...good, "signing-key.asc": text };
      expect(
        await outcomeOf(
          demandedChecksum(join(place(beside), FILE), demands, options),
        ),
      ).toMatch(/^KEY_WRONG 4: .* names: it is revoked$/);
    }
  });

  it("is refused where what is beside the image cannot be read", async () => {
    const folder = place(signedBy(key));
    rmSync(join(folder, "SHA256SUMS.gpg"));
    mkdirSync(join(folder, "SHA256SUMS.gpg"));
    expect(existsSync(join(folder, "SHA256SUMS.gpg"))).toBe(true);
    expect(
      await outcomeOf(
        demandedChecksum(
          join(folder, FILE),
          { signedBy: asked(key.fingerprint) },
          testOptions(),
        ),
      ),
    ).toMatch(/^CHECKSUM_LIST_WRONG 4: .* cannot be read: /);
  });
});

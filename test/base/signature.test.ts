// Signatures made by gpg, judged by us and by gpgv; and the key that the package carries.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as openpgp from "openpgp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type PinnedKey,
  verifySignature,
} from "../../src/base/proof/signature.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { debianMirror } from "../support/debian-mirror.ts";
import { describeWithTools } from "../support/tools.ts";
import { failureOf } from "../support/failure.ts";
import { testFolder, packageCatalogue } from "./base-options.ts";
import { openGpg } from "./gpg.ts";

const list = Buffer.from(`${"a".repeat(64)} *ubuntu.img.xz\n`);

describeWithTools(["gpg", "gpgv", "gpgconf"], "a signature by gpg", () => {
  let gpg: ReturnType<typeof openGpg>;
  let pinned: PinnedKey;
  let other: PinnedKey;
  beforeAll(() => {
    gpg = openGpg();
    pinned = gpg.makeKey("CD image key <cd@example.com>", "rsa2048");
    other = gpg.makeKey("Another key <other@example.com>");
  });
  afterAll(() => gpg.close());

  const verify = (signature: Buffer, data = list, key = pinned) =>
    verifySignature(
      { data, signature, from: "SHA256SUMS", now: new Date() },
      key,
    );
  const refusal = async (signature: Buffer, data = list, key = pinned) => {
    const error = await failureOf(verify(signature, data, key));
    expect(error.code).toBe("SIGNATURE_WRONG");
    expect(error.exitCode).toBe(4);
    expect(error.message).toContain("SHA256SUMS");
    return error.facts.join();
  };

  it.each([
    ["binary", []],
    ["armored", ["--armor"]],
  ])("%s, of the pinned key is accepted", async (_, options) => {
    const signature = gpg.sign(list, pinned, ...options);
    await verify(signature);
    expect(gpg.gpgvAccepts(list, signature, pinned)).toBe(true);
  });

  it("by an Ed25519 key is accepted", async () => {
    await verify(gpg.sign(list, other), list, other);
  });

  it("over other bytes is refused", async () => {
    const signature = gpg.sign(list, pinned);
    const changed = Buffer.from(list.toString().replace("a", "b"));
    expect(await refusal(signature, changed)).toContain("digest");
    expect(gpg.gpgvAccepts(changed, signature, pinned)).toBe(false);
    await refusal(signature, Buffer.alloc(0));
  });

  it("of a valid key that is not pinned is refused", async () => {
    const signature = gpg.sign(list, other);
    expect(gpg.gpgvAccepts(list, signature, other)).toBe(true);
    expect(await refusal(signature)).toContain("Could not find signing key");
  });

  it("of several keys counts when one is the pinned one", async () => {
    const both = Buffer.concat([gpg.sign(list, other), gpg.sign(list, pinned)]);
    await verify(both);
    const none = Buffer.concat([gpg.sign(list, other), gpg.sign(list, other)]);
    await refusal(none);
  });

  it("that has expired is refused", async () => {
    const fresh = gpg.sign(list, pinned, "--default-sig-expire", "2d");
    await verify(fresh);
    const later = new Date(Date.now() + 3 * 24 * 3600 * 1000);
    const error = await failureOf(
      verifySignature(
        { data: list, signature: fresh, from: "SHA256SUMS", now: later },
        pinned,
      ),
    );
    expect(error.facts.join()).toContain("expired");
  });

  it("of a key that has expired since is refused", async () => {
    const key = gpg.makeKey(
      "Short lived <short@example.com>",
      "ed25519",
      "seconds=3600",
    );
    const signature = gpg.sign(list, key);
    const at = (hours: number) =>
      verifySignature(
        {
          data: list,
          signature,
          from: "SHA256SUMS",
          now: new Date(Date.now() + hours * 3600 * 1000),
        },
        key,
      );
    await at(0);
    const error = await failureOf(at(2));
    expect([error.code, error.exitCode]).toEqual(["SIGNATURE_WRONG", 4]);
    expect(error.facts.join()).toContain("expired");
  });

  it("over SHA-1 is refused", async () => {
    const signature = gpg.sign(list, pinned, "--digest-algo", "SHA1");
    expect(await refusal(signature)).toMatch(/SHA1|hash algorithm/i);
  });

  it("that is cut, empty or something else is refused", async () => {
    const signature = gpg.sign(list, pinned);
    await refusal(signature.subarray(0, 100));
    await refusal(signature.subarray(0, -1));
    await refusal(Buffer.alloc(0));
    await refusal(Buffer.from("<html>not found</html>"));
    await refusal(Buffer.from(pinned.armored));
  });

  it("under a key that is not the pinned one is our mistake", async () => {
    const swapped = { ...pinned, fingerprint: other.fingerprint };
    await expect(verify(gpg.sign(list, pinned), list, swapped)).rejects.toThrow(
      "not " + other.fingerprint,
    );
  });
});

describe("the key that the package carries", () => {
  const FINGERPRINT = "843938DF228D22F7B3742BC0D94AA3F0EFE21092";

  it("is the pinned one of every Ubuntu release, and nothing else is with it", async () => {
    const { releases } = await packageCatalogue();
    const listed = [...releases].filter(([, { signed }]) => signed === "list");
    expect(listed.map(([name]) => name)).toEqual([
      "ubuntu-22.04",
      "ubuntu-24.04",
      "ubuntu-26.04",
    ]);
    for (const [, { key }] of listed) {
      expect(key.fingerprint).toBe(FINGERPRINT);
      const keys = await openpgp.readKeys({ armoredKeys: key.armored ?? "" });
      expect(keys.map((each) => each.getFingerprint().toUpperCase())).toEqual([
        FINGERPRINT,
      ]);
      expect(keys[0]?.getSubkeys()).toEqual([]);
    }
  });

  const carried = async (): Promise<Buffer> => {
    const path = packageFile("profiles/keys/ubuntu-cdimage.asc");
    const { data } = await openpgp.unarmor(readFileSync(path, "utf8"));
    return Buffer.from(data);
  };

  it("has not changed since it was taken from Debian", async () => {
    // SHA-256 of `gpg --export-options export-minimal --export` of the key in ubuntu-keyring 2023.11.28.1-0.2.
    expect(
      createHash("sha256")
        .update(await carried())
        .digest("hex"),
    ).toBe("192b3782ba2e00e05b6521371fbe67847efad3fdd1cfb87621882d833c8703fa");
  });

  describeWithTools(["apt-get", "dpkg-deb", "gpg"], "in Debian", () => {
    it("is the one of the package ubuntu-keyring", async ({ skip }) => {
      const folder = testFolder();
      const deb = join(folder, "ubuntu-keyring.deb");
      const mirror = await debianMirror();
      if (mirror === undefined) {
        skip("apt knows no mirror of Debian; the digest above stands alone");
      }
      const fetched = spawnSync("/usr/lib/apt/apt-helper", [
        "download-file",
        `${mirror}/pool/main/u/ubuntu-keyring/ubuntu-keyring_2023.11.28.1-0.2_all.deb`,
        deb,
        // As in Debian's signed package list of trixie.
        "SHA256:b2e7ed48431bf9e7978ae810bbdaf253093570d6e3f864e575b7c13554b81174",
      ]);
      if (fetched.status !== 0) {
        skip(
          "Debian's mirror cannot be reached; the digest above stands alone",
        );
      }
      spawnSync("dpkg-deb", ["-x", deb, join(folder, "out")]);
      const ring = "usr/share/keyrings/ubuntu-archive-keyring.gpg";
      const exported = (file: string) => {
        const home = ["--homedir", folder, "--batch", "--quiet"];
        spawnSync("gpg", [...home, "--import", file]);
        return spawnSync("gpg", [
          ...home,
          "--export-options",
          "export-minimal",
          "--export",
          FINGERPRINT,
        ]).stdout;
      };
      const debians = exported(join(folder, "out", ring));
      expect(debians.length).toBeGreaterThan(1000);
      expect(Buffer.compare(await carried(), debians)).toBe(0);
    });
  });
});

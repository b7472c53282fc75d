// pi-image flash and verify with --signed-by: what the publisher's key vouches for goes onto the card, and nothing else.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { flash } from "../../src/commands/flash/flash.ts";
import { verify } from "../../src/commands/verify.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { openGpg } from "../base/gpg.ts";
import { startServer } from "../base/http-server.ts";
import { oldFile, sparseFile, temporaryFolder } from "../device/loop.ts";
import { describeWithTools } from "../support/tools.ts";
import { runInProcess } from "./in-process.ts";

const MIB = 1024 ** 2;
const SIZE = 4 * MIB;

const setUp = async () => {
  const gpg = openGpg();
  onTestFinished(gpg.close);
  const key = gpg.makeKey("releases");
  const folder = temporaryFolder();
  const image = sparseFile(join(folder, "a.img"), SIZE);
  await runTool("sfdisk", ["-q", image], {
    input: "label: dos\nstart=2048,size=2048,type=83\n",
  });
  const list = Buffer.from(
    `${createHash("sha256").update(readFileSync(image)).digest("hex")}  a.img\n`,
  );
  writeFileSync(join(folder, "SHA256SUMS"), list);
  writeFileSync(join(folder, "SHA256SUMS.gpg"), gpg.sign(list, key));
  writeFileSync(join(folder, "signing-key.asc"), key.armored);
  const card = oldFile(join(folder, "card"), SIZE + MIB);
  const before = readFileSync(card);
  return {
    key,
    folder,
    image,
    other: () => gpg.makeKey("somebody"),
    isAsBefore: () => readFileSync(card).equals(before),
    holds: (bytes: Buffer) =>
      readFileSync(card).subarray(0, bytes.length).equals(bytes),
    flash: (
      named: string | undefined,
      more: Readonly<Record<string, unknown>>,
    ) =>
      runInProcess(
        "flash",
        folder,
        (context) =>
          flash(context, [card, named], {
            inventory: join(folder, "cluster.yaml"),
            out: join(folder, "out"),
            yes: true,
            maxSize: 2 ** 40,
            ...more,
          }),
        { env: { PI_IMAGE_CONFIG_HOME: join(folder, "config") } },
      ),
    verify: (named: string | undefined, signedBy?: string) =>
      runInProcess("verify", folder, (context) =>
        verify(context, [card, named], {
          inventory: join(folder, "cluster.yaml"),
          out: join(folder, "out"),
          signedBy,
        }),
      ),
  };
};

describeWithTools(["gpg", "gpgconf", "sfdisk"], "--signed-by", () => {
  it("lets the publisher's image onto the card, from a file and from an address", async () => {
    const { key, folder, image, holds, ...run } = await setUp();
    const signedBy = key.fingerprint;
    const plan = await run.flash(image, { signedBy, dryRun: true });
    expect(plan.printed).toContain(`SHA256SUMS, signed by ${signedBy}`);
    expect((await run.flash(image, { signedBy })).exit).toBe(0);
    expect(holds(readFileSync(image))).toBe(true);
    expect((await run.verify(image, signedBy)).exit).toBe(0);

    const server = await startServer();
    for (const name of ["a.img", "SHA256SUMS", "SHA256SUMS.gpg"]) {
      server.files.set(name, readFileSync(join(folder, name)));
    }
    const address = `${server.address}a.img`;
    // Over http and without the key, which is known by now: the signature is what counts.
    expect((await run.flash(address, { signedBy })).exit).toBe(0);
    const changed = readFileSync(image);
    changed[3 * MIB] = 1;
    server.files.set("a.img", changed);
    expect((await run.flash(address, { signedBy })).exit).toBe(0);
    expect(holds(readFileSync(image))).toBe(true);
  });

  it("writes nothing where the signature does not fit, and nothing that boots where the image does not", async () => {
    const { key, image, isAsBefore, other, folder, ...run } = await setUp();
    const somebody = other();
    const wrong = await run.flash(image, { signedBy: somebody.fingerprint });
    expect(wrong.exit).toBe(4);
    expect(wrong.said).toContain("KEY_WRONG");
    expect((await run.verify(image, somebody.fingerprint)).exit).toBe(4);
    for (const [named, more] of [
      [undefined, { host: ["worker1"] }],
      ["-", {}],
      [image, { signedBy: "DEADBEEF" }],
      [undefined, { host: ["worker1"], base: "sample" }],
    ] as const) {
      const refused = await run.flash(named, {
        signedBy: key.fingerprint,
        ...more,
      });
      expect(refused.said).toContain("WRONG_ARGUMENTS");
      expect(refused.exit).toBe(2);
    }
    expect((await run.verify(undefined, key.fingerprint)).exit).toBe(2);
    expect(isAsBefore()).toBe(true);

    const changed = readFileSync(image);
    changed[3 * MIB] = 1;
    writeFileSync(image, changed);
    const mismatch = await run.flash(image, { signedBy: key.fingerprint });
    expect(mismatch.exit).toBe(4);
    expect(mismatch.said).toContain("CHECKSUM_MISMATCH");
    expect(
      readFileSync(join(folder, "card"))
        .subarray(0, MIB)
        .every((byte) => byte === 0),
    ).toBe(true);
  });

  it("takes the keys of `trust:` in the inventory, as --signed-by once and for all", async () => {
    const { key, folder, image, isAsBefore, other, holds, ...run } =
      await setUp();
    const trust = (...keys: readonly string[]) =>
      writeFileSync(
        join(folder, "cluster.yaml"),
        // Nothing else of it is looked at for a plain image.
        `trust: [${keys.map((one) => JSON.stringify(one)).join(", ")}]\n`,
      );
    const somebody = other();
    trust(somebody.fingerprint);
    const refused = await run.flash(image, {});
    expect(refused.exit).toBe(4);
    expect(refused.said).toContain(
      "is not the key that `trust:` in cluster.yaml names",
    );
    expect((await run.verify(image)).exit).toBe(4);
    const server = await startServer();
    server.files.set("a.img", readFileSync(image));
    const address = `${server.address}a.img`;
    // Nothing is beside it: somebody may have taken the signature away.
    for (const more of [{}, { insecure: true }]) {
      expect((await run.flash(address, more)).exit).toBe(4);
    }
    for (const [written, what] of [
      ["A1B2C3D4", '"A1B2C3D4" is not the fingerprint of a key'],
      ["", '"" is not the fingerprint of a key'],
    ] as const) {
      trust(written);
      const wrong = await run.flash(image, {});
      expect(wrong.said).toContain(what);
      expect(wrong.exit).toBe(2);
    }
    for (const text of [
      "trsut: [x]\n",
      "trustedKeys: [x]\n",
      "cluster: {trust: [x]}\n",
      "trust: [\n",
      "trust: []\n",
    ]) {
      writeFileSync(join(folder, "cluster.yaml"), text);
      expect([text, (await run.flash(image, {})).exit]).toEqual([text, 2]);
    }
    expect(isAsBefore()).toBe(true);

    trust(somebody.fingerprint, key.fingerprint);
    const plan = await run.flash(image, { dryRun: true });
    expect(plan.printed).toContain(`SHA256SUMS, signed by ${key.fingerprint}`);
    // The catalogue's keys count as for its bases, for the names of their images and no other.
    trust(somebody.fingerprint);
    const config = join(folder, "config");
    const catalogue = (file: string) =>
      writeFileSync(
        join(config, "base-images.yaml"),
        `keys: {us: {file: us.asc, fingerprint: ${key.fingerprint}}}
releases: {us: {title: Ours, signed: list, folder: "https://us.test/", file: "${file}", key: us}}
`,
      );
    mkdirSync(config, { recursive: true });
    writeFileSync(join(config, "us.asc"), key.armored);
    catalogue("b*.img");
    expect((await run.flash(image, { dryRun: true })).exit).toBe(4);
    catalogue("a*.img");
    const vendors = await run.flash(image, { dryRun: true });
    expect(vendors.printed).toContain(`signed by ${key.fingerprint}`);
    for (const name of ["SHA256SUMS", "SHA256SUMS.gpg"]) {
      server.files.set(name, readFileSync(join(folder, name)));
    }
    expect((await run.flash(address, { dryRun: true })).exit).toBe(0);
    const signedBy = somebody.fingerprint;
    expect((await run.flash(image, { signedBy, dryRun: true })).exit).toBe(4);
    rmSync(config, { recursive: true });
    // A checksum of one's own is a proof, too, and what nobody published has no list.
    trust(somebody.fingerprint);
    const sha256 = createHash("sha256")
      .update(readFileSync(image))
      .digest("hex");
    expect((await run.flash(image, { sha256 })).exit).toBe(0);
    rmSync(join(folder, "SHA256SUMS"));
    expect((await run.flash(image, {})).exit).toBe(0);
    expect(holds(readFileSync(image))).toBe(true);
  });
});

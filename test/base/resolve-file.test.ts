// From a file here to a verified base: what proves it, and what is refused.
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import type { BaseRequest } from "../../src/base/base-request.ts";
import { failureOf } from "../support/failure.ts";
import {
  outcomeOf,
  testFolder,
  testOptions,
  packageCatalogue,
  noCatalogue,
} from "./base-options.ts";
import { old, rawImage, resolve, sha256 } from "./release-server.ts";

describe("a file", () => {
  const image = rawImage(3);
  const options = () => ({ ...testOptions(), catalogue: noCatalogue });
  const file = (data = image) => {
    const path = join(testFolder(), "a.img");
    writeFileSync(path, data);
    return path;
  };
  const found = (path: string) => ({
    name: "a.img",
    path,
    sha256: sha256(image),
    origin: "file",
  });

  it("is taken by path and by address", async () => {
    const path = file();
    for (const base of [path, pathToFileURL(path).href]) {
      expect(
        await resolve({ base, explicit: true, insecure: true }, options()),
      ).toEqual(found(path));
    }
  });

  it("that nothing proves is refused with the digest to compare, but for --insecure and a pin", async () => {
    const path = file();
    const told = async (more: Partial<BaseRequest>) => {
      const opts = options();
      await resolve({ base: path, explicit: true, ...more }, opts);
      return opts.told();
    };
    const error = await failureOf(told({}));
    expect([error.code, error.exitCode]).toEqual(["CHECKSUM_MISSING", 4]);
    expect(error.message).toBe(`there is no checksum to check ${path} against`);
    expect(error.facts).toEqual([`its SHA-256 is ${sha256(image)}`]);
    expect(error.hint).toContain(`--sha256 ${sha256(image)}`);
    expect(error.hint).toContain("--insecure");
    expect(await told({ insecure: true })).toEqual([]);
    expect(await told({ sha256: sha256(image) })).toEqual([]);
    const pin = { file: "a.img", sha256: sha256(image), from: "x.lock.json" };
    expect(await told({ pin })).toEqual([]);
  });

  it("that is another one than the pinned is refused, unless it is proven or wanted so", async () => {
    const path = file();
    const pin = { file: "a.img", sha256: sha256(old), from: "x.lock.json" };
    const run = async (more: Partial<BaseRequest>) => {
      const opts = options();
      await resolve({ base: path, explicit: true, pin, ...more }, opts);
      return opts.told();
    };
    const error = await failureOf(run({}));
    expect([error.code, error.exitCode]).toEqual(["CHECKSUM_MISMATCH", 4]);
    expect(error.message).toBe(
      `${path} is not the file that the last build used, according to x.lock.json`,
    );
    const change = [
      `${path} is not the file that the last build used, according to x.lock.json; the cards that are built now differ from earlier ones`,
    ];
    expect(await run({ insecure: true })).toEqual(change);
    expect(await run({ sha256: sha256(image) })).toEqual(change);
  });

  it("with the right checksum is taken", async () => {
    const path = file();
    writeFileSync(`${path}.sha256`, `${sha256(image)}  a.img\n`);
    writeFileSync(join(path, "../SHA256SUMS"), `${sha256(image)} *a.img\n`);
    const request = { base: path, explicit: true, sha256: sha256(image) };
    expect(await resolve(request, options())).toEqual(found(path));
  });

  const wrong = sha256(rawImage(4));
  it.each([
    ["given", undefined, wrong],
    ["in .sha256", "a.img.sha256", undefined],
    ["in SHA256SUMS", "SHA256SUMS", undefined],
  ])("with a wrong checksum %s is refused", async (_, list, given) => {
    const path = file();
    if (list !== undefined) {
      writeFileSync(join(path, "..", list), `${wrong} *a.img\n`);
    }
    const request = { base: path, explicit: true, sha256: given };
    const error = await failureOf(resolve(request, options()));
    expect([error.code, error.exitCode]).toEqual(["CHECKSUM_MISMATCH", 4]);
    expect(error.facts).toEqual([
      `expected ${wrong}`,
      `found    ${sha256(image)}`,
    ]);
  });

  it("with a checksum that cannot be understood is refused", async () => {
    const path = file();
    writeFileSync(`${path}.sha256`, "404: not found\n");
    const work = resolve({ base: path, explicit: true }, options());
    expect(await outcomeOf(work)).toContain("CHECKSUM_LIST_WRONG 4:");
  });

  it.each([
    ["ubuntu-24.10", "BASE_NOT_FOUND 2: ubuntu-24.10 is neither in"],
    ["/nowhere/a.img", "BASE_NOT_FOUND 2: /nowhere/a.img is neither in"],
    ["file://host/a", "WRONG_ARGUMENTS 2: file://host/a is not a valid"],
    ["https://", "WRONG_ARGUMENTS 2: https:// is not a valid address"],
    ["/proc", "IMAGE_NOT_AN_IMAGE 2: /proc is a folder"],
    [
      "/dev/null",
      "IMAGE_NOT_AN_IMAGE 2: /dev/null is a device, a pipe or a socket, not the file of a disk image",
    ],
  ])("%s is not one", async (base, expected) => {
    const work = resolve({ base, explicit: true }, options());
    expect(await outcomeOf(work)).toContain(expected);
  });

  it("names what there is instead", async () => {
    const catalogue = await packageCatalogue();
    const error = await failureOf(
      resolve({ base: "ubunut", explicit: true }, { ...options(), catalogue }),
    );
    expect(error.hint).toBe(
      "give the path of an image, or one of: ubuntu-22.04, ubuntu-24.04, ubuntu-26.04, raspios-trixie, archlinuxarm, sample, sample-26.04",
    );
  });

  it("that has not changed is not read again", async () => {
    const path = file();
    const opts = options();
    // A file that changed just now could change again unseen.
    await new Promise((done) => setTimeout(done, 2100));
    const request = { base: path, explicit: true, insecure: true };
    const phases = () =>
      opts.events.filter(({ type }) => type === "phase").length;
    await resolve(request, opts);
    expect(phases()).toBe(1);
    await resolve(request, opts);
    expect(phases()).toBe(1);
    await resolve(request, { ...opts, anew: true });
    expect(phases()).toBe(2);
    const changed = Buffer.from(image);
    changed[1000] = 9;
    writeFileSync(path, changed);
    expect((await resolve(request, opts)).sha256).toBe(sha256(changed));
    rmSync(path);
  });
});

// From the name of a release to a verified base: with a server, without one, and with one that cannot be trusted.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PinnedKey } from "../../src/base/proof/signature.ts";
import { describeWithTools } from "../support/tools.ts";
import { failureOf } from "../support/failure.ts";
import {
  outcomeOf,
  testFolder,
  testOptions,
  packageCatalogue,
} from "./base-options.ts";
import { openGpg } from "./gpg.ts";
import { deadAddress } from "./http-server.ts";
import {
  name,
  newest,
  old,
  resolve,
  serveRelease,
  sha256,
} from "./release-server.ts";

describeWithTools(["gpg", "gpgconf"], "a release of the catalogue", () => {
  let gpg: ReturnType<typeof openGpg>;
  let pinned: PinnedKey;
  let other: PinnedKey;
  beforeAll(() => {
    gpg = openGpg();
    pinned = gpg.makeKey("CD image key <cd@example.com>");
    other = gpg.makeKey("Another key <other@example.com>");
  });
  afterAll(() => gpg.close());

  const setUp = (signer = pinned) => serveRelease(gpg, pinned, signer);
  const wanted = {
    name: name(".10"),
    sha256: sha256(newest),
    origin: "download",
  };

  it("proves a file of that name that lies here", async () => {
    const { run, options } = await setUp();
    const good = join(testFolder(), name(".9"));
    writeFileSync(good, old);
    expect(await run({ base: good })).toMatchObject({ origin: "file" });
    expect(options.told()).toEqual([]);
    writeFileSync(good, newest);
    const error = await failureOf(run({ base: good }));
    expect([error.code, error.exitCode]).toEqual(["CHECKSUM_MISMATCH", 4]);
    expect(error.message).toContain("SHA256SUMS says");
    expect(await run({ base: good, insecure: true })).toMatchObject({
      sha256: sha256(newest),
    });
  });

  it("proves a file without network by the list of an earlier run", async () => {
    const { run, options } = await setUp();
    const path = join(testFolder(), name(".9"));
    writeFileSync(path, old);
    const dead = await deadAddress();
    const error = await failureOf(run({ base: path }, dead));
    expect([error.code, error.exitCode]).toEqual(["CHECKSUM_MISSING", 4]);
    expect(error.facts.at(-1)).toContain(
      "the vendor's signed list is not available: 127.0.0.1:",
    );
    await run();
    expect(await run({ base: path }, dead)).toMatchObject({ origin: "file" });
    expect(options.told()).toEqual([]);
  });

  it("says which image the vendor has now, where it no longer lists the file", async () => {
    const { run } = await setUp();
    const path = join(testFolder(), name(".1"));
    writeFileSync(path, old);
    const error = await failureOf(run({ base: path }));
    expect(error.code).toBe("CHECKSUM_MISSING");
    expect(error.facts.at(-1)).toMatch(
      /SHA256SUMS no longer lists it, but ubuntu-24\.04\.10-preinstalled/,
    );
  });

  it("has its signature verified where list and signature lie beside the file", async () => {
    const { run, files } = await setUp();
    const folder = testFolder();
    const path = join(folder, name(".9"));
    const beside = (file: string) => join(folder, file);
    writeFileSync(path, old);
    for (const file of ["SHA256SUMS", "SHA256SUMS.gpg"]) {
      writeFileSync(beside(file), files.get(file) as Buffer);
    }
    const dead = await deadAddress();
    expect(await run({ base: path }, dead)).toMatchObject({ origin: "file" });
    writeFileSync(path, newest);
    writeFileSync(beside("SHA256SUMS"), `${sha256(newest)} *${name(".9")}\n`);
    expect(await outcomeOf(run({ base: path }, dead))).toContain(
      `SIGNATURE_WRONG 4: the signature of ${beside("SHA256SUMS")}`,
    );
    // There, but unreadable: the list must not pass for one without a signature.
    rmSync(beside("SHA256SUMS.gpg"));
    symlinkSync("SHA256SUMS.gpg", beside("SHA256SUMS.gpg"));
    expect(await outcomeOf(run({ base: path }, dead))).toBe(
      `CHECKSUM_LIST_WRONG 4: ${beside("SHA256SUMS.gpg")} cannot be read: it is a symbolic link that leads in a circle`,
    );
    rmSync(beside("SHA256SUMS.gpg"));
    mkdirSync(beside("SHA256SUMS.gpg"));
    expect(await outcomeOf(run({ base: path }, dead))).toBe(
      `CHECKSUM_LIST_WRONG 4: ${beside("SHA256SUMS.gpg")} cannot be read: it is a folder`,
    );
  });

  it("is the newest point release, downloaded once", async () => {
    const { run, requests } = await setUp();
    expect(await run()).toMatchObject(wanted);
    expect(await run()).toMatchObject(wanted);
    expect(requests).toEqual([
      "SHA256SUMS",
      "SHA256SUMS.gpg",
      name(".10"),
      "SHA256SUMS",
      "SHA256SUMS.gpg",
    ]);
  });

  it("comes from the cache when the server is gone", async () => {
    const { run, options } = await setUp();
    await run();
    const dead = await deadAddress();
    expect(await run({}, dead)).toMatchObject(wanted);
    expect(options.told()[0]).toContain(
      `taking ${name(".10")} from the cache without looking for a newer one`,
    );
  });

  it("comes from the cache when the server is broken", async () => {
    const { run, files, options } = await setUp();
    await run();
    files.delete("SHA256SUMS.gpg");
    expect(await run()).toMatchObject(wanted);
    expect(options.told().at(-1)).toContain("does not exist (status 404)");
  });

  it("does not come from a cache whose list was changed", async () => {
    const { run, options } = await setUp();
    await run();
    const list = join(
      options.env["PI_IMAGE_CACHE_HOME"] ?? "",
      "lists/ubuntu-24.04/SHA256SUMS",
    );
    writeFileSync(list, `${sha256(old)} *${name(".11")}\n`);
    expect(await outcomeOf(run({}, await deadAddress()))).toContain(
      "BASE_UNREACHABLE 1:",
    );
  });

  it("is replaced by the sample without a network, loudly", async () => {
    const { run, options } = await setUp();
    expect(await run({ explicit: false }, await deadAddress())).toMatchObject({
      name: "sample-ubuntu-24.04.img.xz",
      origin: "sample",
    });
    expect(options.events).toContainEqual(
      expect.objectContaining({
        type: "warning",
        message: expect.stringMatching(
          /^no network: built from the sample base, which does not boot on a Pi; it is only for trying things out/,
        ),
      }),
    );
  });

  it("is not replaced when it was asked for, or has a checksum", async () => {
    const { run } = await setUp();
    const dead = await deadAddress();
    const error = await failureOf(run({}, dead));
    expect([error.code, error.exitCode]).toEqual(["BASE_UNREACHABLE", 1]);
    expect(error.message).toContain("cannot be reached (ECONNREFUSED)");
    expect(error.hint).toContain("--base");
    const request = { explicit: false, sha256: sha256(newest) };
    expect(await outcomeOf(run(request, dead))).toContain("BASE_UNREACHABLE");
  });

  it("is not replaced when the server answers, but wrongly", async () => {
    const { run, files } = await setUp();
    files.set("SHA256SUMS", (_, response) => {
      response.setHeader("content-type", "text/html");
      response.end("<html>Please log in");
    });
    const error = await failureOf(run({ explicit: false }));
    expect(error.code).toBe("DOWNLOAD_FAILED");
    expect(error.message).toContain("a web page instead of the file");
  });

  it("is refused when another key signed the list, cache or not", async () => {
    const { run, publish, requests } = await setUp(other);
    expect(await outcomeOf(run({ explicit: false }))).toContain(
      "SIGNATURE_WRONG 4:",
    );
    expect(requests.some((path) => path.startsWith("ubuntu"))).toBe(false);
    publish(`${sha256(newest)} *${name(".10")}\n`, pinned);
    await run();
    publish(`${sha256(old)} *${name(".11")}\n`, other);
    expect(await outcomeOf(run())).toContain("SIGNATURE_WRONG 4:");
  });

  it("is found when the list changes between the two requests", async () => {
    const { run, files, publish } = await setUp();
    const [before, signature] = [
      files.get("SHA256SUMS"),
      files.get("SHA256SUMS.gpg"),
    ];
    publish(`${sha256(old)} *${name(".9")}\n`);
    const after = files.get("SHA256SUMS.gpg");
    let calls = 0;
    files.set("SHA256SUMS.gpg", (_, response) => {
      calls += 1;
      // The new signature comes with the old list, the first time.
      response.end(calls === 1 ? signature : after);
    });
    expect(before).toBeDefined();
    expect(await run()).toMatchObject({ name: name(".9") });
    expect(calls).toBe(2);
  });

  it("is told to be older where the vendor takes an image back with a new list", async () => {
    const { run, publish, options } = await setUp();
    await run();
    publish(`${sha256(old)} *${name(".9")}\n`);
    expect(await run()).toMatchObject({ name: name(".9") });
    expect(options.told().at(-1)).toMatch(
      /SHA256SUMS offers ubuntu-24\.04\.9-\S+, and an earlier list had ubuntu-24\.04\.10-\S+: the vendor has taken that back/,
    );
  });

  it("is refused when its list is older than one that was seen, not only once", async () => {
    const key = gpg.makeKey(
      "Of long ago <long@example.com>",
      "ed25519",
      "never",
      "20240101T000000",
    );
    const vendor = await serveRelease(gpg, key);
    const publish = (point: string, data: Buffer, day: string) =>
      vendor.publish(
        `${sha256(data)} *${name(point)}\n`,
        key,
        "--faked-system-time",
        `${day}T120000`,
      );
    publish(".10", newest, "20251205");
    await vendor.run();
    // The same list again is no way back.
    await vendor.run();
    for (const point of [".9", ".10"]) {
      publish(point, old, "20251002");
      const error = await failureOf(vendor.run());
      expect([error.code, error.exitCode]).toEqual(["BASE_TURNED_BACK", 4]);
      expect(error.message).toContain(
        "SHA256SUMS was signed on 2025-10-02, and an earlier run has already seen what was signed on 2025-12-05",
      );
    }
    publish(".10", newest, "20251206");
    expect(await vendor.run()).toMatchObject({ name: name(".10") });
  });

  it("is refused when the signature of the list has expired", async () => {
    const { run, publish, requests } = await setUp();
    const list = `${sha256(newest)} *${name(".10")}\n`;
    publish(list, pinned, "--default-sig-expire", "seconds=1");
    await new Promise((done) => setTimeout(done, 2100));
    const error = await failureOf(run());
    expect([error.code, error.exitCode]).toEqual(["SIGNATURE_WRONG", 4]);
    expect(error.facts.join()).toContain("expired");
    expect(requests.some((path) => path.startsWith("ubuntu"))).toBe(false);
  });

  it("that the list does not have is refused", async () => {
    const { run, publish } = await setUp();
    publish(`${sha256(old)} *ubuntu-24.10-live.iso\n`);
    expect(await outcomeOf(run())).toContain(
      "CHECKSUM_LIST_WRONG 4: http://127.0.0.1:",
    );
  });

  it("that differs from the list is refused, and nothing is kept", async () => {
    const { run, files, options } = await setUp();
    files.set(name(".10"), old);
    const error = await failureOf(run());
    expect([error.code, error.exitCode]).toEqual(["CHECKSUM_MISMATCH", 4]);
    expect(error.facts).toEqual([
      `expected ${sha256(newest)}`,
      `found    ${sha256(old)}`,
    ]);
    const cache = options.env["PI_IMAGE_CACHE_HOME"] ?? "";
    expect(readdirSync(join(cache, "archives"))).toEqual([]);
    expect(readdirSync(join(cache, "downloads"))).toEqual([]);
  });

  it("that is another one than --sha256 says is refused", async () => {
    const { run, requests } = await setUp();
    expect(await run({ sha256: sha256(newest) })).toMatchObject(wanted);
    const count = requests.length;
    expect(await outcomeOf(run({ sha256: sha256(old) }))).toContain(
      "CHECKSUM_MISMATCH 4:",
    );
    expect(requests.length).toBe(count + 2);
  });
});

describe("a sample", () => {
  it.each(["sample", "sample-26.04"])("%s is in the package", async (base) => {
    const options = { ...testOptions(), catalogue: await packageCatalogue() };
    const found = await resolve({ base, explicit: true }, options);
    expect(found.origin).toBe("sample");
    expect(found.name).toMatch(/^sample-ubuntu-.*\.img\.xz$/);
    // Their digests stand in profiles/base-images/SHA256SUMS, and are compared.
    expect(existsSync(join(found.path, "../SHA256SUMS"))).toBe(true);
  });
  it("stands in for every Ubuntu release", async () => {
    const { releases, samples } = await packageCatalogue();
    for (const [name, { sample }] of releases) {
      expect(samples.has(sample ?? "")).toBe(name.startsWith("ubuntu-"));
    }
  });
});

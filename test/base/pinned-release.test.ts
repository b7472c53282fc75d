// A release that the lockfile pins: the same image on every computer and every day, until somebody updates.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PinnedKey } from "../../src/base/proof/signature.ts";
import { describeWithTools } from "../support/tools.ts";
import { failureOf } from "../support/failure.ts";
import { openGpg } from "./gpg.ts";
import { deadAddress } from "./http-server.ts";
import { name, newest, old, serveRelease, sha256 } from "./release-server.ts";

const pin = {
  file: name(".9"),
  sha256: sha256(old),
  from: "cluster.lock.json",
};
const pinned = { name: pin.file, sha256: pin.sha256, origin: "download" };

describeWithTools(["gpg", "gpgconf"], "a pinned release", () => {
  let gpg: ReturnType<typeof openGpg>;
  let key: PinnedKey;
  let other: PinnedKey;
  beforeAll(() => {
    gpg = openGpg();
    key = gpg.makeKey("CD image key <cd@example.com>");
    other = gpg.makeKey("Another key <other@example.com>");
  });
  afterAll(() => gpg.close());

  const setUp = (signer = key) => serveRelease(gpg, key, signer);

  it("stays what it is when there is a newer one, which is told", async () => {
    const { run, options, requests } = await setUp();
    expect(await run({ pin })).toMatchObject(pinned);
    expect(requests).toContain(name(".9"));
    expect(options.told()).toContain(
      `${name(".10")} is newer than ${name(".9")}, which cluster.lock.json pins; \`pi-image base update ubuntu-24.04\` shows and takes the vendor's newest image`,
    );
  });

  it("comes from the cache without asking anybody", async () => {
    const { run, requests, options } = await setUp();
    await run({ pin });
    const before = requests.length;
    const told = options.told().length;
    expect(await run({ pin })).toMatchObject(pinned);
    expect(requests.length).toBe(before);
    expect(options.told().length).toBe(told);
  });

  it("that the list no longer has is taken where the server still has it", async () => {
    const { run, publish } = await setUp();
    publish(`${sha256(newest)} *${name(".10")}\n`);
    expect(await run({ pin })).toMatchObject(pinned);
  });

  it("that the vendor took away is told, with the way on", async () => {
    const { run, publish, files } = await setUp();
    publish(`${sha256(newest)} *${name(".10")}\n`);
    files.delete(name(".9"));
    const error = await failureOf(run({ pin }));
    expect([error.code, error.exitCode]).toEqual(["BASE_PIN_GONE", 1]);
    expect(error.message).toMatch(
      /^cluster\.lock\.json pins ubuntu-24\.04\.9-.* does not exist \(status 404\)$/,
    );
    expect(error.facts).toEqual([`the vendor offers ${name(".10")} now`]);
    expect(error.hint).toContain("pi-image base update ubuntu-24.04");
  });

  it("that became another file under the same name is refused", async () => {
    const { run, publish, files, options } = await setUp();
    publish(`${sha256(newest)} *${name(".9")}\n`);
    files.set(name(".9"), newest);
    const error = await failureOf(run({ pin }));
    expect([error.code, error.exitCode]).toEqual(["CHECKSUM_MISMATCH", 4]);
    expect(error.facts).toEqual([
      `expected ${sha256(old)}`,
      `found    ${sha256(newest)}`,
    ]);
    expect(options.told()).toEqual([]);
  });

  it("whose bytes are wrong is refused", async () => {
    const { run, files } = await setUp();
    files.set(name(".9"), newest);
    const error = await failureOf(run({ pin }));
    expect([error.code, error.exitCode]).toEqual(["CHECKSUM_MISMATCH", 4]);
  });

  it("is not fetched on the word of a list that another key signed", async () => {
    const { run, requests } = await setUp(other);
    expect((await failureOf(run({ pin }))).code).toBe("SIGNATURE_WRONG");
    expect(requests.some((path) => path.startsWith("ubuntu"))).toBe(false);
  });

  it("is another one than --sha256 says: refused before anything is asked", async () => {
    const { run, requests } = await setUp();
    const error = await failureOf(run({ pin, sha256: sha256(newest) }));
    expect(error.code).toBe("CHECKSUM_MISMATCH");
    expect(requests).toEqual([]);
  });

  it("becomes the sample without a network, where it is only a default", async () => {
    const { run } = await setUp();
    expect(
      await run({ pin, explicit: false }, await deadAddress()),
    ).toMatchObject({ origin: "sample" });
  });

  describe("on mirrors", () => {
    it("is asked there first, and verified all the same", async () => {
      const vendor = await setUp();
      const mirror = await setUp();
      const address = mirror.address.replace(/\/$/, "");
      expect(await vendor.run({}, vendor.address, [address])).toMatchObject({
        name: name(".10"),
      });
      expect(vendor.requests).toEqual([]);
      expect(mirror.requests).toEqual([
        "SHA256SUMS",
        "SHA256SUMS.gpg",
        name(".10"),
      ]);
    });

    it.each([
      ["is gone", async () => deadAddress()],
      [
        "has a list that another key signed",
        async () => (await setUp(other)).address,
      ],
      [
        "has another file than the list says",
        async () => {
          const mirror = await setUp();
          mirror.files.set(name(".10"), old);
          return mirror.address;
        },
      ],
      [
        "lacks the file",
        async () => {
          const mirror = await setUp();
          mirror.files.delete(name(".10"));
          return mirror.address;
        },
      ],
    ])("is not needed when it %s", async (_, mirror) => {
      const vendor = await setUp();
      const address = (await mirror()).replace(/\/$/, "");
      expect(await vendor.run({}, vendor.address, [address])).toMatchObject({
        name: name(".10"),
        sha256: sha256(newest),
      });
      expect(vendor.options.told().at(-1)).toMatch(
        /; asking 127\.0\.0\.1:\d+ instead$/,
      );
      const archives = join(
        vendor.options.env["PI_IMAGE_CACHE_HOME"] ?? "",
        "archives",
      );
      rmSync(join(archives, sha256(newest)));
    });

    it("tells what is worst when none serves", async () => {
      const vendor = await setUp(other);
      const dead = (await deadAddress()).replace(/\/$/, "");
      const error = await failureOf(vendor.run({}, vendor.address, [dead]));
      expect(error.code).toBe("SIGNATURE_WRONG");
    });
  });
});

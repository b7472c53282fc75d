// From an address to a verified base: downloaded once, and only with a checksum.
import { describe, expect, it } from "vitest";
import type { BaseRequest } from "../../src/base/base-request.ts";
import { failureOf } from "../support/failure.ts";
import { outcomeOf, testOptions, noCatalogue } from "./base-options.ts";
import { deadAddress, startServer } from "./http-server.ts";
import { newest, old, resolve, sha256 } from "./release-server.ts";

describe("an address", () => {
  const setUp = async () => {
    const server = await startServer();
    server.files.set("b+c.img.gz", newest);
    const options = { ...testOptions(), catalogue: noCatalogue };
    const base = `${server.address}b%2Bc.img.gz`;
    const run = (more: Partial<BaseRequest>) =>
      resolve({ base, explicit: true, ...more }, options);
    return { ...server, options, run };
  };
  const expected = {
    name: "b+c.img.gz",
    sha256: sha256(newest),
    origin: "download",
  };

  it("needs a checksum, or the word that none is wanted", async () => {
    const { run, requests } = await setUp();
    const error = await failureOf(run({}));
    expect([error.code, error.exitCode]).toEqual(["CHECKSUM_MISSING", 4]);
    expect(error.hint).toContain("--sha256");
    expect(requests).toEqual([]);
    expect(await run({ sha256: sha256(newest) })).toMatchObject(expected);
    expect(await run({ insecure: true })).toMatchObject(expected);
  });

  it("with a checksum is downloaded once", async () => {
    const { run, requests } = await setUp();
    await run({ sha256: sha256(newest) });
    await run({ sha256: sha256(newest) });
    expect(requests).toEqual(["b+c.img.gz"]);
  });

  it("needs no checksum where the lockfile has one, which it must match", async () => {
    const { run } = await setUp();
    const pin = { file: "b+c.img.gz", from: "cluster.lock.json" };
    expect(
      await run({ pin: { ...pin, sha256: sha256(newest) } }),
    ).toMatchObject(expected);
    expect(
      await outcomeOf(run({ pin: { ...pin, sha256: sha256(old) } })),
    ).toContain(
      "CHECKSUM_MISMATCH 4: b+c.img.gz does not have the checksum that cluster.lock.json says",
    );
  });

  it("with a wrong checksum is refused", async () => {
    const { run } = await setUp();
    expect(await outcomeOf(run({ sha256: sha256(old) }))).toContain(
      "CHECKSUM_MISMATCH 4: b+c.img.gz does not have the checksum that --sha256 says",
    );
  });

  it("may hold percent signs that escape nothing, in its name and its password", async () => {
    const { files, address, options } = await setUp();
    let authorization: string | undefined;
    files.set("100%.img.gz", (request, response) => {
      ({ authorization } = request.headers);
      response.end(newest);
    });
    const base = `${address.replace("//", "//ana:50%@")}100%.img.gz`;
    const found = await resolve(
      { base, explicit: true, insecure: true },
      options,
    );
    expect(found).toMatchObject({ ...expected, name: "100%.img.gz" });
    expect(authorization).toBe(
      `Basic ${Buffer.from("ana:50%").toString("base64")}`,
    );
  });

  it("that nobody answers is told without its password", async () => {
    const { options } = await setUp();
    const dead = (await deadAddress()).replace("//", "//ana:secret@");
    const work = resolve(
      { base: `${dead}a.img?token=t0k`, explicit: true, insecure: true },
      options,
    );
    const error = await failureOf(work);
    expect(error.code).toBe("BASE_UNREACHABLE");
    expect(
      JSON.stringify([error.message, error.facts, error.hint]),
    ).not.toMatch(/secret|t0k/);
  });
});

// Releases whose vendor signs each file: found through an os_list or at one address, and proven before they are kept.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { SignedFileRelease } from "../../src/base/load-catalogue.ts";
import type { PinnedKey } from "../../src/base/proof/signature.ts";
import { describeWithTools } from "../support/tools.ts";
import { failureOf } from "../support/failure.ts";
import { outcomeOf, testOptions } from "./base-options.ts";
import { openGpg } from "./gpg.ts";
import { deadAddress, serveFile, startServer } from "./http-server.ts";
import { newest, old, resolve, sha256 } from "./release-server.ts";

const FOLDER = "raspios_lite_arm64/images/raspios_lite_arm64-";
const file = (date: string) => `${date}-raspios-trixie-arm64-lite.img.xz`;

describeWithTools(["gpg", "gpgconf"], "a file with its own signature", () => {
  let gpg: ReturnType<typeof openGpg>;
  let pinned: PinnedKey;
  let other: PinnedKey;
  beforeAll(() => {
    gpg = openGpg();
    pinned = gpg.makeKey(
      "Downloads key <downloads@example.com>",
      "rsa2048",
      "never",
      "20240101T000000",
    );
    other = gpg.makeKey("Another key <other@example.com>");
  });
  afterAll(() => gpg.close());

  /** A server with the vendor's files, its list and its key. */
  const setUp = async () => {
    const server = await startServer();
    const { address, files } = server;
    const options = testOptions();
    files.set("key.asc", Buffer.from(pinned.armored));
    const key = {
      fingerprint: pinned.fingerprint,
      addresses: [`${address}key.asc`],
    };
    const release = (more: Partial<SignedFileRelease>): SignedFileRelease => ({
      signed: "file",
      title: "Of a vendor",
      address: `${address}${FOLDER}*/*-raspios-trixie-arm64-lite.img.xz`,
      list: `${address}os_list.json`,
      checksum: true,
      key,
      ...more,
    });
    const publish = (
      path: string,
      data: Buffer,
      signer = pinned,
      ...how: readonly string[]
    ) => {
      files.set(path, data);
      files.set(`${path}.sig`, gpg.sign(data, signer, ...how));
      files.set(
        `${path}.sha256`,
        Buffer.from(`${sha256(data)}  ${path.split("/").at(-1)}\n`),
      );
    };
    const listed = (dates: readonly string[]) =>
      Buffer.from(
        JSON.stringify({
          imager: { latest_version: "2.0.0" },
          os_list: [
            { name: "Raspberry Pi OS (64-bit)", url: `${address}other.img.xz` },
            {
              name: "Raspberry Pi OS (other)",
              subitems: dates.map((date) => ({
                name: "Raspberry Pi OS Lite (64-bit)",
                url: `${address}${FOLDER}${date}/${file(date)}`,
                extract_sha256: "0".repeat(64),
              })),
            },
          ],
        }),
      );
    const image = (date: string) => `${FOLDER}${date}/${file(date)}`;
    publish(image("2025-10-01"), old);
    publish(image("2025-12-04"), newest);
    files.set("os_list.json", listed(["2025-12-04", "2025-10-01"]));
    const run = (
      more: Partial<SignedFileRelease> = {},
      request: Partial<Parameters<typeof resolve>[0]> = {},
    ) =>
      resolve(
        { base: "raspios", explicit: true, ...request },
        {
          ...options,
          catalogue: {
            releases: new Map([["raspios", release(more)]]),
            samples: new Map(),
          },
        },
      );
    const kept = () =>
      ["archives", "downloads"].flatMap((kind) => {
        try {
          return readdirSync(
            join(options.env["PI_IMAGE_CACHE_HOME"] ?? "", kind),
          );
        } catch {
          return [];
        }
      });
    return { ...server, options, publish, listed, image, run, kept };
  };
  const wanted = {
    name: file("2025-12-04"),
    sha256: sha256(newest),
    origin: "download",
  };

  it("is the newest of the list, downloaded once, with a key fetched once", async () => {
    const { run, requests, image } = await setUp();
    expect(await run()).toMatchObject(wanted);
    expect(await run()).toMatchObject(wanted);
    expect(requests.filter((path) => path === "key.asc").length).toBe(1);
    expect(requests.filter((path) => path === image("2025-12-04")).length).toBe(
      1,
    );
  });

  it("comes from the cache when the server is gone", async () => {
    const { run, close, options } = await setUp();
    await run();
    await close();
    expect(await run()).toMatchObject(wanted);
    expect(options.told().at(-1)).toContain("from the cache without looking");
  });

  it("is refused and not kept when another key signed it", async () => {
    const { run, publish, image, kept } = await setUp();
    publish(image("2025-12-04"), newest, other);
    expect(await outcomeOf(run())).toContain("SIGNATURE_WRONG 4:");
    expect(kept()).toEqual([]);
  });

  it("is refused when it differs from its checksum, or from its signature", async () => {
    const { run, files, image, kept } = await setUp();
    const path = image("2025-12-04");
    files.set(path, old);
    expect(await outcomeOf(run())).toContain("CHECKSUM_MISMATCH 4:");
    files.set(`${path}.sha256`, Buffer.from(`${sha256(old)}\n`));
    expect(await outcomeOf(run())).toContain("SIGNATURE_WRONG 4:");
    expect(kept()).toEqual([]);
  });

  it("is refused when its checksum is of another file", async () => {
    const { run, files, image } = await setUp();
    files.set(
      `${image("2025-12-04")}.sha256`,
      Buffer.from(`${sha256(newest)}  another.img.xz\n`),
    );
    expect(await outcomeOf(run())).toContain("CHECKSUM_LIST_WRONG 4:");
  });

  it("needs the key of the pinned fingerprint", async () => {
    const { run, files, requests, image } = await setUp();
    files.set("key.asc", Buffer.from(other.armored));
    const error = await failureOf(run());
    expect([error.code, error.exitCode]).toEqual(["KEY_WRONG", 4]);
    expect(error.message).toContain(`not ${pinned.fingerprint}`);
    expect(requests).not.toContain(image("2025-12-04"));
  });

  it.each([
    [
      "names nothing that fits",
      '{"os_list":[{"url":"https://evil/x.img.xz"}]}',
    ],
    ["is not JSON", "<html>"],
    ["is something else", '["a"]'],
  ])("is refused when the list %s", async (_, list) => {
    const { run, files } = await setUp();
    files.set("os_list.json", Buffer.from(list));
    expect(await outcomeOf(run())).toContain("CHECKSUM_LIST_WRONG 4:");
  });

  it("is the pinned one, found by its date when the list has a newer one", async () => {
    const { run, files, listed } = await setUp();
    files.set("os_list.json", listed(["2025-12-04"]));
    const pin = {
      file: file("2025-10-01"),
      sha256: sha256(old),
      from: "cluster.lock.json",
    };
    expect(await run({}, { pin })).toMatchObject({
      name: pin.file,
      sha256: pin.sha256,
    });
  });

  it("without list and checksum is fetched again only when its signature changes", async () => {
    const { run, files, address, requests } = await setUp();
    const only = {
      address: `${address}board-latest.img.xz`,
      list: undefined,
      checksum: false,
    };
    files.set("board-latest.img.xz", serveFile(old, '"1"'));
    files.set("board-latest.img.xz.sig", gpg.sign(old, pinned));
    const downloads = () =>
      requests.filter((path) => path.endsWith("xz")).length;
    expect((await run(only)).sha256).toBe(sha256(old));
    expect((await run(only)).sha256).toBe(sha256(old));
    expect(downloads()).toBe(1);
    files.set("board-latest.img.xz", serveFile(newest, '"2"'));
    files.set("board-latest.img.xz.sig", gpg.sign(newest, pinned));
    expect((await run(only)).sha256).toBe(sha256(newest));
    expect(downloads()).toBe(2);
    const pin = {
      file: "board-latest.img.xz",
      sha256: sha256(Buffer.from("older")),
      from: "cluster.lock.json",
    };
    const error = await failureOf(run(only, { pin }));
    expect([error.code, error.exitCode]).toEqual(["CHECKSUM_MISMATCH", 4]);
    expect(error.hint).toContain("pi-image base update");
  });

  const at = (day: string) => ["--faked-system-time", `${day}T120000`];

  it("is refused under the name of a newer one, also from the cache", async () => {
    const { run, publish, image, kept } = await setUp();
    publish(image("2025-12-04"), old, pinned, ...at("20251003"));
    const refused =
      "BASE_TURNED_BACK 4: 2025-12-04-raspios-trixie-arm64-lite.img.xz is named after a day on which";
    expect(await outcomeOf(run())).toContain(refused);
    expect(kept()).toEqual([]);
    // Where the archive is in the cache already, for whatever reason.
    const pin = {
      file: file("2025-10-01"),
      sha256: sha256(old),
      from: "cluster.lock.json",
    };
    await run({}, { pin });
    expect(await outcomeOf(run())).toContain(refused);
    // On the evening before, where the vendor's clock stands.
    publish(image("2025-12-04"), old, pinned, ...at("20251203"));
    expect(await run()).toMatchObject({ sha256: sha256(old) });
  });

  it("is refused when a newer one has been seen, not only once", async () => {
    const { run, publish, files, listed, image, options } = await setUp();
    publish(image("2025-10-01"), old, pinned, ...at("20251002"));
    publish(image("2025-12-04"), newest, pinned, ...at("20251205"));
    expect(await run()).toMatchObject(wanted);
    files.set("os_list.json", listed(["2025-10-01"]));
    for (const _ of ["once", "and again"]) {
      expect(await outcomeOf(run())).toContain(
        "sig was signed on 2025-10-02, and an earlier run has already seen what was signed on 2025-12-05",
      );
    }
    const cache = options.env["PI_IMAGE_CACHE_HOME"] ?? "";
    const error = await failureOf(run());
    expect([error.code, error.exitCode]).toEqual(["BASE_TURNED_BACK", 4]);
    const record = join(cache, "lists", "raspios.json");
    expect(error.hint).toContain(`delete ${record}`);
    files.set("os_list.json", listed(["2025-12-04", "2025-10-01"]));
    expect(await run()).toMatchObject(wanted);
  });

  it("at one address is refused when an older one comes back", async () => {
    const { run, files, address } = await setUp();
    const only = {
      address: `${address}board-latest.img.xz`,
      list: undefined,
      checksum: false,
    };
    const serve = (data: Buffer, day: string) => {
      files.set("board-latest.img.xz", serveFile(data, `"${day}"`));
      files.set("board-latest.img.xz.sig", gpg.sign(data, pinned, ...at(day)));
    };
    serve(newest, "20251205");
    await run(only);
    serve(old, "20251002");
    for (const _ of ["once", "and again"]) {
      expect(await outcomeOf(run(only))).toContain("BASE_TURNED_BACK 4:");
    }
    serve(old, "20251206");
    expect(await run(only)).toMatchObject({ sha256: sha256(old) });
  });

  it("has no sample to stand in without a network", async () => {
    const { run } = await setUp();
    const list = `${await deadAddress()}os_list.json`;
    expect(await outcomeOf(run({ list }, { explicit: false }))).toContain(
      "BASE_UNREACHABLE 1:",
    );
  });
});

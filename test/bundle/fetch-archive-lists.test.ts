// A package archive on this computer, signed by the real gpg: what it serves truly is taken, and every forgery is refused.
import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  type ArchiveOptions,
  fetchPocket,
  type Pocket,
} from "../../src/bundle/debian/fetch-archive-lists.ts";
import type { DebPackage } from "../../src/bundle/debian/package-list.ts";
import { fetchPackages } from "../../src/bundle/fetch-packages.ts";
import type { BundlePart } from "../../src/bundle/write-bundle.ts";
import type { PinnedKey } from "../../src/base/proof/signature.ts";
import { testOptions } from "../base/base-options.ts";
import { openGpg } from "../base/gpg.ts";
import { startServer } from "../base/http-server.ts";
import { failureOf } from "../support/failure.ts";
import { describeWithTools } from "../support/tools.ts";

const DEB = Buffer.from("not really a package");
const LIST = "main/binary-arm64/Packages";

const sha256 = (data: Buffer): string =>
  createHash("sha256").update(data).digest("hex");

const packages = (sum = sha256(DEB), path = "pool/runc_1.0_arm64.deb") =>
  Buffer.from(
    `Package: runc\nVersion: 1.0\nArchitecture: arm64\nDepends: libc6 (>= 2.39)\nFilename: ${path}\nSize: ${DEB.length}\nSHA256: ${sum}\n\n` +
      `Package: runc\nVersion: 9.0\nArchitecture: riscv64\nFilename: pool/x.deb\nSize: 1\nSHA256: ${sum}\n`,
  );

const xz = (data: Buffer): Buffer =>
  spawnSync("xz", ["-c"], { input: data }).stdout;

const fetched = (
  found: readonly DebPackage[],
  address: string,
  options: ArchiveOptions,
) =>
  fetchPackages(
    found.map(({ name, version, path, size, sha256: sum, fields }) => ({
      name,
      version,
      archive: "system",
      path,
      bytes: size,
      sha256: sum,
      fields,
    })),
    { system: address.replace(/\/$/, ""), kubernetes: "" },
    options,
  );

const bytesOf = async (part: BundlePart | undefined): Promise<Buffer> => {
  const pieces: Uint8Array[] = [];
  for await (const piece of part?.pieces() ?? []) {
    pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces);
};

type Told = {
  readonly suite?: string;
  readonly date?: string;
  readonly until?: string;
  readonly byHash?: boolean;
};

const releaseText = (
  files: ReadonlyMap<string, Buffer>,
  {
    suite = "noble",
    date = "Fri, 29 Nov 2024 08:00:00 UTC",
    until,
    byHash = true,
  }: Told,
): Buffer =>
  Buffer.from(
    [
      `Suite: ${suite}`,
      `Date: ${date}`,
      ...(until === undefined ? [] : [`Valid-Until: ${until}`]),
      ...(byHash ? ["Acquire-By-Hash: yes"] : []),
      "SHA256:",
      ...[...files].map(
        ([path, data]) => ` ${sha256(data)} ${data.length} ${path}`,
      ),
      "",
    ].join("\n"),
  );

describeWithTools(["gpg", "gpgv", "gpgconf", "xz"], "a package archive", () => {
  let gpg: ReturnType<typeof openGpg>;
  let pinned: PinnedKey;
  let other: PinnedKey;
  beforeAll(() => {
    gpg = openGpg();
    pinned = gpg.makeKey("Archive <archive@example.com>");
    other = gpg.makeKey("Other <other@example.com>");
  });
  afterAll(() => gpg.close());

  /** Serves what `told` asks for; the list in the form whose ending is given. */
  const serve = async (
    told: Told = {},
    { ending = ".xz", plain = packages(), key = pinned } = {},
  ) => {
    const server = await startServer();
    const packed =
      ending === ".xz" ? xz(plain) : ending === ".gz" ? gzipSync(plain) : plain;
    const listed = new Map([
      [LIST, plain],
      [`${LIST}${ending}`, packed],
    ]);
    const place =
      told.byHash === false
        ? `dists/noble/${LIST}${ending}`
        : `dists/noble/main/binary-arm64/by-hash/SHA256/${sha256(packed)}`;
    server.files.set(
      "dists/noble/InRelease",
      gpg.clearSign(releaseText(listed, told), key),
    );
    server.files.set(place, packed);
    server.files.set("pool/runc_1.0_arm64.deb", DEB);
    return { server, place };
  };
  const pocketAt = (address: string, more: Partial<Pocket> = {}): Pocket => ({
    address: address.replace(/\/$/, ""),
    suite: "noble",
    components: ["main"],
    arch: "arm64",
    keys: [pinned],
    seen: undefined,
    now: new Date(),
    ...more,
  });
  /** The code of the refusal; nothing may be kept of what was refused. */
  const refusal = async (pocket: Pocket): Promise<string> => {
    const options = testOptions();
    const error = await failureOf(fetchPocket(pocket, options));
    expect(error.exitCode).toBe(4);
    const kept = join(options.env["PI_IMAGE_CACHE_HOME"] ?? "", "archives");
    expect(
      existsSync(kept)
        ? readdirSync(kept).filter((name) => /^[0-9a-f]{64}$/.test(name))
        : [],
    ).toEqual([]);
    return `${error.code}: ${error.message}`;
  };

  it.each([".xz", ".gz", ""])(
    "with its list as Packages%s is read",
    async (ending) => {
      const { server } = await serve({}, { ending });
      const options = testOptions();
      const { date, packages: found } = await fetchPocket(
        pocketAt(server.address),
        options,
      );
      expect(date.toISOString()).toBe("2024-11-29T08:00:00.000Z");
      expect(found.map(({ name, version }) => `${name} ${version}`)).toEqual([
        "runc 1.0",
      ]);
      const [list, deb] = await fetched(found, server.address, options);
      expect(await bytesOf(deb)).toEqual(DEB);
      expect(deb?.path).toBe("debs/runc_1.0_arm64.deb");
      expect(String(await bytesOf(list))).toBe(
        `Package: runc\nArchitecture: arm64\nVersion: 1.0\nDepends: libc6 (>= 2.39)\nFilename: debs/runc_1.0_arm64.deb\nSize: ${DEB.length}\nSHA256: ${sha256(DEB)}\n`,
      );
    },
  );

  it("without by-hash is read by name", async () => {
    const { server } = await serve({ byHash: false });
    const { packages: found } = await fetchPocket(
      pocketAt(server.address),
      testOptions(),
    );
    expect(found).toHaveLength(1);
  });

  it("signed by another key is refused", async () => {
    const { server } = await serve({}, { key: other });
    expect(await refusal(pocketAt(server.address))).toMatch(/^SIGNATURE_WRONG/);
  });

  it("signed by the second of the pinned keys is read", async () => {
    const { server } = await serve();
    const found = await fetchPocket(
      pocketAt(server.address, { keys: [other, pinned] }),
      testOptions(),
    );
    expect(found.packages).toHaveLength(1);
  });

  it.each([
    [
      "a changed word",
      (text: string) =>
        text.replace("Acquire-By-Hash: yes", "Acquire-By-Hash: no"),
    ],
    ["a field before it", (text: string) => `Suite: noble\n${text}`],
    ["a field behind it", (text: string) => `${text}Suite: noble\n`],
    ["a second block", (text: string) => `${text}${text}`],
    [
      "no signature",
      (text: string) => text.replace(/-----BEGIN PGP SIGNATURE[^]*/, ""),
    ],
    ["a web page instead", () => "<!doctype html><title>log in</title>"],
  ])("whose InRelease has %s is refused", async (_, change) => {
    const { server } = await serve();
    const signed = server.files.get("dists/noble/InRelease");
    server.files.set(
      "dists/noble/InRelease",
      Buffer.from(change(String(signed))),
    );
    expect(await refusal(pocketAt(server.address))).toMatch(/^SIGNATURE_WRONG/);
  });

  it("of another suite is refused", async () => {
    const { server } = await serve({ suite: "noble-proposed" });
    expect(await refusal(pocketAt(server.address))).toMatch(
      /^ARCHIVE_WRONG: .*not of noble$/,
    );
  });

  it("older than the lockfile's is refused, and the same one is not", async () => {
    const { server } = await serve();
    expect(
      await refusal(
        pocketAt(server.address, { seen: new Date("2024-11-29T08:00:01Z") }),
      ),
    ).toMatch(/^ARCHIVE_WRONG: .*withholding/);
    await fetchPocket(
      pocketAt(server.address, { seen: new Date("2024-11-29T08:00:00Z") }),
      testOptions(),
    );
  });

  it("past its Valid-Until is refused", async () => {
    const { server } = await serve({ until: "Sat, 30 Nov 2024 11:59:59 UTC" });
    expect(await refusal(pocketAt(server.address))).toMatch(
      /^ARCHIVE_WRONG: .*valid until 2024-11-30/,
    );
  });

  it("whose list was swapped is refused", async () => {
    const { server, place } = await serve();
    server.files.set(place, xz(packages("0".repeat(64))));
    expect(await refusal(pocketAt(server.address))).toMatch(
      /^CHECKSUM_MISMATCH/,
    );
  });

  it("whose list unpacks to something else is refused", async () => {
    const { server } = await serve();
    const packed = xz(packages("0".repeat(64)));
    const listed = new Map([
      [LIST, packages()],
      [`${LIST}.xz`, packed],
    ]);
    server.files.set(
      "dists/noble/InRelease",
      gpg.clearSign(releaseText(listed, {}), pinned),
    );
    server.files.set(
      `dists/noble/main/binary-arm64/by-hash/SHA256/${sha256(packed)}`,
      packed,
    );
    const error = await failureOf(
      fetchPocket(pocketAt(server.address), testOptions()),
    );
    expect(error.message).toMatch(/says of it unpacked$/);
  });

  it.each([
    "../../etc/x.deb",
    "/etc/x.deb",
    "pool//x.deb",
    "https://example.com/x.deb",
  ])("that lists a package at %s is refused", async (path) => {
    const { server } = await serve({}, { plain: packages(sha256(DEB), path) });
    const error = await failureOf(
      fetchPocket(pocketAt(server.address), testOptions()),
    );
    expect(error.code).toBe("ARCHIVE_WRONG");
  });

  it("whose package was changed by a byte is refused", async () => {
    const { server } = await serve();
    const options = testOptions();
    const { packages: found } = await fetchPocket(
      pocketAt(server.address),
      options,
    );
    server.files.set(
      "pool/runc_1.0_arm64.deb",
      Buffer.from(String(DEB).replace("n", "m")),
    );
    const error = await failureOf(fetched(found, server.address, options));
    expect(error.code).toBe("CHECKSUM_MISMATCH");
  });

  it("that no longer has a package says what helps", async () => {
    const { server } = await serve();
    const options = testOptions();
    const { packages: found } = await fetchPocket(
      pocketAt(server.address),
      options,
    );
    server.files.delete("pool/runc_1.0_arm64.deb");
    const error = await failureOf(fetched(found, server.address, options));
    expect([error.code, error.message.split(":")[0], error.hint]).toEqual([
      "BUNDLE_INCOMPLETE",
      "the archive no longer has runc 1.0",
      "`pi-image bundle update` takes the packages that the archive has now; what was fetched already is kept",
    ]);
  });

  it("is asked after a mirror that lags", async () => {
    const { server } = await serve();
    const { server: mirror } = await serve({
      date: "Thu, 28 Nov 2024 08:00:00 UTC",
    });
    const options = testOptions();
    const found = await fetchPocket(
      pocketAt(server.address, { seen: new Date("2024-11-29T08:00:00Z") }),
      {
        ...options,
        mirrors: [mirror.address.replace(/\/$/, "")],
      },
    );
    expect(found.date.toISOString()).toBe("2024-11-29T08:00:00.000Z");
    expect(options.told().join()).toContain("out of date");
  });
});

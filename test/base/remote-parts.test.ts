// Seeds from a remote image of which only parts are fetched: with a good server, and with servers that lie.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { packageFile } from "../../src/system/package-files.ts";
import { temporaryFolder } from "../support/folder.ts";
import { runCli } from "../support/run-cli.ts";
import { describeWithTools } from "../support/tools.ts";
import { packageCatalogue, testOptions } from "./base-options.ts";
import { type Handler, serveRanges, startServer } from "./http-server.ts";
import { resolveBase } from "../../src/base/resolve-base.ts";
import { prepareBase } from "../../src/image/node-patch.ts";
import { sha256 } from "./release-server.ts";

const MiB = 1024 * 1024;
const SAMPLE = packageFile("profiles/base-images/sample-ubuntu-24.04.img.xz");

describeWithTools(["xz"], "an image on a server", () => {
  /** The sample, its root partition full of noise, in blocks of 1 MiB as Ubuntu's builder makes them. */
  let image: Buffer;
  let oneBlock: Buffer;
  beforeAll(async () => {
    const raw = spawnSync("xz", ["-dc", SAMPLE], { maxBuffer: 300 * MiB });
    const noise = Buffer.alloc(6 * MiB);
    for (let at = 0; at < noise.length; at += 4) {
      noise.writeInt32LE((Math.imul(at + 1, 0x9e3779b1) ^ (at >>> 3)) | 0, at);
    }
    noise.copy(raw.stdout, raw.stdout.length - noise.length);
    const xz = (...args: string[]) =>
      spawnSync("xz", ["-0", ...args, "-c"], {
        input: raw.stdout,
        maxBuffer: 300 * MiB,
      }).stdout;
    image = xz("--block-size=1MiB");
    oneBlock = xz("-T1");
    expect(image.length).toBeGreaterThan(5 * MiB);
    expect((await readFile(SAMPLE)).length).toBeLessThan(MiB);
  });

  const setUp = async (handler: Handler, data = image) => {
    const server = await startServer();
    let sent = 0;
    server.files.set("big.img.xz", (request, response) => {
      const end = response.end.bind(response);
      response.end = ((bytes: Buffer) => {
        sent += bytes.length;
        return end(bytes);
      }) as typeof response.end;
      handler(request, response);
    });
    const options = {
      ...testOptions(),
      catalogue: await packageCatalogue(),
      parts: true,
    };
    const open = () =>
      resolveBase(
        {
          base: `${server.address}big.img.xz`,
          explicit: true,
          sha256: sha256(data),
        },
        options,
      );
    const cached = (kind: string) => {
      try {
        return readdirSync(
          join(options.env["PI_IMAGE_CACHE_HOME"] ?? "", kind),
        );
      } catch {
        return [];
      }
    };
    return { ...server, options, open, cached, sent: () => sent };
  };

  it("is read where its boot partition is, and nowhere else", async () => {
    const { open, cached, sent, options } = await setUp(serveRanges(image));
    const base = await open();
    expect(base.sha256).toBe(sha256(image));
    expect(base.reader.source).toBeDefined();
    const { table } = await prepareBase(base.reader.source!);
    expect(table.partitions.length).toBe(2);
    expect(sent()).toBeLessThan(MiB);
    expect(cached("archives")).toEqual([]);
    expect(cached("downloads").length).toBe(1);
    await base.reader.close();
    expect(cached("downloads")).toEqual([]);
    expect(options.told().at(-1)).toMatch(
      /^read .* of big\.img\.xz from 127\.0\.0\.1:\d+; the image itself is fetched, and proven/,
    );
  });

  it("is fetched whole and proven where it is small", async () => {
    const small = await readFile(SAMPLE);
    const good = await setUp(serveRanges(small), small);
    await (await good.open()).reader.close();
    expect(good.options.told().at(-1)).not.toContain("proven");
    const wrong = await setUp(serveRanges(small), image);
    await expect(wrong.open()).rejects.toThrow("does not have the checksum");
  });

  const lies: readonly (readonly [string, () => Handler])[] = [
    [
      "sends the whole file",
      () => (_, response) => {
        response.end(image);
      },
    ],
    ["has an archive of one block", () => serveRanges(oneBlock)],
    [
      "sends other parts than asked for",
      () => {
        let calls = 0;
        return (request, response) => {
          calls += 1;
          if (calls > 1) {
            request.headers.range &&= "bytes=5-70000";
          }
          serveRanges(image)(request, response);
        };
      },
    ],
    [
      "changes the file between two parts",
      () => {
        let calls = 0;
        return (request, response) => {
          calls += 1;
          serveRanges(image, `"${calls > 1 && request.headers.range ? 2 : 1}"`)(
            request,
            response,
          );
        };
      },
    ],
    [
      "sends wrong bytes",
      () => {
        const wrong = Buffer.from(image);
        wrong.fill(7, 20, 200_000);
        return (request, response) =>
          serveRanges(request.headers.range === undefined ? image : wrong)(
            request,
            response,
          );
      },
    ],
    [
      "claims a size that cannot be",
      () => (request, response) => {
        if (request.headers.range === undefined) {
          response.end(image);
          return;
        }
        response.statusCode = 206;
        response.setHeader(
          "content-range",
          "bytes 999999999999990-999999999999999/1000000000000000",
        );
        response.end(Buffer.alloc(10));
      },
    ],
  ];
  it.each(lies)("is fetched whole when the server %s", async (_, handler) => {
    const data = _.includes("one block") ? oneBlock : image;
    const { open, cached, options } = await setUp(handler(), data);
    const base = await open();
    await base.reader.close();
    expect(cached("archives")).toEqual([sha256(data)]);
    expect(cached("downloads")).toEqual([]);
    expect(options.told()).toContainEqual(
      expect.stringMatching(
        /cannot be read in parts; fetching the whole image/,
      ),
    );
  });

  it("gives the same seed and settings as the image itself", async () => {
    const server = await startServer();
    server.files.set("big.img.xz", serveRanges(image));
    const cwd = await temporaryFolder();
    await mkdir(join(cwd, ".ssh"));
    await writeFile(
      join(cwd, ".ssh/id_ed25519.pub"),
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqWKuBLVgYPj6tLVvmnJ5Iu3VPrFQDmRTsVZyyMXV0x\n",
    );
    await writeFile(join(cwd, "big.img.xz"), image);
    const build = async (base: string) => {
      const { status, stderr } = await runCli(
        [
          "build",
          "--host=worker1",
          "--format=seed",
          `--base=${base}`,
          `--sha256=${sha256(image)}`,
        ],
        { cwd, env: { SOURCE_DATE_EPOCH: "1790000000" } },
      );
      expect(status, stderr).toBe(0);
      return Promise.all(
        ["user-data", "network-config", "config.txt", "cmdline.txt"].map(
          (name) => readFile(join(cwd, "out/worker1", name), "utf8"),
        ),
      );
    };
    const remote = await build(`${server.address}big.img.xz`);
    expect(remote).toEqual(await build("big.img.xz"));
    expect(server.requests.every((request) => /bytes=/.test(request))).toBe(
      true,
    );
  });

  it("gives a patch that says what it was made from, and that nothing proved it", async () => {
    const server = await startServer();
    server.files.set("big.img.xz", serveRanges(image));
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, "big.img.xz"), image);
    const patch = async (base: string, digest: string) => {
      const { status, stderr } = await runCli(
        [
          "build",
          "--host=worker1",
          "--format=patch",
          `--base=${base}`,
          `--sha256=${digest}`,
        ],
        { cwd, env: { SOURCE_DATE_EPOCH: "1790000000" } },
      );
      expect(status, stderr).toBe(0);
      return JSON.parse(
        await readFile(join(cwd, "out/worker1.patch.json"), "utf8"),
      ) as {
        base: { proven: boolean; sha256: string };
        reads: { offset: number; length: number; sha256: string }[];
        parts: unknown;
      };
    };
    const remote = await patch(`${server.address}big.img.xz`, sha256(image));
    const local = await patch("big.img.xz", sha256(image));
    expect(remote.base).toMatchObject({ proven: false, sha256: sha256(image) });
    expect(local.base.proven).toBe(true);
    expect(remote.parts).toEqual(local.parts);
    expect(remote.reads).toEqual(local.reads);

    const decode = (archive: Buffer): Buffer =>
      spawnSync("xz", ["-dc"], { input: archive, maxBuffer: 300 * MiB }).stdout;
    const raw = decode(image);
    const agrees = (base: Buffer, { reads }: typeof remote) =>
      reads.every(
        ({ offset, length, sha256: digest }) =>
          sha256(base.subarray(offset, offset + length)) === digest,
      );
    expect(agrees(raw, remote)).toBe(true);
    // A server that has another command line in its image than the one that the checksum is of.
    const at = raw.indexOf("root=LABEL=writable");
    expect(at).toBeGreaterThan(0);
    const other = Buffer.from(raw);
    other.write("root=LABEL=notright", at);
    const lie = spawnSync("xz", ["-0", "--block-size=1MiB", "-c"], {
      input: other,
      maxBuffer: 300 * MiB,
    }).stdout;
    server.files.set("big.img.xz", serveRanges(lie));
    const wrong = await patch(`${server.address}big.img.xz`, sha256(image));
    expect(wrong.base.proven).toBe(false);
    expect(agrees(raw, wrong)).toBe(false);
    expect(agrees(other, wrong)).toBe(true);
  });
});

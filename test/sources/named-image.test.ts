// Images from standard input, a pipe and an address; archives of something else; images that are larger than the card.
import { execFile, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  createWriteStream,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { describe, expect, inject, it } from "vitest";
import { fitSource } from "../../src/sources/fit-source.ts";
import { openImageFile } from "../../src/sources/image-source.ts";
import { openNamedImage } from "../../src/sources/named-image.ts";
import { testFolder, testOptions } from "../base/base-options.ts";
import { startServer } from "../base/http-server.ts";
import { startSecure } from "../base/secure-server.ts";
import { collect, expectSame, sampleImage } from "../image/archive-samples.ts";
import { asDisk } from "../support/as-disk.ts";
import { failureOf } from "../support/failure.ts";
import { runCli, runProcess } from "../support/run-cli.ts";
import { describeWithTools } from "../support/tools.ts";

const SIZE = 3 * 1024 * 1024;
const image = sampleImage(SIZE);
const packed = gzipSync(image);
const sha256 = createHash("sha256").update(packed).digest("hex");

const spoolOf = (options: ReturnType<typeof testOptions>): string[] => {
  const folder = join(options.env["PI_IMAGE_CACHE_HOME"] ?? "", "spool");
  return readdirSync(folder);
};

describeWithTools(["mkfifo"], "an image from a pipe", () => {
  const fifo = () => {
    const path = join(testFolder(), "pipe");
    execFileSync("mkfifo", [path], { stdio: "pipe" });
    return path;
  };

  it("is what was written into it, and is not kept", async () => {
    const options = testOptions();
    const path = fifo();
    createWriteStream(path).end(packed);
    const source = await openNamedImage(options, path, { sha256 });
    expect([source.label, source.size]).toEqual([path, SIZE]);
    expectSame(await collect(source.reader.chunks(), SIZE), image);
    await source.proveImage?.(options.signal);
    expect(spoolOf(options)).toHaveLength(1);
    await source.close();
    expect(spoolOf(options)).toEqual([]);
  });

  it("that is not a disk is refused by the pipe's name, and is not kept", async () => {
    const options = testOptions();
    const path = fifo();
    createWriteStream(path).end(gzipSync(packed));
    const error = await failureOf(openNamedImage(options, path));
    expect(error.message).toBe(`${path} holds a .gz file, not a disk image`);
    expect(spoolOf(options)).toEqual([]);
  });

  it("that is not as published is refused by the pipe's name, before anything is written", async () => {
    const options = testOptions();
    const path = fifo();
    createWriteStream(path).end(Buffer.concat([packed, Buffer.from("tail")]));
    const error = await failureOf(openNamedImage(options, path, { sha256 }));
    expect(error.message).toBe(
      `${path} does not have the checksum that --sha256 says`,
    );
    expect(error.state).toBe("nothing was written");
    expect(spoolOf(options)).toEqual([]);
  });

  it("whose checksum is that of the unpacked image is told so", async () => {
    const options = testOptions();
    const path = fifo();
    createWriteStream(path).end(packed);
    const unpacked = createHash("sha256").update(image).digest("hex");
    const error = await failureOf(
      openNamedImage(options, path, { sha256: unpacked }),
    );
    expect(error.hint).toContain("is the checksum of the unpacked image");
  });

  it("into which nobody writes is given up when the run is stopped", async () => {
    const stop = new AbortController();
    const options = testOptions({}, stop.signal);
    const work = openNamedImage(
      {
        ...options,
        report: (event) => {
          if (event.type === "phase") {
            stop.abort(new Error("stopped"));
          }
        },
      },
      fifo(),
    );
    await expect(work).rejects.toThrow("stopped");
    expect(spoolOf(options)).toEqual([]);
  });
});

describe("an image at an address", () => {
  it("is taken with its checksum, over the bytes as they are sent, and not without", async () => {
    const server = await startServer();
    server.files.set("a.img.gz", (_, response) => {
      response.setHeader("content-encoding", "gzip");
      response.end(packed);
    });
    const address = `${server.address}a.img.gz`;
    const options = testOptions();
    const missing = await failureOf(openNamedImage(options, address));
    expect(missing.code).toBe("CHECKSUM_MISSING");
    const wrong = { sha256: "0".repeat(64) };
    expect(
      (await failureOf(openNamedImage(options, address, wrong))).code,
    ).toBe("CHECKSUM_MISMATCH");
    const source = await openNamedImage(options, address, { sha256 });
    expect(source.label).toBe(address);
    expectSame(await collect(source.reader.chunks(), SIZE), image);
    await source.close();
  });
});

describeWithTools(["openssl"], "an image at an address over TLS", () => {
  it("is proven by the list beside it, and refused where that says otherwise", async () => {
    const files: Record<string, Buffer | string> = { "/os/a.img.gz": packed };
    const { address, cert } = await startSecure((request, response) => {
      const file = files[request.url ?? ""];
      response.statusCode = file === undefined ? 404 : 200;
      response.end(file);
    });
    const cwd = testFolder();
    const flash = () =>
      runProcess(["flash", "card", `${address}os/a.img.gz`, "--yes"], {
        cwd,
        env: { NODE_EXTRA_CA_CERTS: cert },
      });
    files["/os/SHA256SUMS"] = `${"0".repeat(64)}  a.img.gz\n`;
    const wrong = await flash();
    expect(wrong.stderr).toContain("error[CHECKSUM_MISMATCH]");
    expect(wrong.stderr).toContain(`${address}os/SHA256SUMS`);
    expect(wrong.status).toBe(4);
    expect(readdirSync(cwd)).not.toContain("card");
    files["/os/SHA256SUMS"] = `${sha256}  a.img.gz\n`;
    const right = await flash();
    expect([right.status, right.stderr]).toEqual([0, expect.anything()]);
    expectSame(readFileSync(join(cwd, "card")), image);
  });
});

describe("an image that is larger than the card", () => {
  const room = 2 * 1024 * 1024;
  const fitted = async (bytes: Buffer, name: string) => {
    const path = join(testFolder(), name);
    writeFileSync(path, name.endsWith(".gz") ? gzipSync(bytes) : bytes);
    const options = testOptions();
    const source = await openImageFile(options, path);
    const cut = await fitSource(source, room, options);
    await source.close();
    return {
      size: cut.size,
      end: cut.ranges.map(({ offset, length }) => offset + length).at(-1),
      said: options.events.flatMap((event) =>
        event.type === "notice" ? [event.message] : [],
      ),
    };
  };
  /** One partition that ends here, and data up to there. */
  const disk = (partition: number, data: number): Buffer => {
    const bytes = Buffer.alloc(SIZE);
    asDisk(bytes.subarray(0, partition));
    bytes.fill(7, 1024, data);
    return bytes;
  };

  it.each(["a.img", "a.img.gz"])(
    "is cut where only zeros are left out: %s",
    async (name) => {
      const { said, ...cut } = await fitted(disk(room, room), name);
      expect(cut).toEqual({ size: room, end: room });
      expect(said.join()).toContain("1,048,576 bytes more than the card");
    },
  );
  it.each([
    ["a partition", disk(room + 512, 4096)],
    ["data", disk(room, room + 1)],
  ])("is left as it is where %s ends behind it", async (_, bytes) => {
    expect(await fitted(bytes, "a.img")).toEqual({
      size: SIZE,
      end: SIZE,
      said: [],
    });
  });
});

describeWithTools(["tar", "gzip"], "pi-image flash", () => {
  it("refuses a tar before anything is written", async () => {
    const folder = testFolder();
    writeFileSync(join(folder, "a.img"), image);
    writeFileSync(join(folder, "card"), Buffer.alloc(SIZE, 1));
    await promisify(execFile)("tar", ["-czf", "os.tar.gz", "a.img"], {
      cwd: folder,
    });
    const run = await runCli(["flash", "card", "os.tar.gz", "--yes"], {
      cwd: folder,
    });
    expect(run.status).toBe(2);
    expect(run.stderr).toContain(
      "os.tar.gz holds a tar archive, not a disk image",
    );
    expectSame(readFileSync(join(folder, "card")), Buffer.alloc(SIZE, 1));
  });

  it("writes what comes from standard input", async () => {
    const folder = testFolder();
    writeFileSync(join(folder, "card"), Buffer.alloc(SIZE, 1));
    const child = spawn(
      process.execPath,
      [inject("cli"), "flash", "card", "-", "--yes"],
      {
        cwd: folder,
        stdio: ["pipe", "ignore", "ignore"],
        env: { PATH: process.env["PATH"] ?? "", HOME: folder, CI: "true" },
      },
    );
    child.stdin.end(packed);
    const status = await new Promise((resolve) => child.on("close", resolve));
    expect(status).toBe(0);
    expectSame(readFileSync(join(folder, "card")), image);
  });
});

describe("an image by the number of an open file", () => {
  it.each([
    ["/dev/fd/3", '"$@" 3<a.img.gz'],
    ["/proc/self/fd/5", 'cat a.img.gz | "$@" 5<&0 </dev/null'],
  ])("%s is what whoever starts the command has opened", async (name, how) => {
    const cwd = testFolder();
    writeFileSync(join(cwd, "a.img.gz"), packed);
    const { status, stderr } = await runProcess(
      ["flash", "card", name, "--yes", "--sha256", sha256],
      { cwd, through: how },
    );
    expect([status, stderr]).toEqual([0, expect.stringContaining("flash")]);
    expectSame(readFileSync(join(cwd, "card")), image);
  });

  // Node has files of its own open under some of these numbers.
  it.each(["3", "18", "99999999999"])(
    "%s is refused where nothing is open",
    async (number) => {
      const { status, stderr } = await runProcess(
        ["flash", "card", `/dev/fd/${number}`, "--yes", "--insecure"],
        { cwd: testFolder() },
      );
      expect(stderr).toContain(
        `error[WRONG_ARGUMENTS]: /dev/fd/${number} is named, but no file is open as descriptor ${number}`,
      );
      expect(status).toBe(2);
    },
  );
});

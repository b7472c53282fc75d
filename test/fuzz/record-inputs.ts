// Small files that tell pi-image what to trust or to compare: block maps, checksum lists, and JSON of several kinds.
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { loadLock } from "../../src/project/lock-file.ts";
import { parseChecksumList } from "../../src/base/proof/checksum-list.ts";
import { openPartialFile } from "../../src/network/partial-file.ts";
import { manifestOf } from "../../src/sources/choose-image.ts";
import { loadReceipt } from "../../src/flash/receipt-store.ts";
import { verifyAgainstReceipt } from "../../src/flash/verify-card.ts";
import { bmapCheck } from "../../src/image/bmap/check-bmap.ts";
import { findBmap } from "../../src/image/bmap/find-bmap.ts";
import { renderBmap } from "../../src/image/bmap/bmap.ts";
import type { FuzzInput } from "./fuzz-input.ts";

const IMAGE = Buffer.alloc(64 * 4096, "data");

const digestOf = (algorithm: string, bytes: Uint8Array): string =>
  createHash(algorithm).update(bytes).digest("hex");

const goodBmap = (): Buffer => {
  const ranges = [0, 8, 20, 63].map((block) => ({
    offset: block * 4096,
    length: 4096 * (block === 8 ? 5 : 1),
  }));
  return Buffer.from(
    renderBmap({
      imageSize: IMAGE.length,
      ranges: ranges.map((range) => ({
        ...range,
        sha256: digestOf(
          "sha256",
          IMAGE.subarray(range.offset, range.offset + range.length),
        ),
      })),
    }),
  );
};

/** The file's own checksum made right again. */
const repairBmap = (bytes: Buffer): Buffer => {
  const text = bytes.toString("latin1");
  const stored = /<BmapFileChecksum>\s*([0-9a-f]{64})/.exec(text)?.[1];
  if (stored === undefined) {
    return bytes;
  }
  const zeroed = text.replace(stored, "0".repeat(64));
  const right = digestOf("sha256", Buffer.from(zeroed, "latin1"));
  return Buffer.from(text.replace(stored, right), "latin1");
};

export const BMAP: FuzzInput = {
  cases: 450,
  prepare: async (folder) => {
    const image = join(folder, "image.img");
    const good = goodBmap();
    const text = good.toString();
    return {
      samples: [{ bytes: good, repair: repairBmap }],
      tokens: [
        "<Range>",
        "</Range>",
        "<BlockMap>",
        "-",
        "0",
        "9007199254740993",
        "1e9",
        "&amp;",
        "<!--",
        "-->",
        "<!DOCTYPE a>",
        "<!ENTITY a 'b'>",
        "<?xml ?>",
        "<![CDATA[",
        ' chksum="',
        "0-63",
        "\0",
      ],
      extremes: [
        Buffer.from(
          `<?xml version="1.0"?><bmap version="2.0">${"<a/>".repeat(3_000_000)}</bmap>`,
        ),
        Buffer.from(
          text.replace(
            /<Range[^]*<\/Range>/,
            "<Range> 0 </Range>\n".repeat(700_000),
          ),
        ),
        Buffer.from(
          `<!DOCTYPE a [<!ENTITY b "${"x".repeat(1000)}">]><a>${"&b;".repeat(100_000)}</a>`,
        ),
        Buffer.from("<a ".padEnd(8_000_000, "b='' ")),
        Buffer.from("<a".padEnd(8_000_000, " ")),
        Buffer.from("<a>".repeat(1_000_000)),
      ],
      run: async (bytes) => {
        await writeFile(`${image}.bmap`, bytes);
        const bmap = await findBmap(image);
        if (bmap === undefined) {
          return "not found";
        }
        const check = bmapCheck(bmap, IMAGE.length);
        check.add(0, IMAGE);
        check.finish();
        return "taken";
      },
    };
  },
};

export const CHECKSUM_LISTS: FuzzInput = {
  cases: 1000,
  prepare: async () => {
    const digest = digestOf("sha256", IMAGE);
    const lines = [
      `${digest} *ubuntu.img.xz\n${"0".repeat(64)}  other.img\n`,
      `SHA256 (ubuntu.img.xz) = ${digest}\n`,
      `${digest}\r\n`,
    ];
    return {
      samples: lines.map((line) => ({ bytes: Buffer.from(line) })),
      tokens: [
        "\n",
        "\r",
        "\0",
        " ",
        "*",
        "../../etc/passwd",
        "\u2028",
        digest,
        "__proto__",
        "\\",
        "(",
      ],
      extremes: [
        Buffer.alloc(1024 * 1024, "\n"),
        Buffer.alloc(1024 * 1024, "a"),
        Buffer.alloc(1024 * 1024, " ("),
      ],
      run: async (bytes) => {
        const list = parseChecksumList(bytes, "a list");
        return `${Math.min(list.digests.length, 3)} entries`;
      },
    };
  },
};

const receipt = (pieces: number): object => ({
  schema: 1,
  time: "2026-11-20T07:03:03.000Z",
  tool: "pi-image 0.1.0",
  result: "proven",
  node: { name: "worker1", instanceId: "pi-image-worker1-0123456789ab" },
  image: { label: "worker1.img", size: pieces * 1024 * 1024 },
  target: { path: "/dev/sda", kind: "device", byId: [], size: 2 ** 24 },
  wipe: false,
  map: "file systems",
  bytesWritten: 1,
  bytesReadBack: 1,
  piecesWrittenAgain: 0,
  readBack: "medium",
  seconds: 1.5,
  content: {
    pieceBytes: 1024 * 1024,
    ranges: `0+${pieces * 1024 * 1024}`,
    crc32: crc32(Buffer.alloc(1024 * 1024))
      .toString(16)
      .padStart(8, "0")
      .repeat(pieces),
  },
});

const manifest = {
  node: { name: "worker1", cardSerial: null },
  seed: { instanceId: "pi-image-worker1-0123456789ab" },
  base: { name: "ubuntu", sha256: "0".repeat(64), origin: "file" },
  image: { file: "worker1.img" },
};

const lock = {
  schema: 1,
  kubernetes: { minor: "1.36", patch: "1.36.5" },
  bases: [{ name: "a", file: "b", sha256: "0".repeat(64) }],
  manifests: [],
  keys: [{ name: "k", fingerprint: "F", expires: null }],
};

const origin = { address: "0".repeat(64), validator: null, total: 12 };

/** A card of zeros that holds what the receipt says. */
const card = {
  path: "/dev/sda",
  size: 2 ** 24,
  blockSize: 512,
  readBack: "medium",
  read: async (into: Uint8Array) => {
    into.fill(0);
  },
  close: async () => undefined,
} as const;

export const JSON_FILES: FuzzInput = {
  cases: 450,
  prepare: async (folder) => {
    const objects = [receipt(3), manifest, lock, origin];
    const path = (name: string) => join(folder, name);
    const signal = new AbortController().signal;
    const readers: readonly ((bytes: Buffer) => Promise<string>)[] = [
      async (bytes) => {
        await writeFile(path("receipt.json"), bytes);
        const loaded = await loadReceipt(path("receipt.json"));
        const { differing } = await verifyAgainstReceipt(
          { target: card, report: () => undefined, signal },
          loaded,
        );
        return differing.length === 0 ? "receipt: holds" : "receipt: differs";
      },
      async (bytes) => {
        await writeFile(path("worker1.manifest.json"), bytes);
        const found = await manifestOf(path("worker1.img"));
        return found === undefined ? "manifest: none" : "manifest: taken";
      },
      async (bytes) => {
        await writeFile(path("cluster.lock.json"), bytes);
        await loadLock(path("cluster.lock.json"));
        return "lock: taken";
      },
      async (bytes) => {
        await writeFile(path("a.partial"), "half");
        await writeFile(path("a.partial.json"), bytes);
        const file = await openPartialFile(path("a.partial"), signal);
        await file.close();
        return file.origin() === undefined ? "part: lost" : "part: kept";
      },
    ];
    return {
      samples: objects.map((object) => ({
        bytes: Buffer.from(JSON.stringify(object)),
      })),
      tokens: [
        '"__proto__":{"a":1},',
        "[",
        "{",
        "]",
        "}",
        '"',
        "\\u0000",
        "1e999",
        "-1",
        "9007199254740993",
        "null",
        "0+1048576 ",
        "1048576+99999999999999999999",
        "+",
        " ",
        "\0",
        "../../../etc/passwd",
      ],
      extremes: [
        Buffer.alloc(4_000_000, "["),
        Buffer.from(`{"a":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}}`),
        Buffer.from(
          JSON.stringify({
            ...receipt(3),
            content: {
              pieceBytes: 1024 * 1024,
              ranges: "0+9007199254740991",
              crc32: "",
            },
          }),
        ),
        Buffer.from(
          JSON.stringify({
            ...receipt(3),
            image: { label: "a", size: Number.MAX_SAFE_INTEGER },
          }),
        ),
      ],
      run: async (bytes, { sample }) => {
        const read = readers[sample];
        if (read === undefined) {
          throw new Error("a sample without a reader");
        }
        return read(bytes);
      },
    };
  },
};

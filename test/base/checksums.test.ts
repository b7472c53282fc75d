// Checksum lists in every form that publishers have them in, and what is made of a wrong or unreadable one.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  findListed,
  listedNames,
  parseChecksumList,
} from "../../src/base/proof/checksum-list.ts";
import {
  demandChecksums,
  demandFileChecksums,
  givenChecksum,
  checksumsBeside,
  unpackedChecksumBeside,
} from "../../src/base/proof/checksums.ts";
import type { PinnedKey } from "../../src/base/proof/signature.ts";
import { asDisk } from "../support/as-disk.ts";
import { failureOf } from "../support/failure.ts";
import { describeWithTools } from "../support/tools.ts";
import { outcomeOf, testFolder } from "./base-options.ts";
import { openGpg } from "./gpg.ts";

const A = "a".repeat(64);
const B = "0123456789abcdef".repeat(4);
const SHA512 = "c".repeat(128);
const MD5 = "d".repeat(32);

const inBase64 = (hex: string) => Buffer.from(hex, "hex").toString("base64");

const listOf = (text: string | Buffer) =>
  parseChecksumList(Buffer.from(text), "list");

const thrown = (work: () => unknown) =>
  outcomeOf(Promise.resolve().then(() => work()));

describe("a checksum list", () => {
  const both = `${A}  a.img\n${B}  b+c.img.xz\n`;

  it.each<readonly [string, string | Buffer]>([
    ["of Ubuntu, with a star", `${A} *a.img\n${B} *b+c.img.xz\n`],
    ["of text mode, with two spaces", both],
    ["with one space", `${A} a.img\n${B} b+c.img.xz\n`],
    ["with tabs", `${A}\ta.img\n${B}\t*b+c.img.xz\n`],
    ["with CRLF and empty lines", `\r\n${A}  a.img\r\n\r\n${B} *b+c.img.xz`],
    ["with blanks around lines", `  ${A}  a.img \n\t${B}  b+c.img.xz\t\n`],
    ["with a byte order mark", `\uFEFF${both}`],
    ["with comments", `# of today\n${both}; end\n# ${B}  a.img\n`],
    ["with capitals", `${A.toUpperCase()}  a.img\n${B}  b+c.img.xz\n`],
    ["with ./", `${A}  ./a.img\n${B} *./b+c.img.xz\n`],
    ["with folders", `${A}  ./dir/a.img\n${B} */srv/out/b+c.img.xz\n`],
    ["with folders of Windows", `${A} *C:\\x\\a.img\n${B}  x\\b+c.img.xz\n`],
    ["of BSD", `SHA256 (a.img) = ${A}\nSHA256 (x/b+c.img.xz) = ${B}\n`],
    ["of OpenSSL 3", `SHA2-256(a.img)= ${A}\nSHA2-256(b+c.img.xz)= ${B}\n`],
    ["of OpenSSL 1", `SHA256(a.img)= ${A}\nSHA256(./b+c.img.xz)= ${B}\n`],
    ["of PowerShell", `SHA256  ${A}  C:\\a.img\nSHA256  ${B}  b+c.img.xz\n`],
    ["with names first", `a.img: ${A}\nb+c.img.xz ${B}\n`],
    [
      "in base64",
      `SHA256 (a.img) = ${inBase64(A)}\n${inBase64(B)}  b+c.img.xz`,
    ],
    ["with sha256:", `sha256:${A}  a.img\nsha256:${B}  b+c.img.xz\n`],
    ["in UTF-16", Buffer.from(`\uFEFF${both}`, "utf16le")],
    ["in UTF-16, big-endian", Buffer.from(`\uFEFF${both}`, "utf16le").swap16()],
    ["ended by zeros", both.replaceAll("\n", "\0")],
    ["that mixes algorithms", `${MD5}  a.img\n${both}${SHA512}  b+c.img.xz\n`],
    ["with the same line twice", `${both}${A}  other/a.img\n`],
    ["with broken lines of others", `${A.slice(1)}  c.img\n<html>\n${both}`],
    ["with others twice", `${A}  x/c.img\n${B}  y/c.img\n${both}`],
    [
      "clear-signed",
      `${B}  a.img\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n- ${both}-----BEGIN PGP SIGNATURE-----\n\n${B}  a.img\n-----END PGP SIGNATURE-----\n`,
    ],
  ])("%s is understood", (_, text) => {
    const list = listOf(text);
    expect(findListed(list, "a.img")?.sha256).toBe(A);
    expect(findListed(list, "b+c.img.xz")?.sha256).toBe(B);
    expect(listedNames(list)).toEqual(
      expect.arrayContaining(["a.img", "b+c.img.xz"]),
    );
  });

  it.each([
    ["a web page", "<html>not found</html>", "line 1"],
    ["a shorter digest of the file", `${B}  b\n${A.slice(1)}  a.img`, "line 2"],
    ["a longer digest of the file", `${B}  b\n${A}0  ./a.img`, "line 2"],
    ["a CRC of the file", `${B}  b\n1234567 3 a.img`, "line 2"],
    [
      "a tag that its digest belies",
      `${B}  b\nSHA256 (a.img) = ${MD5}`,
      "line 2",
    ],
    ["words behind the file's name", `${B}  b\n${A}  a.img (Pi 5)`, "line 2"],
    ["nothing", "\n", "is empty"],
    ["only comments", "# a.img\n", "is empty"],
    ["UTF-16 without its mark", Buffer.from(`${A}  a`, "utf16le"), "UTF-16"],
    ["two digests", `${A}  a.img\n${B}  a.img\n`, "checksums of a.img"],
    ["two digests in folders", `${A}  x/a.img\n${B}  ./y/a.img\n`, "of a.img"],
  ])("with %s is an error", async (_, text, why) => {
    const outcome = await thrown(() => findListed(listOf(text), "a.img"));
    expect(outcome).toContain("CHECKSUM_LIST_WRONG 4: list ");
    expect(outcome).toContain(why);
  });

  it.each([
    ["SHA3-256", `SHA3-256(a.img)= ${A}\n`],
    ["BLAKE2b-256", `BLAKE2b-256 (a.img) = ${A}\n`],
    ["SM3", `SM3 (a.img) = ${A}\n`],
    ["SHA-512", `${SHA512}  a.img\n`],
    ["MD5", `${MD5} *a.img\n`],
    ["SHA-1", `${"e".repeat(40)}  a.img\n`],
  ])("does not take %s for SHA-256", (algorithm, text) => {
    expect(findListed(listOf(text), "a.img")).toEqual({
      sha256: undefined,
      others: [algorithm],
    });
  });

  it.each([
    ["b.img", `${A}  my a.img\n`],
    ["a.img.xz", `${A}  a.img\n`],
    ["img", `${A}  a.img\nbroken a.img\n`],
    [".img", `${A} a.img\n${A}\ta.img\n`],
  ])("does not say anything of %s where it lists others", (file, text) => {
    expect(findListed(listOf(text), file)).toBeUndefined();
  });
});

type Producer = readonly [
  string,
  (run: (tool: string, ...args: string[]) => string, file: string) => string,
];

/** Each gives a list with the file's digest. */
const PRODUCERS: readonly Producer[] = [
  ["sha256sum", (run, file) => run("sha256sum", file)],
  ["sha256sum --binary", (run, file) => run("sha256sum", "--binary", file)],
  ["sha256sum --tag", (run, file) => run("sha256sum", "--tag", file)],
  ["sha256sum --zero", (run, file) => run("sha256sum", "--zero", file)],
  ["sha256sum of a path", (run, file) => run("sha256sum", `./dir/../${file}`)],
  ["shasum", (run, file) => run("shasum", "-a", "256", file)],
  ["shasum --binary", (run, file) => run("shasum", "-a", "256", "-b", file)],
  ["openssl", (run, file) => run("openssl", "dgst", "-sha256", file)],
  ["openssl -r", (run, file) => run("openssl", "dgst", "-sha256", "-r", file)],
  ["gpg --print-md", (run, file) => run("gpg", "--print-md", "SHA256", file)],
  ["gpg --print-mds", (run, file) => run("gpg", "--print-mds", file)],
  [
    "md5sum, sha512sum and sha256sum",
    (run, file) =>
      run("md5sum", file) + run("sha512sum", file) + run("sha256sum", file),
  ],
];

describeWithTools(
  ["sha256sum", "shasum", "openssl", "gpg", "md5sum", "sha512sum"],
  "a list of the real",
  () => {
    let gpg: ReturnType<typeof openGpg>;
    let key: PinnedKey;
    beforeAll(() => {
      gpg = openGpg();
      key = gpg.makeKey("publisher");
    });
    afterAll(() => gpg.close());

    /** The outcome of checking a file whose list was made of the same bytes, or of others. */
    const check = async (
      file: string,
      right: boolean,
      list: string,
      make: (folder: string) => string | Buffer,
    ): Promise<string> => {
      const folder = testFolder();
      mkdirSync(join(folder, "dir"));
      const path = join(folder, file);
      writeFileSync(path, right ? "the image" : "other bytes");
      const text = make(folder);
      writeFileSync(path, "the image");
      writeFileSync(join(folder, list), text);
      const known = await checksumsBeside(path);
      expect(known).toHaveLength(1);
      const sha256 = createHash("sha256").update("the image").digest("hex");
      return demandFileChecksums(
        path,
        sha256,
        known,
        new AbortController().signal,
      ).then(
        () => "proven",
        (error: Error & { code?: string }) => String(error.code),
      );
    };

    const producing = (make: Producer[1], file: string) => (folder: string) =>
      make(
        (tool, ...args) =>
          execFileSync(tool, args, {
            cwd: folder,
            encoding: "utf8",
            env: { ...process.env, GNUPGHOME: gpg.home },
            stdio: "pipe",
          }),
        file,
      );

    it.each(PRODUCERS)("%s proves its file and no other", async (_, make) => {
      for (const [file, list] of [
        ["a.img", "SHA256SUMS"],
        ["a b (1).img.xz", "a b (1).img.xz.sha256"],
      ] as const) {
        const made = producing(make, file);
        expect(await check(file, true, list, made)).toBe("proven");
        expect(await check(file, false, list, made)).toBe("CHECKSUM_MISMATCH");
      }
    });

    it.each([[], ["--tag"]])(
      "sha256sum escapes a name with a backslash (%s)",
      async (...options) => {
        const file = "a\\b.img";
        const made = producing(
          (run) => run("sha256sum", ...options.filter(Boolean), file),
          file,
        );
        expect(await check(file, true, "SHA256SUMS", made)).toBe("proven");
        expect(await check(file, false, "SHA256SUMS", made)).toBe(
          "CHECKSUM_MISMATCH",
        );
      },
    );

    it("gpg --clear-sign, whose lines may begin with a dash, is read", async () => {
      const made = (folder: string) =>
        gpg.clearSign(
          Buffer.from(
            `- of today\n-----\n${producing((run) => run("sha256sum", "a.img"), "a.img")(folder)}`,
          ),
          key,
        );
      expect(made(testFolderWith("a.img")).toString()).toContain("- -----\n");
      expect(await check("a.img", true, "SHA256SUMS", made)).toBe("proven");
      expect(await check("a.img", false, "SHA256SUMS", made)).toBe(
        "CHECKSUM_MISMATCH",
      );
    });

    const testFolderWith = (file: string): string => {
      const folder = testFolder();
      writeFileSync(join(folder, file), "the image");
      return folder;
    };

    it("sha512sum or md5sum alone is told as what it is", async () => {
      for (const [tool, algorithm] of [
        ["sha512sum", "SHA-512"],
        ["md5sum", "MD5"],
      ] as const) {
        const folder = testFolderWith("a.img");
        const list = execFileSync(tool, ["a.img"], {
          cwd: folder,
          stdio: "pipe",
        });
        writeFileSync(join(folder, "SHA256SUMS"), list);
        const path = join(folder, "a.img");
        expect(await outcomeOf(checksumsBeside(path))).toBe(
          `CHECKSUM_LIST_WRONG 4: ${folder}/SHA256SUMS has no SHA-256 checksum of a.img, only ${algorithm}`,
        );
        const given = givenChecksum(A);
        expect(await checksumsBeside(path, given)).toEqual([]);
      }
    });
  },
);

describe("a file's checksums", () => {
  const folderWith = (files: Readonly<Record<string, string>>): string => {
    const folder = testFolder();
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(folder, name), text);
    }
    return join(folder, "a.img");
  };
  const beside = async (files: Readonly<Record<string, string>>) =>
    (await checksumsBeside(folderWith(files))).map(({ sha256 }) => sha256);

  it.each([
    ["no list", {}, []],
    ["a.img.sha256 with the name", { "a.img.sha256": `${A}  a.img\n` }, [A]],
    ["a.img.sha256 with a path", { "a.img.sha256": `${A}  /x/a.img\n` }, [A]],
    ["a.img.sha256 without a name", { "a.img.sha256": `${A}\n` }, [A]],
    ["a.img.sha256 of a pipe", { "a.img.sha256": `${A}  -\n` }, [A]],
    ["OpenSSL's of a pipe", { "a.img.sha256": `SHA2-256(stdin)= ${A}` }, [A]],
    ["a.img.sha256 in base64", { "a.img.sha256": inBase64(A) }, [A]],
    [
      "a.img.sha256 of certutil",
      {
        "a.img.sha256": `SHA256 hash of a.img:\r\n${A}\r\nCertUtil: done.\r\n`,
      },
      [A],
    ],
    ["a.img.sha256sum", { "a.img.sha256sum": `${A}\n` }, [A]],
    ["a.img.sha256.txt", { "a.img.sha256.txt": `${A} a.img` }, [A]],
    ["a.img.sha256sum.txt", { "a.img.sha256sum.txt": `${A} a.img` }, [A]],
    ["a.img.sha", { "a.img.sha": `${A} *a.img` }, [A]],
    ["SHA256SUMS", { SHA256SUMS: `${B}  b.img\n${A} *a.img\n` }, [A]],
    ["SHA256SUMS.txt", { "SHA256SUMS.txt": `${A} *a.img\n` }, [A]],
    ["sha256sum.txt", { "sha256sum.txt": `${A} *a.img\n` }, [A]],
    ["CHECKSUM", { CHECKSUM: `SHA256 (a.img) = ${A}\n` }, [A]],
    ["SHA256SUMS without the file", { SHA256SUMS: `${B}  b.img\n` }, []],
    ["both", { "a.img.sha256": `${A}\n`, SHA256SUMS: `${B}  a.img\n` }, [A, B]],
    [
      "one with SHA-256 and one without",
      { "a.img.sha256": `${MD5}  a.img\n`, SHA256SUMS: `${A}  a.img\n` },
      [A],
    ],
  ])("are found with %s", async (_, files, expected) => {
    expect(await beside(files)).toEqual(expected);
  });

  it.each([
    [{ "a.img.sha256": `${A}  other.img\n` }, "for a.img, only for other.img"],
    [{ "a.img.sha256": `${A}\n${B}  a.img\n` }, "two different checksums of"],
    [{ "a.img.sha256": `${MD5}\n` }, "no SHA-256 checksum of a.img, only MD5"],
    [{ SHA256SUMS: `${A}\n` }, "does not say which file its checksum is for"],
    [
      { SHA256SUMS: "x".repeat(2 ** 20 + 1) },
      "is larger than 1048576 bytes, so it is not what its name says",
    ],
  ])("that say nothing of it are an error: %j", async (files, why) => {
    const outcome = await outcomeOf(beside(files));
    expect(outcome).toMatch(/^CHECKSUM_LIST_WRONG 4: /);
    expect(outcome).toContain(why);
  });

  it.each(["a.img.sha256", "a.img.sha256sum", "SHA256SUMS", "sha256sum.txt"])(
    "that are there but cannot be read are an error: %s",
    async (name) => {
      const list = join(testFolder(), name);
      const path = join(list, "..", "a.img");
      mkdirSync(list);
      expect(await outcomeOf(checksumsBeside(path))).toBe(
        `CHECKSUM_LIST_WRONG 4: ${list} cannot be read: it is a folder`,
      );
      rmSync(list, { recursive: true });
      symlinkSync(name, list);
      expect(await outcomeOf(checksumsBeside(path))).toBe(
        `CHECKSUM_LIST_WRONG 4: ${list} cannot be read: it is a symbolic link that leads in a circle`,
      );
    },
  );

  it("that differ name both digests", async () => {
    const outcome = thrown(() =>
      demandChecksums("a.img", B, [
        { sha256: B, from: "one" },
        { sha256: A, from: "two" },
      ]),
    );
    expect(await outcome).toBe(
      "CHECKSUM_MISMATCH 4: a.img does not have the checksum that two says",
    );
    expect(() => {
      demandChecksums("a.img", B, [{ sha256: B, from: "one" }]);
    }).not.toThrow();
  });

  it("are compared where only the case of letters differs, and say so", async () => {
    const path = folderWith({
      SHA256SUMS: `${A}  A.IMG\n`,
      "a.img.sha256": `${B}  A.img\n`,
    });
    const folder = dirname(path);
    expect(await checksumsBeside(path)).toEqual([
      { sha256: B, from: `${folder}/a.img.sha256 (as A.img)` },
      { sha256: A, from: `${folder}/SHA256SUMS (as A.IMG)` },
    ]);
    expect(await beside({ SHA256SUMS: `${A}  A.img\n${B}  a.img\n` })).toEqual([
      B,
    ]);
  });

  it("of the unpacked image are found in its list and in that of the folder", async () => {
    const found = async (files: Readonly<Record<string, string>>) =>
      (await unpackedChecksumBeside(`${folderWith(files)}.xz`))?.sha256;
    expect(await found({ "a.img.sha256": `${A}\n` })).toBe(A);
    expect(await found({ SHA256SUMS: `${A}  a.img\n` })).toBe(A);
    expect(
      await found({ SHA256SUMS: `${A}  a.img\n${B}  a.img.xz\n` }),
    ).toBeUndefined();
    expect(await found({ SHA256SUMS: `${A}  b.img\n` })).toBeUndefined();
  });

  it("in UTF-16 without its mark are told as what they are, for a flash as well", async () => {
    for (const swap of [false, true]) {
      const folder = testFolder();
      const list = Buffer.from(`${A}  a.img\r\n`, "utf16le");
      writeFileSync(join(folder, "SHA256SUMS"), swap ? list.swap16() : list);
      const error = await failureOf(checksumsBeside(join(folder, "a.img")));
      expect(error.message).toContain("is not plain text: save it as UTF-8");
      expect(error.hint).toContain("remove it to do without that check");
    }
  });

  it("given by hand are checked for their form", async () => {
    expect(givenChecksum(undefined)).toBeUndefined();
    for (const form of ["", "sha256:", "SHA256:", "sha-256=", "SHA256= "]) {
      expect(givenChecksum(`${form}${A.toUpperCase()}`)?.sha256).toBe(A);
    }
    expect(await thrown(() => givenChecksum(`sha512:${A}`))).toContain(
      "is not a SHA-256 checksum",
    );
    expect(await thrown(() => givenChecksum("abc"))).toBe(
      'WRONG_ARGUMENTS 2: "abc" is not a SHA-256 checksum',
    );
  });
});

describeWithTools(
  ["gzip", "xz", "zstd"],
  "a checksum of what is packed",
  () => {
    it.each(["gzip", "xz", "zstd"])("in %s is told as such", async (tool) => {
      const folder = testFolder();
      const raw = asDisk(Buffer.alloc(1024 * 1024, "image"));
      writeFileSync(join(folder, "a.img"), raw);
      execFileSync(tool, ["-q", "a.img"], { cwd: folder, stdio: "pipe" });
      const ending = { gzip: "gz", xz: "xz", zstd: "zst" }[tool] ?? "";
      const path = join(folder, `a.img.${ending}`);
      const digest = (bytes: Buffer) =>
        createHash("sha256").update(bytes).digest("hex");
      const packed = digest(readFileSync(path));
      const { signal } = new AbortController();
      const refused = (sha256: string) =>
        failureOf(
          demandFileChecksums(
            path,
            packed,
            [{ sha256, from: "--sha256" }],
            signal,
          ),
        );
      expect((await refused(digest(raw))).hint).toContain(
        "that is the checksum of the unpacked image",
      );
      expect((await refused(A)).hint).not.toContain("unpacked");
    });
  },
);

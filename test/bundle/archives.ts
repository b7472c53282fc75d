// The servers that a bundle is made from, all on this computer: two signed package archives and a container registry.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { PinnedKey } from "../../src/base/proof/signature.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import type { openGpg } from "../base/gpg.ts";
import { startServer } from "../base/http-server.ts";

const sha256 = (data: Buffer): string =>
  createHash("sha256").update(data).digest("hex");

export type Deb = {
  readonly name: string;
  readonly version: string;
  readonly depends?: string;
  /** Bytes of its one file. */
  readonly content?: string;
};

/** A package as dpkg-deb makes it. */
const makeDeb = async (
  folder: string,
  { name, version, depends, content = `${name} ${version}\n` }: Deb,
): Promise<Buffer> => {
  const tree = join(folder, `${name}_${version}`);
  mkdirSync(join(tree, "DEBIAN"), { recursive: true });
  mkdirSync(join(tree, "usr/share/pi-image-test"), { recursive: true });
  writeFileSync(join(tree, "usr/share/pi-image-test", name), content);
  writeFileSync(
    join(tree, "DEBIAN/control"),
    [
      `Package: ${name}`,
      `Version: ${version}`,
      "Architecture: arm64",
      "Maintainer: Test <test@example.com>",
      ...(depends === undefined ? [] : [`Depends: ${depends}`]),
      "Description: made by a test",
      "",
    ].join("\n"),
  );
  const path = `${tree}.deb`;
  await runTool("dpkg-deb", ["--root-owner-group", "--build", tree, path]);
  return readFileSync(path);
};

type Archive = {
  /** Such as "noble"; undefined for a flat archive. */
  readonly suite: string | undefined;
  readonly date?: string;
  readonly key: PinnedKey;
  readonly debs: readonly Deb[];
};

const listOf = async (
  folder: string,
  debs: readonly Deb[],
): Promise<{ list: Buffer; files: Map<string, Buffer> }> => {
  const files = new Map<string, Buffer>();
  const stanzas: string[] = [];
  for (const deb of debs) {
    const data = await makeDeb(folder, deb);
    const path = `pool/${deb.name}_${deb.version}_arm64.deb`;
    files.set(path, data);
    stanzas.push(
      [
        `Package: ${deb.name}`,
        `Version: ${deb.version}`,
        "Architecture: arm64",
        ...(deb.depends === undefined ? [] : [`Depends: ${deb.depends}`]),
        `Filename: ${path}`,
        `Size: ${data.length}`,
        `SHA256: ${sha256(data)}`,
        "",
      ].join("\n"),
    );
  }
  return { list: Buffer.from(stanzas.join("\n")), files };
};

/** A server with this archive below `at`, which ends in a slash or is empty. */
export const serveArchive = async (
  server: Awaited<ReturnType<typeof startServer>>,
  gpg: ReturnType<typeof openGpg>,
  folder: string,
  at: string,
  { suite, date = "Sun, 29 Nov 2026 08:00:00 UTC", key, debs }: Archive,
): Promise<void> => {
  const { list, files } = await listOf(folder, debs);
  for (const [path, data] of files) {
    server.files.set(`${at}${path}`, data);
  }
  const name = suite === undefined ? "Packages" : "main/binary-arm64/Packages";
  const place = suite === undefined ? at : `${at}dists/${suite}/`;
  const packed = gzipSync(list);
  server.files.set(`${place}${name}`, list);
  server.files.set(`${place}${name}.gz`, packed);
  server.files.set(
    `${place}InRelease`,
    gpg.clearSign(
      Buffer.from(
        [
          ...(suite === undefined ? [] : [`Suite: ${suite}`]),
          `Date: ${date}`,
          "SHA256:",
          ` ${sha256(list)} ${list.length} ${name}`,
          ` ${sha256(packed)} ${packed.length} ${name}.gz`,
          "",
        ].join("\n"),
      ),
      key,
    ),
  );
};

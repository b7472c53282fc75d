// Makes out/executable/pi-image: the program, its data and Node in one file, for people without Node.
// It is for the system that it is made on. `npm run build:executable`
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, relative, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { inject } from "postject";
import { packageFile, packageVersion } from "../../src/system/package-files.ts";
import { bundleProgram, type KeptPackage, START } from "./bundle.ts";

const out = resolve(process.argv[2] ?? packageFile("out/executable"));
const root = join(out, "program");

/** Of each package that stays beside the program, what it needs. */
const KEPT_FILES: Readonly<Record<KeptPackage, readonly string[]>> = {
  "js-fatfs": ["package.json", "LICENSE", "dist/fatfs.js", "dist/fatfs.wasm"],
  openpgp: ["package.json", "LICENSE", "dist/node/openpgp.mjs"],
};

/** The licences of what was bundled, which ask to go with it. */
const licences = (inputs: readonly string[]): string => {
  const packages = new Set(
    inputs.flatMap(
      (path) =>
        /^(?:.*\/)?(node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [],
    ),
  );
  return [...packages]
    .toSorted()
    .flatMap((path) => {
      const file = readdirSync(packageFile(path)).find((name) =>
        /^(licen[cs]e|copying)/i.test(name),
      );
      const text =
        file === undefined
          ? "Its licence is named in its package.json."
          : readFileSync(packageFile(join(path, file)), "utf8");
      return [path.slice("node_modules/".length), "", text.trim(), "", ""];
    })
    .join("\n");
};

/** What the program finds at its own place: code two folders deep, as in dist/, and the data of the package. */
const layOut = async (): Promise<void> => {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  const sources = await bundleProgram(root);
  writeFileSync(join(root, "LICENCES.txt"), licences(sources));
  for (const name of ["profiles", "cloud-init", "package.json"]) {
    cpSync(packageFile(name), join(root, name), { recursive: true });
  }
  for (const name of ["pi-image.cdx.json", "pi-image.1"]) {
    cpSync(
      packageFile(`docs/reference/${name}`),
      join(root, "docs/reference", name),
    );
  }
  for (const [name, files] of Object.entries(KEPT_FILES)) {
    for (const file of files) {
      const path = join("node_modules", name, file);
      cpSync(packageFile(path), join(root, path));
    }
  }
  // Loaded from the disk, it may import; the executable's own code may not.
  writeFileSync(
    join(root, "start.cjs"),
    `import("./dist/program/${START}.js");\n`,
  );
};

type Packed = { readonly program: Buffer; readonly digests: string };

const sha256 = (data: Buffer): string =>
  createHash("sha256").update(data).digest("hex");

/** Names in their order and no times: the same program gives the same bytes. */
const packed = (): Packed => {
  const paths = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .toSorted();
  const files = paths.map(
    (path) => [path, readFileSync(join(root, path))] as const,
  );
  const contents = files.map(([path, data]) => [path, data.toString("base64")]);
  return {
    program: gzipSync(JSON.stringify(Object.fromEntries(contents)), {
      level: 9,
    }),
    digests: JSON.stringify(
      Object.fromEntries(files.map(([path, data]) => [path, sha256(data)])),
    ),
  };
};

const makeBlob = async (): Promise<Buffer> => {
  const main = join(out, "main.cjs");
  await build({
    entryPoints: [packageFile(".ci/executable/start.ts")],
    outfile: main,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    logLevel: "warning",
  });
  const { program, digests } = packed();
  const digest = sha256(program);
  writeFileSync(join(out, "program.gz"), program);
  writeFileSync(join(out, "digests"), digests);
  writeFileSync(
    join(out, "version"),
    `${packageVersion()}-${digest.slice(0, 12)}`,
  );
  const config = join(out, "sea.json");
  writeFileSync(
    config,
    JSON.stringify({
      main,
      output: join(out, "blob"),
      disableExperimentalSEAWarning: true,
      assets: {
        program: join(out, "program.gz"),
        digests: join(out, "digests"),
        version: join(out, "version"),
      },
    }),
  );
  execFileSync(process.execPath, ["--experimental-sea-config", config], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return readFileSync(join(out, "blob"));
};

await layOut();
const blob = await makeBlob();
const executable = join(out, "pi-image");
copyFileSync(process.execPath, executable);
chmodSync(executable, 0o755);
if (process.platform === "darwin") {
  // A changed file with the old signature is killed at its start.
  execFileSync("codesign", ["--remove-signature", executable]);
}
await inject(executable, "NODE_SEA_BLOB", blob, {
  sentinelFuse: "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2",
  machoSegmentName: "NODE_SEA",
});
if (process.platform === "darwin") {
  execFileSync("codesign", ["--sign", "-", executable]);
}
for (const name of [
  "blob",
  "digests",
  "main.cjs",
  "program.gz",
  "sea.json",
  "version",
]) {
  rmSync(join(out, name));
}
console.log(`made ${executable}`);

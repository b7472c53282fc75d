// The program in a few files of its own and of the packages that it uses, so that it starts faster than from hundreds.
import { basename, join } from "node:path";
import { build } from "esbuild";
import manifest from "../../package.json" with { type: "json" };
import { packageFile } from "../../src/system/package-files.ts";

/** Packages that stay beside the program: js-fatfs finds its WebAssembly beside itself; openpgp stays replaceable, as its licence (LGPL) asks for. */
const KEPT = ["js-fatfs", "openpgp"] as const;

export type KeptPackage = (typeof KEPT)[number];

/** Optional packages: drivelist is compiled for each system, and unzipper asks for this one only to read from S3. */
const LEFT_OUT = ["drivelist", "@aws-sdk/client-s3"];

/** The name of the file that starts the program, without its ending. */
export const START = basename(manifest.bin["pi-image"], ".js");

/**
 * Writes `dist/program/START.js` and what it needs into the folder `root`, two folders deep, as in the package: the program
 * finds `profiles` and `cloud-init` there. `others` are programs that go beside it, by their names without `.js`.
 * Gives the paths of the sources, from the repository's root.
 */
export const bundleProgram = async (
  root: string,
  others: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> => {
  const { metafile } = await build({
    entryPoints: { [START]: packageFile(`src/${START}.ts`), ...others },
    absWorkingDir: packageFile(""),
    metafile: true,
    outdir: join(root, "dist/program"),
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node20",
    // The other way round, what is imported when it is needed would lack its named exports.
    mainFields: ["module", "main"],
    legalComments: "linked",
    logLevel: "warning",
    external: [...KEPT, ...LEFT_OUT],
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
  });
  return Object.keys(metafile.inputs);
};

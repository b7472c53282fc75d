// Before the tests: the shells of the nodes in test/node. A node starts hundreds of shells, and one that is linked statically
// costs half: no libraries to map and to copy at each fork. Both are built from the sources of bash and dash, and where they
// are not installed the ordinary ones serve.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { packageFile } from "../../src/system/package-files.ts";

declare module "vitest" {
  // eslint-disable-next-line typescript/consistent-type-definitions -- only an interface can be added to
  interface ProvidedContext {
    /** The folder test/node/fakes, whose programs start with these shells. */
    readonly fakes: string;
  }
}

const STATIC: Readonly<Record<string, string>> = {
  "#!/bin/bash\n": "/bin/bash-static",
  "#!/bin/sh\n": "/usr/lib/klibc/bin/sh",
};

/** A script that starts with the static shell, where there is one. */
export const withStaticShell = (script: string): string => {
  const found = Object.entries(STATIC).find(
    ([line, shell]) => script.startsWith(line) && existsSync(shell),
  );
  return found === undefined
    ? script
    : `#!${found[1]}\n${script.slice(found[0].length)}`;
};

/** Tests ask for the folder with `inject("fakes")`. */
export default function provideFakes(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-fakes-"));
  chmodSync(folder, 0o755);
  cpSync(packageFile("test/node/fakes"), folder, { recursive: true });
  for (const name of readdirSync(folder, {
    recursive: true,
    encoding: "utf8",
  })) {
    const path = join(folder, name);
    if (statSync(path).isFile()) {
      writeFileSync(path, withStaticShell(readFileSync(path, "utf8")));
    }
  }
  project.provide("fakes", folder);
  return () => {
    rmSync(folder, { recursive: true, force: true });
  };
}

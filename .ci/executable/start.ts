// What the single-file executable runs first: lays the program out in the user's cache, once for each version, and starts it.
//
// Inside such an executable `import` and `require` find only what Node itself brings, and the program reads data files and
// WebAssembly by their paths. https://nodejs.org/docs/latest-v20.x/api/single-executable-applications.html
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { getAsset } from "node:sea";
import { gunzipSync } from "node:zlib";

const cacheFolder = (): string => {
  const own = process.env["PI_IMAGE_CACHE_HOME"];
  if (own !== undefined && own !== "") {
    return own;
  }
  const xdg = process.env["XDG_CACHE_HOME"];
  return join(
    xdg?.startsWith("/") === true ? xdg : join(homedir(), ".cache"),
    "pi-image",
  );
};

/** With sudo the home may be somebody else's, and root must not run what another user could have written there. */
const isOurs = (folder: string): boolean =>
  existsSync(folder) && statSync(folder).uid === process.getuid?.();

const layOut = (folder: string): void => {
  const files = JSON.parse(
    gunzipSync(Buffer.from(getAsset("program"))).toString("utf8"),
  ) as Readonly<Record<string, string>>;
  const temporary = `${folder}.${process.pid}-${randomBytes(6).toString("hex")}`;
  for (const [path, content] of Object.entries(files)) {
    const file = join(temporary, path);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, Buffer.from(content, "base64"), { mode: 0o600 });
  }
  try {
    renameSync(temporary, folder);
  } catch (error) {
    // Another start was faster.
    rmSync(temporary, { recursive: true, force: true });
    if (!isOurs(folder)) {
      throw error;
    }
  }
};

const folder = join(
  cacheFolder(),
  `program-${getAsset("version", "utf8")}-${process.getuid?.() ?? 0}`,
);
if (!isOurs(folder)) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  layOut(folder);
}
createRequire(join(folder, "start.cjs"))("./start.cjs");

// What the single-file executable runs first: lays the program out in the user's cache, once for each version, and starts it.
//
// Inside such an executable `import` and `require` find only what Node itself brings, and the program reads data files and
// WebAssembly by their paths. https://nodejs.org/docs/latest-v20.x/api/single-executable-applications.html
//
// Nothing is run because of its name: the folder has to be ours alone, and every file in it the one that we hold the digest of.
import { createHash, randomBytes } from "node:crypto";
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { homedir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { getAsset } from "node:sea";
import { gunzipSync } from "node:zlib";
import { isPrivate, usableFolder } from "./own-folder.ts";

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

/** With sudo, HOME and with it the cache may be another user's; then root's own home is left, or what systemd gives a session. */
const places = (): readonly string[] => {
  const runtime = process.env["XDG_RUNTIME_DIR"] ?? "";
  let home: string | undefined;
  try {
    home = userInfo().homedir;
  } catch {
    // A user without an entry.
  }
  return [
    cacheFolder(),
    ...(home === undefined ? [] : [join(home, ".cache", "pi-image")]),
    ...(runtime.startsWith("/") ? [join(runtime, "pi-image")] : []),
  ];
};

const findPlace = (): string => {
  const reasons: string[] = [];
  for (const folder of new Set(places())) {
    const usable = usableFolder(folder);
    if ("path" in usable) {
      return usable.path;
    }
    reasons.push(`  ${folder}: ${usable.why}`);
  }
  process.stderr.write(
    [
      "error[FILE_UNUSABLE]: pi-image finds no folder of its own for its program",
      ...reasons,
      "state: nothing was written",
      "hint: set PI_IMAGE_CACHE_HOME to a folder that only you can write to",
      "",
    ].join("\n"),
  );
  process.exit(1);
};

type Digests = Readonly<Record<string, string>>;

/** The files and no others: one more module would be found before what is missing by purpose. */
const holds = (folder: string, digests: Digests): boolean => {
  try {
    const entries = readdirSync(folder, {
      recursive: true,
      withFileTypes: true,
    });
    const files = entries.filter((entry) => !entry.isDirectory());
    return (
      files.length === Object.keys(digests).length &&
      Object.entries(digests).every(([path, digest]) => {
        const file = join(folder, path);
        return (
          lstatSync(file).isFile() &&
          createHash("sha256").update(readFileSync(file)).digest("hex") ===
            digest
        );
      })
    );
  } catch {
    // Whatever cannot be read is not what was laid out.
    return false;
  }
};

const isOurs = (folder: string, digests: Digests): boolean =>
  isPrivate(folder) && holds(folder, digests);

/** A folder that nobody else has: under its final name it is complete. */
const layOut = (temporary: string): void => {
  const files = JSON.parse(
    gunzipSync(Buffer.from(getAsset("program"))).toString("utf8"),
  ) as Readonly<Record<string, string>>;
  mkdirSync(temporary, { mode: 0o700 });
  for (const [path, content] of Object.entries(files)) {
    const file = join(temporary, path);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, Buffer.from(content, "base64"), {
      mode: 0o600,
      flag: "wx",
    });
  }
};

const digests = JSON.parse(getAsset("digests", "utf8")) as Digests;
const place = findPlace();
const name = `program-${getAsset("version", "utf8")}-${process.getuid?.() ?? 0}`;

/** Only what is ours is taken away; others' things stay where they are. */
const moveAway = (folder: string): boolean => {
  if (!isPrivate(folder)) {
    return lstatSync(folder, { throwIfNoEntry: false }) === undefined;
  }
  const old = `${folder}.${randomBytes(6).toString("hex")}`;
  renameSync(folder, old);
  rmSync(old, { recursive: true, force: true });
  return true;
};

const program = (): string => {
  for (let count = 0; ; count += 1) {
    const folder = join(place, count === 0 ? name : `${name}-${count}`);
    if (isOurs(folder, digests)) {
      return folder;
    }
    if (!moveAway(folder)) {
      continue;
    }
    const temporary = `${folder}.${process.pid}-${randomBytes(6).toString("hex")}`;
    layOut(temporary);
    try {
      renameSync(temporary, folder);
    } catch (error) {
      // Another start was faster.
      rmSync(temporary, { recursive: true, force: true });
      if (!isOurs(folder, digests)) {
        throw error;
      }
    }
    return folder;
  }
};

createRequire(join(program(), "start.cjs"))("./start.cjs");

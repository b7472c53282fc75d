// Two people make the same release at different places, and get the same bytes.
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { describeWithTools } from "../support/tools.ts";
import { makeProject, type Project } from "./release-folder.ts";

const NOBODY = 65_534;

type Person = {
  readonly folder: string;
  readonly umask: string;
  readonly env: Readonly<Record<string, string>>;
  /** In front of the command, such as `taskset`. */
  readonly through: readonly string[];
  readonly uid: number | undefined;
};

const release = (person: Person): Promise<string> =>
  new Promise((resolve, reject) => {
    const { folder, umask, env, through, uid } = person;
    const child = spawn(
      "sh",
      [
        "-c",
        `umask ${umask}; exec "$@"`,
        "sh",
        ...through,
        process.execPath,
        inject("cli"),
        "release",
        "--format",
        "img.xz,img.zst",
        "--url",
        "https://example.com/v1/",
      ],
      {
        cwd: folder,
        env: { PATH: process.env["PATH"], HOME: folder, ...env },
        stdio: ["ignore", "ignore", "pipe"],
        ...(uid === undefined ? {} : { uid, gid: uid }),
      },
    );
    let stderr = "";
    child.stderr.on("data", (data: Buffer) => {
      stderr += data.toString();
    });
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) {
        resolve(readFileSync(join(folder, "release", "SHA256SUMS"), "utf8"));
      } else {
        reject(new Error(stderr));
      }
    });
  });

/** For NODE_OPTIONS: whatever asks for the time gets one that is 400 days ahead. */
const WRONG_CLOCK = `--import=data:text/javascript,${encodeURIComponent(`
const Real = Date;
const now = () => Real.now() + 400 * 86_400_000;
globalThis.Date = class extends Real {
  constructor(...given) {
    super(...(given.length === 0 ? [now()] : given));
  }
  static now() {
    return now();
  }
};`)}`;

/** Another user, where this one may become it and it may read the program. */
const anotherUser = (): number | undefined => {
  const user = { uid: NOBODY, gid: NOBODY };
  return process.getuid?.() === 0 &&
    spawnSync("test", ["-r", inject("cli")], user).status === 0 &&
    spawnSync("test", ["-x", process.execPath], user).status === 0
    ? NOBODY
    : undefined;
};

describeWithTools(["xz", "zstd", "taskset"], "a release", () => {
  let first: Project;
  let elsewhere = "";
  let sums = "";

  beforeAll(async () => {
    first = makeProject();
    elsewhere = mkdtempSync(join(tmpdir(), "pi-image-elsewhere-"));
    sums = await release({
      folder: first.folder,
      umask: "022",
      env: { SOURCE_DATE_EPOCH: "1790000000", TZ: "UTC", LC_ALL: "C" },
      through: [],
      uid: undefined,
    });
  });
  afterAll(() => {
    first.remove();
    rmSync(elsewhere, { recursive: true, force: true });
  });

  let others = 0;
  const other = (): string => {
    others += 1;
    const folder = join(elsewhere, "a folder", String(others));
    mkdirSync(folder, { recursive: true });
    copyFileSync(first.path("cluster.yaml"), join(folder, "cluster.yaml"));
    return folder;
  };

  it("is the same in another folder, time zone and language, for another user on another computer with a wrong clock", async () => {
    const clock = spawnSync(
      process.execPath,
      [WRONG_CLOCK, "--print", "Date.now() + new Date().getTime()"],
      { encoding: "utf8" },
    );
    expect(Number(clock.stdout) / 2).toBeGreaterThan(
      Date.now() + 399 * 86_400_000,
    );
    const folder = other();
    const uid = anotherUser();
    for (const path of [elsewhere, dirname(folder), folder]) {
      chmodSync(path, 0o777);
    }
    const again = await release({
      folder,
      umask: "077",
      env: {
        SOURCE_DATE_EPOCH: "1790000000",
        NODE_OPTIONS: WRONG_CLOCK,
        TZ: "Pacific/Kiritimati",
        LC_ALL: "tr_TR.UTF-8",
        LANG: "ar_EG.UTF-8",
        WIFI_PASSWORD: "somebody else's",
      },
      // One core, where the first one had all.
      through: ["taskset", "--cpu-list", "0"],
      uid,
    });
    expect(again).toBe(sums);
    expect(sums.match(/img\.xz$/gm)).toHaveLength(2);
  });

  it("is another one at another build time", async () => {
    const later = await release({
      folder: other(),
      umask: "022",
      env: { SOURCE_DATE_EPOCH: "1790000060" },
      through: [],
      uid: undefined,
    });
    const images = (text: string) => text.match(/^.*img\.xz$/gm);
    expect(images(later)).not.toEqual(images(sums));
  });
});

// pi-image base and the lockfile, as a user runs them: with a catalogue of one's own, so that a test can sign its list.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { packageFile } from "../../src/system/package-files.ts";
import { openGpg } from "../base/gpg.ts";
import { startServer } from "../base/http-server.ts";
import { sha256 } from "../base/release-server.ts";
import type { PinnedKey } from "../../src/base/proof/signature.ts";
import { temporaryFolder } from "../support/folder.ts";
import { runCli } from "../support/run-cli.ts";
import { describeWithTools } from "../support/tools.ts";

const file = (point: number) => `home-1.0.${point}-server.img.xz`;

describeWithTools(["gpg", "gpgconf", "xz"], "a base of one's own", () => {
  let gpg: ReturnType<typeof openGpg>;
  let key: PinnedKey;
  const images: Buffer[] = [];
  beforeAll(async () => {
    gpg = openGpg();
    key = gpg.makeKey("Home key <home@example.com>");
    for (const name of ["24.04", "26.04"]) {
      images.push(
        await readFile(
          packageFile(`profiles/base-images/sample-ubuntu-${name}.img.xz`),
        ),
      );
    }
  });
  afterAll(() => gpg.close());

  const image = (point: number): Buffer => {
    const found = images[point];
    if (found === undefined) {
      throw new Error(`there is no image ${point}`);
    }
    return found;
  };

  const setUp = async () => {
    const server = await startServer();
    const cwd = await temporaryFolder();
    const config = join(cwd, ".config/pi-image");
    await mkdir(config, { recursive: true });
    await writeFile(join(config, "home.asc"), key.armored);
    await writeFile(
      join(config, "base-images.yaml"),
      `keys:
  home: {file: home.asc, fingerprint: ${key.fingerprint}}
releases:
  home-1.0:
    title: Image of one's own
    signed: list
    folder: ${server.address}
    file: home-1.0*-server.img.xz
    key: home
`,
    );
    const publish = (points: readonly number[]) => {
      const list = Buffer.from(
        points
          .map((point) => `${sha256(image(point))} *${file(point)}\n`)
          .join(""),
      );
      server.files.set("SHA256SUMS", list);
      server.files.set("SHA256SUMS.gpg", gpg.sign(list, key));
      for (const point of points) {
        server.files.set(file(point), image(point));
      }
    };
    await writeFile(
      join(cwd, "cluster.yaml"),
      `cluster: {name: homelab}
defaults:
  base: home-1.0
  users: [{name: ana, sshKeys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqWKuBLVgYPj6tLVvmnJ5Iu3VPrFQDmRTsVZyyMXV0x]}]
nodes:
  - {name: cplane, role: control-plane}
  - {name: worker1, role: worker}
`,
    );
    const pi = (...args: readonly string[]) =>
      runCli(args, { cwd, env: { SOURCE_DATE_EPOCH: "1790000000" } });
    const lock = async () =>
      JSON.parse(
        await readFile(join(cwd, "cluster.lock.json"), "utf8"),
      ) as Readonly<Record<string, unknown>>;
    return { ...server, cwd, publish, pi, lock };
  };
  const build = ["build", "--format", "seed", "--host", "worker1"] as const;
  const pinned = (point: number) => [
    {
      name: "home-1.0",
      file: file(point),
      sha256: sha256(image(point)),
    },
  ];

  it("stays pinned until `base update` takes a newer one", async () => {
    const { publish, pi, lock, requests, cwd } = await setUp();
    publish([0]);
    const first = await pi(...build);
    expect(first.status, first.stderr).toBe(0);
    expect((await lock())["bases"]).toEqual(pinned(0));

    publish([0, 1]);
    const asked = requests.length;
    const second = await pi(...build);
    expect(second.status, second.stderr).toBe(0);
    expect((await lock())["bases"]).toEqual(pinned(0));
    expect(requests.length).toBe(asked);

    const shown = await pi("base", "update", "--dry-run");
    expect(shown.status, shown.stderr).toBe(0);
    const change = `home-1.0: ${file(0)} (${sha256(image(0)).slice(0, 12)}) -> ${file(1)}`;
    expect(shown.stdout).toContain(change);
    expect((await lock())["bases"]).toEqual(pinned(0));

    const before = await lock();
    const taken = await pi("base", "update");
    expect(taken.status, taken.stderr).toBe(0);
    expect(taken.stdout).toContain(change);
    expect(taken.stdout).toContain("cluster.lock.json pins it now");
    expect(await lock()).toEqual({ ...before, bases: pinned(1) });

    const third = await pi(...build);
    expect(third.status, third.stderr).toBe(0);
    const manifest = JSON.parse(
      await readFile(join(cwd, "out/worker1.manifest.json"), "utf8"),
    ) as { base: unknown };
    expect(manifest.base).toEqual({
      name: file(1),
      sha256: pinned(1)[0]?.sha256,
      origin: "download",
    });
    const again = await pi("base", "update", "home-1.0");
    expect(again.stdout).toBe(
      `home-1.0: ${file(1)} (${pinned(1)[0]?.sha256.slice(0, 12)}) is the newest\n`,
    );
  });

  it("stays pinned where a server has only an older one", async () => {
    const { pi, publish, lock } = await setUp();
    publish([0, 1]);
    const first = await pi(...build);
    expect(first.status, first.stderr).toBe(0);
    publish([0]);
    for (const args of [["--dry-run"], []]) {
      const kept = await pi("base", "update", ...args);
      expect(kept.status, kept.stderr).toBe(0);
      expect(kept.stdout).toContain(
        `home-1.0: ${file(1)} (${sha256(image(1)).slice(0, 12)}) stays, because the server only has ${file(0)}, which is older`,
      );
      expect(kept.stdout).not.toContain("pins it now");
    }
    expect((await lock())["bases"]).toEqual(pinned(1));
  });

  it("is updated only where the vendor says what is newer", async () => {
    const { pi, publish } = await setUp();
    publish([0]);
    const wrong = await pi("base", "update", "sample");
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toContain("sample is not a base of the catalogue");
    const list = await pi("base", "list");
    expect(list.stdout).toMatch(/^home-1\.0 +Image of one's own$/m);
  });

  it.each(["mirror.example", "ftp://mirror.example", "https://"])(
    "is not looked for on %s, which is not a mirror",
    async (mirror) => {
      const { pi } = await setUp();
      const wrong = await pi("base", "fetch", "home-1.0", "--mirror", mirror);
      expect(wrong.status).toBe(2);
      expect(wrong.stderr).toContain(
        `error[WRONG_ARGUMENTS]: ${mirror} is not an address of a mirror`,
      );
    },
  );

  it("is in the cache by its name, until it is pruned", async () => {
    const { pi, publish } = await setUp();
    publish([1]);
    const fetched = await pi("base", "fetch", "home-1.0");
    expect(fetched.status, fetched.stderr).toBe(0);
    const list = await pi("base", "list");
    expect(list.stdout).toContain(`in the cache:\n  ${file(1)}: `);
    const young = await pi("base", "prune");
    expect(young.stdout).toContain("removed 0 files, 0 B, from ");
    const shown = await pi("base", "prune", "--all", "--dry-run");
    expect(shown.stdout).toContain(`would remove ${file(1)}: `);
    const gone = await pi("base", "prune", "--all", "--json");
    expect(JSON.parse(gone.stdout)).toMatchObject({
      type: "pruned",
      name: file(1),
      dryRun: false,
    });
    expect((await pi("base", "list")).stdout).not.toContain("in the cache");
  });

  it("is refused with the reason when its catalogue is wrong", async () => {
    const { pi, cwd } = await setUp();
    const path = join(cwd, ".config/pi-image/base-images.yaml");
    const text = await readFile(path, "utf8");
    await writeFile(path, text.replace("key: home", "key: hime"));
    const result = await pi("base", "list");
    expect(result.status).toBe(2);
    expect(result.stderr).toContain("error[CATALOGUE_WRONG]");
    expect(result.stderr).toContain("home-1.0 needs a key");
  });
});

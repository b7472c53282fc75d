// `pi-image bundle push`, with an ssh that runs what it is sent in a folder for each node, and the power that goes at every step.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  type BundleIndex,
  indexDigest,
  renderIndex,
} from "../../src/bundle/bundle-index.ts";
import { partOfText, writeBundle } from "../../src/bundle/write-bundle.ts";
import { wholeNodeScript } from "../../src/cluster/over-ssh/run-node-script.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { bundleLock } from "../cluster/bundle-lock.ts";
import {
  clusterFolder,
  emptyFolder,
  INVENTORY,
} from "../cluster/cluster-folder.ts";
import { resultOf, runCli, startCli } from "../support/run-cli.ts";
import { describeWithTools } from "../support/tools.ts";

const OFFLINE = INVENTORY.replace(
  "name: homelab",
  'name: homelab\n  offline: true\n  endpoint: cplane\n  kubernetes: "1.36.5"',
).replace("gateway: 192.168.77.1", "base: ubuntu-24.04");

/** `NODE.error` has its last words; `NODE.hang` reads nothing; `NODE.cut` says after how many bytes behind the script the connection ends. */
const FAKE_SSH = `#!/bin/bash
folder=\${0%/*}/..
while [[ $1 == -* ]]; do shift 2; done
node=$1
echo "\${*:1:7}" >>"$folder/calls"
[[ ! -e $folder/$node.error ]] || { cat "$folder/$node.error" >&2; exit 255; }
[[ ! -e $folder/$node.hang || $6 != take ]] || exec tail -f /dev/null
export PI_IMAGE_ROOT=$folder/$node PI_IMAGE_PATIENCE=5
if [[ -e $folder/$node.cut && $6 == take ]]; then
  head -c "$(<"$folder/$node.cut")" | bash -s "\${@:6}"
  echo 'Connection to 192.168.77.50 closed by remote host.' >&2
  exit 255
fi
exec bash -s "\${@:6}"
`;

const PROGRAMS = {
  ssh: FAKE_SSH,
  blockdev: "#!/bin/sh\n",
  lsblk: '#!/bin/sh\ncat "$PI_IMAGE_ROOT/partitions"\n',
  df: '#!/bin/sh\necho Avail 1B-blocks; cat "$PI_IMAGE_ROOT/room"\n',
};

const putPrograms = (
  folder: string,
  programs: Readonly<Record<string, string>>,
): string => {
  const bin = join(folder, "bin");
  mkdirSync(bin, { recursive: true });
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(bin, name), text);
    chmodSync(join(bin, name), 0o755);
  }
  return `${bin}:${process.env["PATH"] ?? ""}`;
};

type Made = {
  readonly file: string;
  readonly data: Buffer;
  readonly index: string;
  readonly sha256: string;
};

/** Larger than what a pipe holds. */
const makeBundle = async (file: string, content: string): Promise<Made> => {
  const parts = [
    partOfText("Packages", content),
    partOfText("images.tar", content.repeat(60_000)),
  ];
  const index: BundleIndex = {
    kubernetes: "1.36.5",
    system: "ubuntu-24.04",
    files: parts,
    images: [],
  };
  const sha256 = await writeBundle(file, renderIndex(index), parts, {
    signal: new AbortController().signal,
    progress: () => undefined,
  });
  return {
    file,
    data: readFileSync(file),
    index: indexDigest(index),
    sha256,
  };
};

const ROOM = "900000000 1000000000\n";

/** A node whose card has this bundle in its partition. */
const layNode = (root: string, card: Made): void => {
  for (const folder of ["etc/pi-image", "var/lib/pi-image", "dev", "run"]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  writeFileSync(join(root, "partitions"), "mmcblk0p3 0xda\n");
  writeFileSync(join(root, "room"), ROOM);
  writeFileSync(
    join(root, "dev/mmcblk0p3"),
    Buffer.concat([card.data, Buffer.alloc(5000)]),
  );
  writeFileSync(
    join(root, "etc/pi-image/bundle.env"),
    `PI_IMAGE_BUNDLE='${card.index}'\nPI_IMAGE_KUBERNETES_IMAGES='mirror'\n`,
  );
};

const settingsOf = (root: string): string =>
  readFileSync(join(root, "etc/pi-image/bundle.env"), "utf8");
const stateOf = (root: string): readonly string[] =>
  readdirSync(join(root, "var/lib/pi-image"));

/** What the scripts on the card would read, each part compared with the index: its digest, or why there is none. */
const readBundle = (root: string, path: string): string => {
  const { stdout } = spawnSync(
    "bash",
    [
      "-ec",
      `root=$PI_IMAGE_ROOT state=$root/var/lib/pi-image scratch=$root/run
fails() { echo "$1"; exit 1; }
cause() { tail -n 1 "$scratch/log"; }
. "$1"
. "$root/etc/pi-image/bundle.env"
find_bundle
read_member Packages
read_member images.tar
echo "$PI_IMAGE_BUNDLE"`,
      "bash",
      packageFile("cloud-init/files/usr/local/lib/pi-image/bundle.sh"),
    ],
    {
      env: { PATH: path, PI_IMAGE_ROOT: root },
      encoding: "utf8",
    },
  );
  return stdout.trim();
};

const lab = async () => {
  const cluster = await clusterFolder(new Date(), OFFLINE);
  const { folder } = cluster;
  const path = putPrograms(folder, PROGRAMS);
  const before = await makeBundle(join(folder, "before.tar"), "before\n");
  const archives = join(folder, "cache/pi-image/archives");
  mkdirSync(archives, { recursive: true });
  const draft = await makeBundle(join(archives, "draft"), "after, larger\n");
  const cached = join(archives, draft.sha256);
  writeFileSync(cached, draft.data);
  const root = (node: string) => join(folder, node);
  for (const node of ["cplane", "worker1", "worker2"]) {
    layNode(root(node), before);
  }
  const lock = (kubernetes = "1.36.5") => {
    writeFileSync(
      join(folder, "cluster.lock.json"),
      bundleLock({ ...draft, kubernetes }),
    );
  };
  lock();
  const surroundings = {
    cwd: folder,
    env: { HOME: folder, XDG_CACHE_HOME: join(folder, "cache"), PATH: path },
  };
  return {
    ...cluster,
    before,
    after: draft,
    cached,
    root,
    lock,
    has: (node: string) => readBundle(root(node), path),
    put: (name: string, data: string) => {
      writeFileSync(join(folder, name), data);
    },
    calls: () => {
      const calls = join(folder, "calls");
      return existsSync(calls) ? readFileSync(calls, "utf8") : "";
    },
    pi: (...args: readonly string[]) => runCli(args, surroundings),
    start: (...args: readonly string[]) => startCli(args, surroundings),
  };
};

const TOOLS = ["bash", "flock", "sha256sum", "tar"];

describeWithTools(TOOLS, "bundle push", () => {
  it("gives every node the lockfile's bundle, and does nothing the second time", async () => {
    const { pi, has, root, after, calls, put } = await lab();
    const first = await pi("bundle", "push");
    expect(first).toMatchObject({
      status: 0,
      stderr:
        "send cplane (824 KiB)\nsend worker1 (824 KiB)\nsend worker2 (824 KiB)\n",
    });
    expect(first.stdout).toMatch(
      /^cplane has it now \([\d.]+ KiB\)\.\nworker1 has it now \(.*\)\.\nworker2 has it now \(.*\)\.\n$/,
    );
    for (const node of ["cplane", "worker1", "worker2"]) {
      expect(has(node)).toBe(after.index);
      expect(stateOf(root(node))).toEqual(["bundle.tar"]);
      expect(settingsOf(root(node))).toBe(
        `PI_IMAGE_BUNDLE='${after.index}'\nPI_IMAGE_KUBERNETES_IMAGES='mirror'\n`,
      );
    }
    put("calls", "");
    const second = await pi("bundle", "push");
    expect(second).toMatchObject({
      status: 0,
      stdout:
        "cplane has it already.\nworker1 has it already.\nworker2 has it already.\n",
    });
    expect(calls()).not.toContain("take");
  });

  it("sends to the named nodes, and shows with --dry-run what it would send", async () => {
    const { pi, has, before, after } = await lab();
    const shown = await pi("bundle", "push", "worker2", "--dry-run");
    expect(shown.stdout).toMatch(
      /^worker2 lacks it, and has room for .* KiB\.\n$/,
    );
    expect(has("worker2")).toBe(before.index);
    await pi("bundle", "push", "worker2");
    expect(has("worker2")).toBe(after.index);
    expect(has("worker1")).toBe(before.index);
  });

  it("mends a bundle that was damaged on its node", async () => {
    const { pi, has, root, after } = await lab();
    await pi("bundle", "push", "worker1");
    const file = join(root("worker1"), "var/lib/pi-image/bundle.tar");
    const data = readFileSync(file);
    data[data.length - 3000] = 1;
    writeFileSync(file, data);
    expect(has("worker1")).toContain("is damaged: images.tar");
    expect(await pi("bundle", "push", "worker1")).toMatchObject({ status: 0 });
    expect(has("worker1")).toBe(after.index);
  });

  it("goes on to the next node where one fails, and says which has what", async () => {
    const { pi, has, root, before, after, put } = await lab();
    put("cplane.error", "ssh: connect to host: No route to host\n");
    writeFileSync(join(root("worker1"), "room"), "100500000 1000000000\n");
    const { status, stdout, stderr } = await pi("bundle", "push");
    expect(status).toBe(1);
    expect(stdout).toMatch(/^worker2 has it now/);
    expect(stderr).toContain(
      [
        "error[BUNDLE_NOT_SENT]: 2 nodes do not have the bundle",
        "  cplane: SSH cannot connect: ssh: connect to host: No route to host",
        "  worker1: its root partition has 100 MB free, and the bundle needs 1 MB beside the tenth that the kubelet wants free (100 MB)",
        "state: worker2 has it; the others have the bundle that they had",
        "hint: remove the cause, then run the same command again",
      ].join("\n"),
    );
    expect(has("worker1")).toBe(before.index);
    expect(has("worker2")).toBe(after.index);
  });

  it("leaves the earlier bundle where the connection ends in the middle, or other bytes come", async () => {
    const { pi, has, root, before, after, put, cached } = await lab();
    const script = Buffer.byteLength(await wholeNodeScript("bundle"));
    put("worker1.cut", String(script + 300_000));
    const cut = await pi("bundle", "push", "worker1");
    expect(cut.stderr).toContain(
      "worker1: SSH cannot connect: Connection to 192.168.77.50 closed by remote host.",
    );
    expect(has("worker1")).toBe(before.index);
    expect(stateOf(root("worker1"))).toEqual([]);
    const data = Buffer.from(after.data);
    data[data.length - 3000] = 1;
    writeFileSync(cached, data);
    const other = await pi("bundle", "push", "worker2");
    expect(other.stderr).toContain(
      "worker2: what lies on its disk is not what was sent, and was removed",
    );
    expect(has("worker2")).toBe(before.index);
    expect(stateOf(root("worker2"))).toEqual([]);
  });

  it("ends at once when it is interrupted, and tells that nodes have what they had", async () => {
    const { start, has, before, put } = await lab();
    put("worker1.hang", "");
    const child = start("bundle", "push", "worker1");
    child.stderr.once("data", () => child.kill("SIGINT"));
    const { status, stderr } = await resultOf(child);
    expect(stderr).toContain(
      "each node has the bundle that it had, or all of the new one\nhint: run the same command again\n",
    );
    expect(status).toBe(130);
    expect(has("worker1")).toBe(before.index);
  });

  it("asks no node where there is nothing to send", async () => {
    const { pi, lock, calls, put } = await lab();
    lock("1.36.4");
    const stale = await pi("bundle", "push");
    expect(stale.stderr).toContain(
      "the bundle for cplane is one of Kubernetes 1.36.4, and the inventory says 1.36.5",
    );
    put("cluster.lock.json", bundleLock({}));
    const gone = await pi("bundle", "push", "worker1");
    expect(gone.stderr).toContain(
      "error[BUNDLE_UNREACHABLE]: the bundle for ubuntu-24.04 is not in the cache\nstate: nothing was sent\nhint: `pi-image bundle fetch` makes it again",
    );
    expect(calls()).toBe("");
  });

  it("says of a card without a bundle that it must be flashed", async () => {
    const { pi, root, put } = await lab();
    put("worker1/etc/pi-image/bundle.env", "");
    spawnSync("rm", [join(root("worker1"), "etc/pi-image/bundle.env")]);
    const { stderr } = await pi("bundle", "push", "worker1");
    expect(stderr).toContain(
      "worker1: its card was made without a bundle, and its scripts cannot use one; flash it again",
    );
  });
});

/** All that changes something, and some that only reads. */
const CUT_AT = ["rm", "head", "sync", "mv", "sed", "chmod"];

/** The power goes before the call whose number stands in `cut`; the script has a process group of its own. */
const cutting = (name: string) => `#!/bin/bash
exec 8>>"$PI_IMAGE_ROOT/turn"
flock 8
n=$(($(cat "$PI_IMAGE_ROOT/count") + 1))
echo "$n" >"$PI_IMAGE_ROOT/count"
[[ $n != "$(cat "$PI_IMAGE_ROOT/cut")" ]] || kill -9 0
exec 8>&-
PATH=/usr/sbin:/usr/bin:/sbin:/bin exec ${name} "$@"
`;

describeWithTools([...TOOLS, "setsid"], "a node whose power goes", () => {
  /** @param earlier whether a bundle was put there before, so that the settings do not name the card's */
  const cutEverywhere = async (earlier: boolean): Promise<number> => {
    const folder = emptyFolder();
    const plain = putPrograms(join(folder, "plain"), PROGRAMS);
    const path = putPrograms(join(folder, "cut"), {
      ...PROGRAMS,
      ...Object.fromEntries(CUT_AT.map((name) => [name, cutting(name)])),
    });
    const card = await makeBundle(join(folder, "card.tar"), "card\n");
    const before = earlier
      ? await makeBundle(join(folder, "before.tar"), "before\n")
      : card;
    const after = await makeBundle(join(folder, "after.tar"), "after\n");
    const script = await wholeNodeScript("bundle");
    const input = Buffer.concat([Buffer.from(script), after.data]);
    const words = [after.index, after.sha256, String(after.data.length)];
    const take = (root: string, at: number, with_: string) => {
      writeFileSync(join(root, "count"), "0");
      writeFileSync(join(root, "cut"), String(at));
      return spawnSync("setsid", ["--wait", "bash", "-s", "take", ...words], {
        env: { PATH: with_, PI_IMAGE_ROOT: root },
        input,
      }).status;
    };
    for (let at = 1; ; at += 1) {
      const root = join(folder, `node-${at}`);
      layNode(root, card);
      if (earlier) {
        writeFileSync(join(root, "var/lib/pi-image/bundle.tar"), before.data);
        writeFileSync(
          join(root, "etc/pi-image/bundle.env"),
          `PI_IMAGE_BUNDLE='${before.index}'\n`,
        );
      }
      const status = take(root, at, path);
      const left = readBundle(root, plain);
      expect({ at, left }).toEqual({
        at,
        left: left === after.index ? after.index : before.index,
      });
      if (status === 0) {
        expect(left).toBe(after.index);
        return at;
      }
      expect(take(root, 0, plain)).toBe(0);
      expect(readBundle(root, plain)).toBe(after.index);
      expect(stateOf(root)).toEqual(["bundle.tar"]);
      expect(
        createHash("sha256")
          .update(readFileSync(join(root, "var/lib/pi-image/bundle.tar")))
          .digest("hex"),
      ).toBe(after.sha256);
    }
  };

  it("has the card's bundle or the new one", async () => {
    expect(await cutEverywhere(false)).toBeGreaterThan(11);
  });

  it("has the bundle that was put there before or the new one", async () => {
    expect(await cutEverywhere(true)).toBeGreaterThan(11);
  });
});

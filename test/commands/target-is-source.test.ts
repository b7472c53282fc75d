// A source is never its own target, by whatever name and through whatever layers; it stays as it was.
import { createHash } from "node:crypto";
import {
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { build } from "../../src/commands/build.ts";
import { flash } from "../../src/commands/flash/flash.ts";
import { release } from "../../src/commands/release.ts";
import { UserError } from "../../src/report/user-error.ts";
import {
  afterThisTest,
  attachLoop,
  run,
  sparseFile,
  temporaryFolder,
} from "../device/loop.ts";
import { runProcess } from "../support/run-cli.ts";
import { describeAsRoot } from "../support/tools.ts";
import { answering } from "./answering.ts";

const MIB = 1024 ** 2;
const SIZE = 16 * MIB;

const digest = (path: string): string =>
  createHash("sha256").update(readFileSync(path)).digest("hex");

/** A folder with a disk image: a table, one partition, and data to lose. */
const place = () => {
  const folder = temporaryFolder();
  const image = join(folder, "a.img");
  sparseFile(image, SIZE);
  run(
    "sh",
    "-c",
    `printf 'label: dos\\nstart=2048,size=20480,type=c\\n' | sfdisk --quiet ${image}; mkfs.vfat --offset 2048 ${image} 10240`,
  );
  const cluster = join(folder, "cluster.yaml");
  writeFileSync(
    join(folder, "id.pub"),
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqWKuBLVgYPj6tLVvmnJ5Iu3VPrFQDmRTsVZyyMXV0x\n",
  );
  writeFileSync(
    cluster,
    `cluster: {name: homelab, kubernetes: "1.36", endpoint: cplane}
defaults: {users: [{name: ana, sshKeys: [file:id.pub]}]}
nodes:
  - {name: cplane, role: control-plane, address: 192.168.1.50/24, gateway: 192.168.1.1}
  - {name: worker1, role: worker}
`,
  );
  return { folder, image, cluster };
};

type Place = ReturnType<typeof place>;

const flashing = async (
  { folder, cluster }: Place,
  args: readonly string[],
  more: Readonly<Record<string, unknown>> = {},
  answer: () => string = () => "no",
) => {
  const env = { ...process.env, XDG_CACHE_HOME: join(folder, "cache") };
  const { context } = answering(env, answer);
  const error = await flash(context, args, {
    inventory: cluster,
    out: join(folder, "out"),
    maxSize: 512 * 1024 ** 3,
    yes: true,
    insecure: true,
    ...more,
  }).then(
    () => undefined,
    (failure: unknown) => failure,
  );
  return error instanceof UserError
    ? { code: error.code, exit: error.exitCode, message: error.message }
    : { code: String(error), exit: 0, message: "" };
};

const mounted = (device: string, at: string, ...options: string[]): string => {
  mkdirSync(at, { recursive: true });
  run("mount", ...options, device, at);
  afterThisTest(() => run("umount", at));
  return at;
};

describeAsRoot(
  ["losetup", "sfdisk", "mkfs.vfat", "mkfs.ext4", "partx", "mount"],
  "a target that is the image",
  () => {
    it.each<[string, (place: Place) => { target: string; image?: string }]>([
      ["a loop device", ({ image }) => ({ target: attachLoop(image) })],
      [
        "a loop device on a loop device",
        ({ image }) => ({ target: attachLoop(attachLoop(image)) }),
      ],
      [
        "a loop device on a partition of its loop device",
        ({ image }) => {
          const disk = attachLoop(image);
          run("partx", "--add", disk);
          afterThisTest(() => run("partx", "--delete", disk));
          return { target: attachLoop(`${disk}p1`) };
        },
      ],
      [
        "a loop device on a file that was deleted under that name",
        ({ folder, image }) => {
          const target = attachLoop(image);
          const other = join(folder, "b.img");
          linkSync(image, other);
          rmSync(image);
          linkSync(other, join(folder, "keep.img"));
          return { target, image: other };
        },
      ],
      ["itself", ({ image }) => ({ target: image })],
      [
        "a symbolic link to it",
        ({ folder, image }) => {
          symlinkSync(image, join(folder, "link"));
          return { target: join(folder, "link") };
        },
      ],
      [
        "a hard link to it",
        ({ folder, image }) => {
          linkSync(image, join(folder, "hard"));
          return { target: join(folder, "hard") };
        },
      ],
      [
        "a loop device on a hard link to it",
        ({ folder, image }) => {
          linkSync(image, join(folder, "hard"));
          return { target: attachLoop(join(folder, "hard")) };
        },
      ],
      [
        "the same file through a bind mount",
        ({ folder }) => ({
          target: join(mounted(folder, temporaryFolder(), "--bind"), "a.img"),
        }),
      ],
      [
        "the disk that the image lies on",
        ({ folder, image }) => {
          const disk = attachLoop(sparseFile(join(folder, "disk"), 64 * MIB));
          run("mkfs.ext4", "-q", disk);
          const at = mounted(disk, join(folder, "mnt"));
          run("cp", image, join(at, "a.img"));
          return { target: disk, image: join(at, "a.img") };
        },
      ],
      [
        "its checksum file",
        ({ image }) => {
          writeFileSync(`${image}.sha256`, `${digest(image)}  a.img\n`);
          return { target: `${image}.sha256` };
        },
      ],
      [
        "its block map",
        ({ folder }) => {
          writeFileSync(join(folder, "a.bmap"), "<bmap/>");
          return { target: join(folder, "a.bmap") };
        },
      ],
    ])("by %s is refused", async (_, arrange) => {
      const there = place();
      const before = digest(there.image);
      const { target, image = there.image } = arrange(there);
      const content = readFileSync(image);
      const result = await flashing(there, [target, image]);
      expect(result, result.message).toMatchObject({
        code: "TARGET_IS_SOURCE",
        exit: 3,
      });
      expect(result.message).toContain(target);
      expect(digest(image)).toBe(before);
      expect(readFileSync(image).equals(content)).toBe(true);
    });

    it.each([
      ["-", '"$@" <a.img'],
      ["-", '"$@" <"$LOOP"'],
      ["/dev/fd/5", '"$@" 5<a.img'],
    ])("as %s, by %s, is refused", async (name, through) => {
      const there = place();
      const before = digest(there.image);
      const loop = attachLoop(there.image);
      const { status, stderr } = await runProcess(
        ["flash", loop, name, "--yes", "--insecure"],
        { cwd: there.folder, through, env: { LOOP: loop } },
      );
      expect(stderr).toContain(
        `error[TARGET_IS_SOURCE]: ${loop} is the image that is to be written`,
      );
      expect(status).toBe(3);
      expect(digest(there.image)).toBe(before);
    });

    it("put in place of the target while the question is open is refused", async () => {
      const there = place();
      const before = digest(there.image);
      const card = sparseFile(join(there.folder, "card"), SIZE);
      const result = await flashing(
        there,
        [card, there.image],
        { yes: false },
        () => {
          rmSync(card);
          linkSync(there.image, card);
          return "card";
        },
      );
      expect(result.code, result.message).toBe("TARGET_IS_SOURCE");
      expect(digest(there.image)).toBe(before);
    });

    it("is not taken for another file beside it on the same disk", async () => {
      const there = place();
      const disk = attachLoop(sparseFile(join(there.folder, "disk"), SIZE));
      const result = await flashing(there, [disk, there.image]);
      expect(result.code).toBe("undefined");
      expect(
        readFileSync(join(there.folder, "disk")).equals(
          readFileSync(there.image),
        ),
      ).toBe(true);
    });

    it("two names of one card through layers are the same target", async () => {
      const there = place();
      const file = sparseFile(join(there.folder, "disk"), SIZE);
      const one = attachLoop(file);
      const two = attachLoop(one);
      const three = attachLoop(file);
      for (const other of [two, three, file]) {
        const result = await flashing(there, [], {
          host: [`worker1=${one}`, `cplane=${other}`],
        });
        expect(result.message).toBe(`${one} and ${other} are the same target`);
        expect(result.exit).toBe(2);
      }
    });
  },
);

describe("a target that the run reads or keeps", () => {
  it.each([
    ["the inventory", "cluster.yaml"],
    ["the base", "a.img"],
    ["a public key that the inventory names", "id.pub"],
    ["the cluster's secrets", "homelab.secrets.yaml"],
    ["a fragment of the project", "cloud-init/fragments/own.yaml"],
    ["another node's image", "out/cplane.img"],
    ["a receipt", "out/receipts/20261129T000000Z-worker1.json"],
  ])("%s is refused", async (_, name) => {
    const there = place();
    const target = join(there.folder, name);
    if (name.includes("/") || name.endsWith("secrets.yaml")) {
      mkdirSync(join(target, ".."), { recursive: true });
      writeFileSync(
        target,
        name.endsWith(".yaml") && name.includes("/")
          ? "#cloud-config\n{}\n"
          : "",
      );
    }
    if (name.endsWith("secrets.yaml")) {
      rmSync(target);
      symlinkSync(there.image, join(there.folder, "unused"));
      const { keepSecrets } =
        await import("../../src/kubernetes/secrets/store-secrets.ts");
      const { homelab, making } = await import("../kubernetes/project.ts");
      await keepSecrets(target, homelab, making);
    }
    const before = digest(target);
    const result = await flashing(there, [target], {
      host: ["worker1"],
      base: name === "a.img" ? there.image : "sample",
    });
    expect(result, result.message).toMatchObject({
      code: "TARGET_IS_SOURCE",
      exit: 3,
    });
    expect(digest(target)).toBe(before);
  });
});

describe("a file of the project that an image does not need", () => {
  it.each([
    "cluster.yaml",
    "cluster.lock.json",
    "homelab.secrets.yaml",
    "hard",
  ])("is no target for it: %s", async (name) => {
    const there = place();
    const target = join(there.folder, name);
    if (name === "hard") {
      linkSync(there.cluster, target);
    } else if (name !== "cluster.yaml") {
      writeFileSync(target, "{}\n");
    }
    const before = digest(target);
    const result = await flashing(there, [target, there.image]);
    expect(result, result.message).toMatchObject({
      code: "TARGET_IS_SOURCE",
      exit: 3,
    });
    expect(digest(target)).toBe(before);
  });
});

describe("a result that is what it is made from", () => {
  it.each([
    ["the base by its own name", "worker1.img", "img", ["out/worker1.img"]],
    ["a hard link to the base", "worker1.img", "img.xz", ["hard"]],
    [
      "the base in another format",
      "worker1.img",
      "img.zst",
      ["out/worker1.img"],
    ],
  ])("%s is refused by build", async (_, result, format, [name = ""]) => {
    const there = place();
    const out = join(there.folder, "out");
    mkdirSync(out);
    const image = join(out, result);
    linkSync(there.image, image);
    linkSync(image, join(there.folder, "hard"));
    const before = digest(image);
    const { context } = answering(
      { ...process.env, XDG_CACHE_HOME: join(there.folder, "cache") },
      () => "no",
    );
    await expect(
      build(context, {
        inventory: there.cluster,
        out,
        base: join(there.folder, name),
        insecure: true,
        format,
        host: ["worker1"],
      }),
    ).rejects.toMatchObject({ code: "TARGET_IS_SOURCE", exitCode: 3 });
    expect(digest(image)).toBe(before);
  });

  it("is refused by release", async () => {
    const there = place();
    const out = join(there.folder, "release");
    mkdirSync(out);
    const taken = join(out, "homelab-worker-a.img.xz");
    linkSync(there.image, taken);
    const { context } = answering(
      { ...process.env, XDG_CACHE_HOME: join(there.folder, "cache") },
      () => "no",
    );
    const before = digest(taken);
    await expect(
      release(context, {
        inventory: there.cluster,
        out,
        role: "worker",
        base: there.image,
        insecure: true,
      }),
    ).rejects.toMatchObject({ code: "TARGET_IS_SOURCE" });
    expect(digest(taken)).toBe(before);
  });
});

// Paths that nothing can be read from or written to are told as what they are, whatever they were given for.
import { execFileSync } from "node:child_process";
import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { build } from "../../src/commands/build.ts";
import { check } from "../../src/commands/check.ts";
import type { Context } from "../../src/terminal/context.ts";
import { demandFilled } from "../../src/terminal/demand-arguments.ts";
import { flash } from "../../src/commands/flash/flash.ts";
import { init } from "../../src/commands/init.ts";
import { kubeconfig } from "../../src/commands/kubeconfig.ts";
import { demandReplaceable } from "../../src/system/atomic-file.ts";
import { clusterFolder, emptyFolder } from "../cluster/cluster-folder.ts";
import { failureOf } from "../support/failure.ts";
import { runCli, runProcess } from "../support/run-cli.ts";
import { describeAsRoot, describeWithTools } from "../support/tools.ts";
import { runInProcess } from "./in-process.ts";

const FLASH = { yes: true, insecure: true, maxSize: 2 ** 40 };

/** What is run, with a path of each kind in one place. */
const places: Readonly<
  Record<
    string,
    (context: Context, folder: string, path: string) => Promise<void>
  >
> = {
  check: (context, _folder, inventory) => check(context, { inventory }),
  "flash of an image": (context, folder, image) =>
    flash(context, [join(folder, "card"), image], {
      ...FLASH,
      inventory: join(folder, "cluster.yaml"),
      out: join(folder, "out"),
    }),
  "flash onto a target": (context, folder, target) =>
    flash(context, [target, join(folder, "cluster.yaml")], {
      ...FLASH,
      inventory: join(folder, "cluster.yaml"),
      out: join(folder, "out"),
    }),
  "build from a base": (context, folder, base) =>
    build(context, {
      inventory: join(folder, "cluster.yaml"),
      base,
      insecure: true,
      out: join(folder, "out"),
      format: "img",
    }),
  "build into a folder": (context, folder, out) =>
    build(context, {
      inventory: join(folder, "cluster.yaml"),
      base: "sample",
      out,
      format: "seed",
    }),
  "kubeconfig --merge": (context, folder, merge) =>
    kubeconfig(context, {
      inventory: join(folder, "cluster.yaml"),
      out: join(folder, "out"),
      merge,
    }),
};

const kinds = {
  circle: /symbolic links? (that )?leads? in a circle/,
  [`${"n".repeat(300)}`]: /name is too long/,
  "file/below":
    /no(t a)? folder|part of its path|does not exist|neither in the catalogue nor a file/,
};

describeWithTools(["lsblk"], "a path that cannot be used", () => {
  it.each(Object.keys(places))("is told by %s", async (place) => {
    const { folder } = await clusterFolder();
    symlinkSync("circle", join(folder, "circle"));
    writeFileSync(join(folder, "file"), "");
    mkdirSync(join(folder, "folder"));
    const before = readFileSync(join(folder, "cluster.yaml"));
    const isOut = place === "build into a folder";
    const all = {
      ...kinds,
      ...(isOut ? { file: /not a folder|no folder/ } : { folder: /a folder/ }),
    };
    for (const [name, words] of Object.entries(all)) {
      const { exit, said } = await runInProcess(
        place.split(" ")[0] ?? "",
        folder,
        async (context) => places[place]?.(context, folder, join(folder, name)),
      );
      expect(said, name).toMatch(words);
      expect(said, name).not.toMatch(/bug|^ +at /m);
      expect([1, 2, 3], name).toContain(exit);
    }
    expect(readFileSync(join(folder, "cluster.yaml"))).toEqual(before);
  });
});

describe("an empty argument", () => {
  it.each([
    [[["target", ""]], [], "the argument TARGET is empty"],
    [
      [
        ["target", "a"],
        ["image", ""],
      ],
      [],
      "the argument IMAGE is empty",
    ],
    [[], [["--base", ""]], "--base is empty"],
    [[["target", undefined]], [["--out", ""]], "--out is empty"],
    [[], [["--host", ["worker1", ""]]], "--host is empty"],
  ] as const)("%j %j", (args, options, message) => {
    expect(() => demandFilled(args, options)).toThrow(message);
  });

  it.each([
    ["flash", "", "a.img"],
    ["build", "--base="],
  ])("ends %s %j with 2", async (...args) => {
    const { status, stderr } = await runCli(args, { cwd: emptyFolder() });
    expect(stderr).toMatch(/^error\[WRONG_ARGUMENTS\]: .* is empty$/m);
    expect(stderr).toContain("nothing was written");
    expect(status).toBe(2);
  });
});

describe("a working folder that was deleted", () => {
  it.each([["check"], ["build"], ["flash", "card", "a.img", "--yes"]])(
    "ends %s at once",
    async (...args) => {
      const folder = emptyFolder();
      const { status, stderr } = await runProcess(args, {
        cwd: folder,
        // The shell is in a folder that it has just removed when it becomes pi-image.
        through: 'mkdir gone && cd gone && rmdir ../gone && exec "$@"',
      });
      expect(stderr).toContain("the working folder has been deleted");
      expect(stderr).not.toMatch(/bug/);
      expect(status).toBe(1);
    },
  );
});

describeAsRoot(["mkfifo", "mknod"], "what is not a regular file", () => {
  it("is never replaced by one", async () => {
    const folder = emptyFolder();
    const at = (name: string): string => join(folder, name);
    execFileSync("mkfifo", [at("pipe")], { stdio: "pipe" });
    execFileSync("mknod", [at("device"), "c", "1", "3"], { stdio: "pipe" });
    mkdirSync(at("folder"));
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(at("socket"), resolve);
    });
    onTestFinished(() => void server.close());
    for (const name of ["pipe", "device", "folder", "socket"]) {
      const before = lstatSync(at(name));
      expect((await failureOf(demandReplaceable(at(name)))).code).toBe(
        "FILE_UNUSABLE",
      );
      const force = { inventory: at(name), yes: true, force: true };
      const { exit, said } = await runInProcess("init", folder, (context) =>
        init(context, force),
      );
      expect(said).toContain("error[FILE_UNUSABLE]");
      expect(exit).toBe(1);
      const { ino, mode } = lstatSync(at(name));
      expect([ino, mode]).toEqual([before.ino, before.mode]);
    }
    expect(await demandReplaceable(at("none"))).toBe(false);
  });

  it("is not a kubeconfig to merge into, and is not waited for", async () => {
    const { folder } = await clusterFolder();
    const merge = join(folder, "pipe");
    execFileSync("mkfifo", [merge], { stdio: "pipe" });
    const { exit, said } = await runInProcess("kubeconfig", folder, (context) =>
      kubeconfig(context, {
        inventory: join(folder, "cluster.yaml"),
        out: join(folder, "out"),
        merge,
      }),
    );
    expect(said).toContain("error[KUBECONFIG_NOT_WRITTEN]");
    expect(said).toContain("a device, a pipe or a socket, not a file");
    expect(exit).toBe(1);
    expect(lstatSync(merge).isFIFO()).toBe(true);
  });
});

describe("init through a link", () => {
  const initAt = async (folder: string, force: boolean) =>
    runInProcess("init", folder, (context) =>
      init(context, {
        inventory: join(folder, "link.yaml"),
        yes: true,
        ...(force && { force }),
      }),
    );

  it("writes the file that it leads to", async () => {
    const folder = emptyFolder();
    mkdirSync(join(folder, "shared"));
    writeFileSync(join(folder, "shared", "real.yaml"), "old\n");
    symlinkSync("shared/real.yaml", join(folder, "link.yaml"));
    expect((await initAt(folder, false)).said).toContain("INVENTORY_EXISTS");
    expect((await initAt(folder, true)).exit).toBe(0);
    expect(readlinkSync(join(folder, "link.yaml"))).toBe("shared/real.yaml");
    expect(readFileSync(join(folder, "shared", "real.yaml"), "utf8")).toContain(
      "cluster:",
    );
  });

  it("does not replace a link to nothing", async () => {
    const folder = emptyFolder();
    symlinkSync("nothing", join(folder, "link.yaml"));
    const { exit, said } = await initAt(folder, true);
    expect(said).toContain("it is a symbolic link to nothing");
    expect(exit).toBe(1);
    expect(readlinkSync(join(folder, "link.yaml"))).toBe("nothing");
  });
});

// Commands that write, watch and list on a real terminal, from the question to the last line.
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { expect, inject, it } from "vitest";
import { clusterFolder } from "../cluster/cluster-folder.ts";
import { attachLoop, sparseFile, temporaryFolder } from "../device/loop.ts";
import { makeSampleImage, SAMPLE_TOOLS } from "../flash/sample-image.ts";
import { runCli } from "../support/run-cli.ts";
import { describeAsRoot, describeWithTools } from "../support/tools.ts";
import { startOnTerminal, startScreen } from "./screen.ts";

const MIB = 1024 ** 2;

const withImage = (): string => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "parts"));
  makeSampleImage(join(folder, "parts"));
  return folder;
};

const IMAGE = "parts/sample.img";

describeWithTools(["python3", ...SAMPLE_TOOLS], "flash on a terminal", () => {
  it.each([
    [40, "xterm"],
    [80, "dumb"],
  ])(
    "says which name must be typed, and shows the progress of one card, at %i columns of %s",
    async (columns, TERM) => {
      const cwd = withImage();
      sparseFile(join(cwd, "卡.img"), 64 * MIB);
      const screen = startScreen(["flash", "卡.img", IMAGE, "--insecure"], {
        cwd,
        columns,
        env: { TERM },
      });
      await screen.waitFor("Everything on the file 卡.img");
      await screen.waitFor("Type its name, 卡.img, to confirm");
      screen.type("./卡.img");
      await screen.waitFor("(anything else stops): ./卡.img");
      screen.type("\r");
      await screen.waitFor("read back");
      expect(await screen.ended()).toBe(0);
      const flashed = screen.rows().filter((row) => row.startsWith("flash 卡"));
      expect(flashed).toHaveLength(1);
      if (TERM === "dumb") {
        expect(screen.raw()).not.toContain("\u001B");
      } else {
        expect(flashed[0]).toContain("100 %");
      }
    },
  );

  it("asks for each of several cards, and leaves all alone for a wrong name", async () => {
    const { folder: cwd } = await clusterFolder();
    const hosts = ["--host", "worker1=one.img", "--host", "worker2=two.img"];
    const screen = startScreen(
      ["flash", ...hosts, "--base", "sample", "--quiet"],
      { cwd },
    );
    await screen.waitFor("Type its name, one.img,");
    screen.type("one.img\r");
    await screen.waitFor("Type its name, two.img,");
    screen.type("one.img\r");
    expect(await screen.ended()).toBe(130);
    expect(screen.text()).toContain("Everything on the new file one.img");
    expect(screen.text()).toContain("Everything on the new file two.img");
    expect(screen.rows().at(-1)).toBe(
      "state: nothing was written to any target",
    );
    expect(readdirSync(cwd).some((name) => name.endsWith(".img"))).toBe(false);
  });

  it("gives CI plain lines", async () => {
    const cwd = withImage();
    const screen = startScreen(
      ["flash", "new.img", IMAGE, "--insecure", "--yes"],
      { cwd, env: { CI: "true" } },
    );
    expect(await screen.ended()).toBe(0);
    expect(screen.raw()).not.toContain("\u001B");
    expect(screen.text()).toMatch(/^flash new\.img \(/m);
  });
});

describeAsRoot(["python3", "losetup"], "a card of another node", () => {
  const packed = (text: string): string => text.replaceAll(/\s/g, "");

  it("is named before it is overwritten, with what is wrong with the image, on every terminal", async () => {
    const { folder: cwd } = await clusterFolder();
    const worker1 = ["--host", "worker1", "--base", "sample", "--yes"];
    const made = await runCli(["flash", "card.img", ...worker1], { cwd });
    expect([made.stderr, made.status]).toEqual([expect.anything(), 0]);
    const card = join(cwd, "card.img");
    const cut = join(cwd, "cut.img");
    copyFileSync(card, cut);
    truncateSync(cut, statSync(card).size - 4 * MIB);
    const loop = attachLoop(card);

    for (const columns of [40, 80, 200]) {
      const screen = startScreen(["flash", loop, cut], { cwd, columns });
      await screen.waitFor(`Type its name, ${basename(loop)}, to confirm`);
      const seen = packed(screen.allRows().join(""));
      for (const text of [
        "warning: partition 2 ends at byte 70184960, but the image has only ",
        `${loop} is the card of worker1 of the cluster homelab.`,
        ", the card of worker1 of the cluster homelab, will be replaced by ",
      ]) {
        expect(seen).toContain(packed(text));
      }
      screen.type("\u0003");
      expect(await screen.ended()).toBe(130);
    }

    const listed = await runCli(["devices"], { cwd });
    expect(listed.stdout).toMatch(
      new RegExp(`^${loop} .*\n +the card of worker1 of .* homelab`, "m"),
    );
    const worker2 = ["--host", "worker2", "--base", "sample", "--yes"];
    const flashed = await runCli(["flash", loop, ...worker2], { cwd });
    expect(flashed.status).toBe(0);
    expect(flashed.stderr).toMatch(/card of worker1 of[^]*^flash /m);
  });
});

describeWithTools(["python3"], "other commands on a terminal", () => {
  it("devices --test asks for the name of what it writes to", async () => {
    const cwd = temporaryFolder();
    truncateSync(sparseFile(join(cwd, "card"), 0), 4 * MIB);
    const screen = startScreen(["devices", "--test", "card"], { cwd });
    await screen.waitFor("The test writes to the file card");
    await screen.waitFor("Type its name, card,");
    screen.type("\u0003");
    expect(await screen.ended()).toBe(130);
    expect(screen.text()).toContain("error[CANCELLED]");
  });

  it("check marks a mistake in a narrow terminal", async () => {
    const cwd = temporaryFolder();
    writeFileSync(
      join(cwd, "cluster.yaml"),
      "cluster: {name: homelab}\nnodes:\n  - {name: cplane, role: control-plane, board: pi5, storage: floppy}\n",
    );
    const screen = startScreen(["check"], { cwd, columns: 40 });
    expect(await screen.ended()).toBe(2);
    const rows = screen.allRows();
    const source = rows.findIndex((row) => /^3 \| .*floppy/.test(row));
    const mark = rows[source + 1] ?? "";
    const at = mark.indexOf("^");
    expect(rows[source]?.slice(at, at + 6)).toBe("floppy");
    expect(mark.slice(at)).toMatch(/^\^{6}/);
  });

  it("devices fits a narrow terminal", async () => {
    const screen = startScreen(["devices"], {
      cwd: temporaryFolder(),
      columns: 40,
    });
    expect(await screen.ended()).toBe(0);
    const rows = screen.allRows();
    for (const [index, row] of rows.entries()) {
      // What goes on in the next row does so under its device, but for a word that is wider than the terminal.
      if ((rows[index - 1]?.length ?? 0) < 40) {
        expect(row).toMatch(/^(\/dev\/|There are| {4,}| {6,})/);
      }
    }
  });
});

describeAsRoot(["python3", "unshare"], "watch on a terminal", () => {
  it("draws its table in place, also after the terminal was resized", async () => {
    const { folder } = await clusterFolder();
    const command = ["watch", "--interval", "100ms"];
    const screen = startOnTerminal(
      ["unshare", "--net", process.execPath, inject("cli"), ...command],
      { cwd: folder, columns: 200 },
    );
    const rowsOf = (word: string) =>
      screen.rows().filter((row) => row.startsWith(word));
    await screen.waitFor("0 of 3 nodes Ready");
    expect(screen.rows()[0]).toMatch(/^NODE +ROLE +ADDRESS .* AGE$/);
    for (const columns of [40, 80, 30]) {
      await screen.resize(columns);
      await screen.waitUntil(
        (rows) =>
          rows[0]?.startsWith("NODE") === true &&
          rows.some((row) => row.startsWith("0 of 3 nodes")) &&
          rows.every((row) => row.length < columns),
        `the table had ${columns} columns`,
      );
      expect(rowsOf("NODE")).toHaveLength(1);
      expect(rowsOf("worker1 ")).toHaveLength(1);
    }
    screen.type("\u0003");
    expect(await screen.ended()).toBe(130);
  });
});

it("without a terminal nothing is asked, nothing hangs, and nothing counts as done", async () => {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, "card"), Buffer.alloc(4096, 1));
  for (const [args, status] of [
    ["init", 2],
    ["devices --test card", 3],
  ] as const) {
    for (const closed of ["<&-", "</dev/null", "2>&-"]) {
      const run = spawnSync(
        "sh",
        ["-c", `"$0" "$1" ${args} ${closed}`, process.execPath, inject("cli")],
        { cwd, encoding: "utf8", env: { PATH: "/usr/bin:/bin", HOME: cwd } },
      );
      expect([args, closed, run.status]).toEqual([args, closed, status]);
    }
  }
});

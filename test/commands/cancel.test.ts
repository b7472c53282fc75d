// Cuts every phase of the commands that have phases: what is told, and that nothing unfinished is left.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import pc from "picocolors";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { base } from "../../src/commands/base/base.ts";
import { build } from "../../src/commands/build.ts";
import { type Context, createContext } from "../../src/terminal/context.ts";
import { devices } from "../../src/commands/devices/devices.ts";
import { explainFailure } from "../../src/terminal/explain-failure.ts";
import { flash } from "../../src/commands/flash/flash.ts";
import { init } from "../../src/commands/init.ts";
import { release } from "../../src/commands/release.ts";
import { verify } from "../../src/commands/verify.ts";
import { cancelled } from "../../src/report/cancelled.ts";
import { askAtTerminal } from "../../src/terminal/ask.ts";
import { testFolder } from "../base/base-options.ts";
import { startServer } from "../base/http-server.ts";
import { oldFile } from "../device/loop.ts";
import { runInProcess } from "./in-process.ts";
import { describeWithTools } from "../support/tools.ts";

type Case = {
  readonly command: string;
  readonly run: (context: Context, folder: string) => Promise<void>;
  /** All that it has, in their order. */
  readonly phases: readonly string[];
  /** The sentence when it is cut in a phase. */
  readonly state: (phase: string) => RegExp;
};

/** What `build` made once for all: raw, and packed without its size. */
let image = "";
let packed = "";
/** The decoded sample base. */
let rawBase = "";

const buildInto = (folder: string, format: string) => ({
  inventory: join(folder, "cluster.yaml"),
  host: ["worker2"],
  base: "sample",
  out: join(folder, "out"),
  format,
});

const card = (folder: string): string => {
  const path = join(folder, "card.img");
  execFileSync("truncate", ["-s", "0", path], { stdio: "pipe" });
  return path;
};

const flashWith = (folder: string, from: string) =>
  [
    [card(folder), from],
    {
      inventory: join(folder, "cluster.yaml"),
      out: join(folder, "out"),
      yes: true,
      insecure: true,
      maxSize: 2 ** 40,
    },
  ] as const;

/** The erasing of a card ends before anything looks at the signal again. */
const flashState = (phase: string): RegExp =>
  phase === "count size"
    ? /no card was written/
    : /card\.img does not boot: its first MiB stays empty/;

const cases: readonly Case[] = [
  {
    command: "build",
    run: (context, folder) => build(context, buildInto(folder, "img")),
    phases: ["check", "decode base", "copy base", "checksum"],
    state: () => /what was finished is kept; no unfinished image is left/,
  },
  {
    command: "build",
    run: (context, folder) => build(context, buildInto(folder, "img.zst")),
    phases: ["check", "decode base", "compress"],
    state: () => /what was finished is kept; no unfinished image is left/,
  },
  {
    command: "build",
    run: (context, folder) => build(context, buildInto(folder, "img.xz")),
    phases: ["check", "decode base", "compress"],
    state: () => /what was finished is kept; no unfinished image is left/,
  },
  {
    command: "release",
    run: (context, folder) =>
      release(context, {
        inventory: join(folder, "cluster.yaml"),
        base: rawBase,
        insecure: true,
        out: join(folder, "release"),
        format: ["img.zst"],
        role: "worker",
      }),
    phases: ["check", "look for secrets", "compress"],
    state: () => /the release is incomplete/,
  },
  {
    command: "flash",
    run: (context, folder) => flash(context, ...flashWith(folder, image)),
    phases: ["erase", "flash"],
    state: flashState,
  },
  {
    command: "flash",
    run: (context, folder) => flash(context, ...flashWith(folder, packed)),
    phases: ["count size", "erase", "flash"],
    state: flashState,
  },
  {
    command: "verify",
    run: async (context, folder) =>
      verify(context, [image, image], {
        inventory: join(folder, "cluster.yaml"),
        out: join(folder, "out"),
      }),
    phases: ["verify"],
    state: () => /the card was only read/,
  },
  {
    command: "base",
    run: async (context) => {
      const server = await startServer();
      server.files.set("a.img", readFileSync(image));
      await base(context, ["fetch", `${server.address}a.img`], {
        inventory: "cluster.yaml",
        insecure: true,
      });
    },
    phases: ["download"],
    state: () => /what was downloaded so far is kept in the cache/,
  },
];

const children = (): string =>
  readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8");

/** @param cut the phase at whose beginning the run is stopped */
const runCase = async (one: Case, cut: string | undefined) => {
  const folder = testFolder();
  const stop = new AbortController();
  const phases: string[] = [];
  const records: Readonly<Record<string, unknown>>[] = [];
  const said: string[] = [];
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    PI_IMAGE_CACHE_HOME: join(folder, "cache"),
  };
  const context: Context = {
    ...createContext({ quiet: true }, stop.signal, env),
    cwd: folder,
    interactive: false,
    report: (event) => {
      if (event.type === "phase" && !phases.includes(event.phase)) {
        phases.push(event.phase);
        if (event.phase === cut) {
          stop.abort(cancelled());
        }
      }
    },
    showProblems: () => undefined,
    printJson: (record) => records.push(record),
    complain: (text) => said.push(text),
  };
  const before = children();
  let exit = 0;
  try {
    await one.run(context, folder);
  } catch (error) {
    exit = explainFailure(error, context, one.command);
  }
  const unfinished = readdirSync(folder, {
    recursive: true,
    encoding: "utf8",
  }).filter((name) => /(^|\/)\..*\.(partial|lock)$/.test(name));
  return { exit, phases, records, said: said.join("\n"), unfinished, before };
};

describeWithTools(["xz", "zstd", "flock"], "a command that is stopped", () => {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-cancel-"));

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeAll(async () => {
    const cache = join(folder, "cache");
    const env = {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      PI_IMAGE_CACHE_HOME: cache,
    };
    const { signal } = new AbortController();
    const context = createContext({ quiet: true }, signal, env);
    await build(
      {
        ...context,
        cwd: folder,
        interactive: false,
        showProblems: () => undefined,
      },
      buildInto(folder, "img"),
    );
    image = join(folder, "out", "worker2.img");
    const raw = join(cache, "raw");
    rawBase = join(
      raw,
      readdirSync(raw).find((name) => name.endsWith(".img")) ?? "",
    );
    packed = join(folder, "out", "packed.img.zst");
    execFileSync(
      "sh",
      ["-c", 'zstd -q -1 -c <"$1" >"$2"', "sh", image, packed],
      { stdio: "pipe" },
    );
  });

  describe.each(cases.map((one, at) => [`${one.command} ${at}`, one] as const))(
    "%s",
    (_, one) => {
      it("has just these phases", async () => {
        const { exit, phases, said } = await runCase(one, undefined);
        expect([said, exit, phases]).toEqual(["", 0, one.phases]);
      });

      it.each(one.phases)("says what is left, cut in: %s", async (phase) => {
        const { exit, said, records, unfinished, before } = await runCase(
          one,
          phase,
        );
        expect(said).toMatch(/^error\[CANCELLED\]: .*stopped$/m);
        expect(said).toMatch(one.state(phase));
        expect(said).not.toMatch(/bug|^ +at /m);
        expect(exit).toBe(130);
        expect(records).toContainEqual(
          expect.objectContaining({
            type: "error",
            code: "CANCELLED",
            exitCode: 130,
            state: expect.stringMatching(one.state(phase)),
          }),
        );
        expect(unfinished).toEqual([]);
        await expect.poll(children).toBe(before);
      });
    },
  );

  const questions = {
    init: (context: Context, own: string) =>
      init(context, { inventory: join(own, "cluster.yaml") }),
    flash: (context: Context, own: string) => {
      const [args, options] = flashWith(own, image);
      return flash(context, args, { ...options, yes: false });
    },
  } as const;

  it.each(["init", "flash"] as const)(
    "leaves all as it was while %s asks a question",
    async (command) => {
      const work = questions[command];
      const own = testFolder();
      const stop = new AbortController();
      const ask: Context["ask"] = (question) => {
        stop.abort(cancelled());
        const input = new PassThrough() as unknown as NodeJS.ReadStream;
        const output = new PassThrough() as unknown as NodeJS.WriteStream;
        const paint = pc.createColors(false);
        return askAtTerminal(
          question,
          { input, output, plain: true, paint },
          stop.signal,
        );
      };
      const { signal } = stop;
      const { exit, said } = await runInProcess(
        command,
        own,
        (context) => work(context, own),
        { signal, ask },
      );
      expect(said).toContain("error[CANCELLED]: the question was not answered");
      expect(said).toContain("nothing was written");
      expect(exit).toBe(130);
      expect(readdirSync(own)).not.toContain("cluster.yaml");
    },
  );

  it.each(["first", "last"] as const)(
    "leaves a card that does not boot, cut when the %s bytes were read back",
    async (which) => {
      const own = testFolder();
      const stop = new AbortController();
      const { exit, said } = await runInProcess(
        "flash",
        own,
        (context) => flash(context, ...flashWith(own, image)),
        {
          signal: stop.signal,
          report: (event) => {
            if (
              event.type === "progress" &&
              event.phase === "flash" &&
              (which === "first" ||
                // All but the first MiB, which is written last.
                event.done >= (event.total ?? 0) - 2 ** 20)
            ) {
              stop.abort(cancelled());
            }
          },
        },
      );
      expect(said).toMatch(/^error\[CANCELLED\]: .*stopped$/m);
      expect(said).toContain("does not boot");
      expect(exit).toBe(130);
      const head = readFileSync(join(own, "card.img")).subarray(0, 512);
      expect(head.every((byte) => byte === 0)).toBe(true);
    },
  );

  it("puts back what a test of a card has changed", async () => {
    const own = testFolder();
    const path = oldFile(join(own, "card.img"), 16 * 2 ** 20);
    const before = readFileSync(path);
    const stop = new AbortController();
    const { exit, said } = await runInProcess(
      "devices",
      own,
      (context) =>
        devices(context, { test: path, yes: true, maxSize: 2 ** 40 }),
      {
        signal: stop.signal,
        report: ({ type }) => {
          if (type === "progress") {
            stop.abort(cancelled());
          }
        },
      },
    );
    expect(said).toContain("error[CANCELLED]");
    expect(said).toContain("its content is as it was");
    expect(exit).toBe(130);
    expect(readFileSync(path).equals(before)).toBe(true);
  });
});

// Cuts every phase of the commands that have phases: what is told, and that nothing unfinished is left.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { base } from "../../src/commands/base.ts";
import { build } from "../../src/commands/build.ts";
import { type Context, createContext } from "../../src/commands/context.ts";
import { explainFailure } from "../../src/commands/explain-failure.ts";
import { flash } from "../../src/commands/flash.ts";
import { release } from "../../src/commands/release.ts";
import { verify } from "../../src/commands/verify.ts";
import { cancelled } from "../../src/report/cancelled.ts";
import { testFolder } from "../base/base-options.ts";
import { startServer } from "../base/http-server.ts";
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
  execFileSync("truncate", ["-s", "0", path]);
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
    : /card\.img does not boot: its first MiB is empty/;

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
      verify(context, [image, image], { out: join(folder, "out") }),
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
    execFileSync("sh", [
      "-c",
      'zstd -q -1 -c <"$1" >"$2"',
      "sh",
      image,
      packed,
    ]);
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
});

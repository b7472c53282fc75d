// Runs the cases of one input in a process of its own, so that a hang or a flood of memory ends only this one.
// Arguments: input, seed, cases, folder. The result is one line of JSON on stdout.
import { mkdirSync, openSync, writeSync, ftruncateSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { UserError } from "../../src/report/user-error.ts";
import { INPUTS } from "./inputs.ts";
import { mutate, type Mutation, mutations } from "./mutate.ts";
import { type FuzzResult, CURRENT_CASE } from "./run-fuzz.ts";

const [name = "", seed = "1", cases = "", folder = ""] = process.argv.slice(2);
const input = await INPUTS[name]?.();
if (input === undefined) {
  throw new Error(`no input ${name}`);
}
process.env["TMPDIR"] = join(folder, "tmp");

const current = openSync(join(folder, CURRENT_CASE), "w");
const note = (what: unknown): void => {
  ftruncateSync(current);
  writeSync(
    current,
    JSON.stringify(what, (_, value: unknown) =>
      typeof value === "bigint" ? String(value) : value,
    ),
    0,
  );
};

const inputs = join(folder, "input");
mkdirSync(inputs);
process.chdir(inputs);
const prepared = await input.prepare(inputs);
const { samples, tokens = [], extremes = [], huge = [], run } = prepared;
process.chdir(join(folder, "work"));
const outcomes: Record<string, number> = {};
let count = 0;

/**
 * Of processor time. Two are the most that any of them takes; what grows with the square of its input takes minutes, and a busy
 * machine no more than a few times as long as a quiet one.
 */
const MOST_SECONDS = 20;

const attempt = async (answer: () => Promise<string>): Promise<void> => {
  count += 1;
  let outcome: string;
  const before = process.cpuUsage();
  try {
    outcome = await answer();
  } catch (error) {
    if (!(error instanceof UserError)) {
      throw error;
    }
    outcome = error.code;
  }
  const { user, system } = process.cpuUsage(before);
  if (user + system > MOST_SECONDS * 1e6) {
    throw new Error(`it took ${(user + system) / 1e6} s of processor time`);
  }
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
};

const nothing: Mutation = { sample: 0, repaired: false, edits: [], choice: 0 };
let failure: string | undefined;
try {
  for (const [index, { bytes }] of samples.entries()) {
    note({ whole: index });
    await attempt(() => run(Buffer.from(bytes), { ...nothing, sample: index }));
  }
  for (const [index, bytes] of extremes.entries()) {
    note({ extreme: index });
    await attempt(() => run(bytes, nothing));
  }
  for (const [index, answer] of huge.entries()) {
    note({ huge: index });
    await attempt(answer);
  }
  const checked = await fc.check(
    fc.asyncProperty(mutations(samples.length, tokens), async (mutation) => {
      note(mutation);
      const sample = samples[mutation.sample];
      if (sample !== undefined) {
        await attempt(() => run(mutate(sample, mutation), mutation));
      }
    }),
    { seed: Number(seed), numRuns: Number(cases), endOnFailure: false },
  );
  if (checked.failed) {
    failure = fc.stringify(checked.counterexample);
    failure += `\n${String(checked.errorInstance instanceof Error ? checked.errorInstance.stack : checked.errorInstance)}`;
  }
} catch (error) {
  failure = error instanceof Error ? error.stack : String(error);
}
const result: FuzzResult = {
  cases: count,
  outcomes,
  failure,
  peakMiB: process.resourceUsage().maxRSS / 1024,
};
process.stdout.write(`${JSON.stringify(result)}\n`);

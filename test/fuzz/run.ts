// npm run fuzz [-- CASES [SEED]]: a long run of the fuzzer over every input, with a new seed unless one is given.
import { fileURLToPath } from "node:url";
import { INPUTS } from "./inputs.ts";
import { MEMORY_BOUND_MIB, runFuzz } from "./run-fuzz.ts";

const CHILD = fileURLToPath(new URL("fuzz-child.ts", import.meta.url));
const program = ["--import", import.meta.resolve("tsx"), CHILD];

const [cases = "5000", seed = String(Date.now() % 2 ** 31)] =
  process.argv.slice(2);
console.log(`fuzz: seed ${seed}`);
let failed = false;
for (const input of Object.keys(INPUTS)) {
  const result = await runFuzz(program, input, Number(seed), Number(cases));
  const peak = Math.round(result.peakMiB);
  console.log(
    `fuzz: ${result.cases} cases of ${input}, at most ${peak} MiB: ${JSON.stringify(result.outcomes)}`,
  );
  if (result.failure !== undefined || peak > MEMORY_BOUND_MIB) {
    failed = true;
    console.log(result.failure ?? `more than ${MEMORY_BOUND_MIB} MiB`);
  }
}
process.exitCode = failed ? 1 : 0;

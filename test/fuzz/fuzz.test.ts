// Every input that pi-image reads, damaged in thousands of ways: it is taken or refused, within bounds of time and memory, and
// nothing is written anywhere. PI_IMAGE_FUZZ_CASES and PI_IMAGE_FUZZ_SEED ask for more; `npm run fuzz` runs for long.
import { join } from "node:path";
import { expect, inject, it } from "vitest";
import { describeWithTools } from "../support/tools.ts";
import { INPUTS } from "./inputs.ts";
import { MEMORY_BOUND_MIB, runFuzz } from "./run-fuzz.ts";

const SEED = Number(process.env["PI_IMAGE_FUZZ_SEED"] ?? "20261120");
const TOOLS = ["xz", "zstd", "zip", "sfdisk", "mkfs.vfat", "mke2fs", "gpg"];

describeWithTools(TOOLS, `hostile input, seed ${SEED}`, () => {
  const program = [join(inject("programs"), "fuzz-child.js")];

  it.each(Object.entries(INPUTS))("%s", async (name, load) => {
    const { cases: usual } = await load();
    const asked = Number(process.env["PI_IMAGE_FUZZ_CASES"] ?? usual);
    const result = await runFuzz(program, name, SEED, asked);
    expect(result.failure).toBeUndefined();
    expect(result.cases).toBeGreaterThan(asked);
    expect(result.peakMiB).toBeLessThan(MEMORY_BOUND_MIB);
    // Damage that never shows, or that nothing survives, would prove little.
    const refusals = Object.keys(result.outcomes).filter((outcome) =>
      /^[A-Z_0-9]+$|problems|mistake|kept whole|none|refused/.test(outcome),
    );
    expect(refusals).not.toEqual([]);
    expect(Object.keys(result.outcomes).length).toBeGreaterThan(
      refusals.length,
    );
  });
});

// kill -9 at one moment of a build after the other: nothing looks finished that is not, and the same command again succeeds.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runTool } from "../../src/system/run/run-tool.ts";
import { temporaryFolder } from "../support/folder.ts";
import { killedAtCall } from "../support/kill-itself.ts";
import { resultOf, runCli, startCli } from "../support/run-cli.ts";
import { describeWithTools } from "../support/tools.ts";

const ARGUMENTS = ["build", "--host", "worker2", "--base", "sample", "--json"];
const EPOCH = { SOURCE_DATE_EPOCH: "1790000000" };

/** Just before these calls that make, rename or remove a file; the last is close to the end. */
const MOMENTS = [1, 4, 9, 14, 19, 24];

describeWithTools(["sha256sum"], "a killed build", () => {
  it("leaves no image that is not whole, and is run again as it was", async () => {
    const cwd = await temporaryFolder();
    const out = join(cwd, "out");
    for (const moment of MOMENTS) {
      const child = startCli(ARGUMENTS, {
        cwd,
        env: { ...EPOCH, ...killedAtCall(moment) },
      });
      await resultOf(child);
      expect(child.signalCode, `call ${moment}`).toBe("SIGKILL");
      // The digest is written last: where it stands, the image is whole.
      if (existsSync(join(out, "worker2.img.sha256"))) {
        await runTool("sha256sum", ["--check", "worker2.img.sha256"], {
          cwd: out,
        });
      }
    }
    const again = await runCli(ARGUMENTS, { cwd, env: EPOCH });
    expect(again.status, again.stderr).toBe(0);
    await runTool("sha256sum", ["--check", "worker2.img.sha256"], { cwd: out });
    const left = [cwd, out, join(out, "worker2")].flatMap((folder) =>
      readdirSync(folder).filter((name) => name.endsWith(".partial")),
    );
    expect(left).toEqual([]);
  });

  it("that runs twice at once in one folder ends with one whole image", async () => {
    const cwd = await temporaryFolder();
    const both = await Promise.all([
      runCli(ARGUMENTS, { cwd, env: EPOCH }),
      runCli(ARGUMENTS, { cwd, env: EPOCH }),
    ]);
    expect(both.map(({ status }) => status)).toEqual([0, 0]);
    await runTool("sha256sum", ["--check", "worker2.img.sha256"], {
      cwd: join(cwd, "out"),
    });
  });
});

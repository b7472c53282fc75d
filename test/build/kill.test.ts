// kill -9 at any moment of a build: nothing looks finished that is not, and the same command again succeeds.
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { expect, it } from "vitest";
import { runTool } from "../../src/system/run-tool.ts";
import { temporaryFolder } from "../support/folder.ts";
import { runCli, startCli } from "../support/run-cli.ts";
import { describeWithTools } from "../support/tools.ts";

const ARGUMENTS = ["build", "--host", "worker2", "--base", "sample", "--json"];
const EPOCH = { SOURCE_DATE_EPOCH: "1790000000" };

/** Kills the build a little after it reports the n-th event; gives whether it was still running. */
const killedAfter = async (
  cwd: string,
  events: number,
  delay: number,
): Promise<boolean> => {
  const child = startCli(ARGUMENTS, { cwd, env: EPOCH });
  const closed = once(child, "close");
  let seen = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    seen += chunk.toString("utf8").split("\n").length - 1;
    if (seen >= events) {
      void setTimeout(delay).then(() => child.kill("SIGKILL"));
    }
  });
  await closed;
  return child.signalCode === "SIGKILL";
};

describeWithTools(["sha256sum"], "a killed build", () => {
  it("leaves no image that is not whole, and is run again as it was", async () => {
    const cwd = await temporaryFolder();
    const out = join(cwd, "out");
    let killed = 0;
    for (const events of [1, 3, 5]) {
      killed += (await killedAfter(cwd, events, Math.random() * 60)) ? 1 : 0;
      // The digest is written last: where it stands, the image is whole.
      if (existsSync(join(out, "worker2.img.sha256"))) {
        await runTool("sha256sum", ["--check", "worker2.img.sha256"], {
          cwd: out,
        });
      }
    }
    expect(killed).toBeGreaterThan(0);
    const again = await runCli(ARGUMENTS, { cwd, env: EPOCH });
    expect(again.status, again.stderr).toBe(0);
    await runTool("sha256sum", ["--check", "worker2.img.sha256"], { cwd: out });
    const left = [cwd, out, join(out, "worker2")].flatMap((folder) =>
      readdirSync(folder).filter((name) => name.endsWith(".partial")),
    );
    expect(left).toEqual([]);
  }, 180_000);

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
  }, 120_000);
});

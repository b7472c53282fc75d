// pi-image doctor: explains a node that does not come up, from what the laptop can reach.
import { join } from "node:path";
import pc from "picocolors";
import { z } from "zod";
import { examineNode, type NodeFinding } from "../cluster/examine-node.ts";
import { withSshAccess } from "../cluster/over-ssh/ssh-access.ts";
import { selectNodes } from "../inventory/select-nodes.ts";
import { UserError } from "../report/user-error.ts";
import { commandLine } from "../system/run/run-tool.ts";
import type { Context } from "../terminal/context.ts";
import { openCurrentSecrets } from "./current-secrets.ts";

const doctorOptions = z.object({
  inventory: z.string(),
  identity: z.string().optional(),
  out: z.string(),
});

/** All marks are as wide as the longest one. */
const MARKS: Readonly<Record<NodeFinding["result"], string>> = {
  ok: "ok     ",
  problem: "PROBLEM",
  unknown: "unknown",
};

const describe = (
  finding: NodeFinding,
  width: number,
  color: boolean,
): string => {
  const paint = pc.createColors(color);
  const paints = { ok: paint.green, problem: paint.red, unknown: paint.yellow };
  const mark = paints[finding.result](MARKS[finding.result]);
  const hint =
    finding.hint === undefined
      ? ""
      : `\n${" ".repeat(MARKS.ok.length + width + 4)}hint: ${finding.hint}`;
  return `${mark}  ${finding.check.padEnd(width)}  ${finding.message}${hint}`;
};

export const doctor = async (
  context: Context,
  [name = ""]: readonly (string | undefined)[],
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options = doctorOptions.parse(given);
  const { project, secrets } = await openCurrentSecrets(context, options);
  const [node] = selectNodes(project, { hosts: [name], role: undefined });
  if (node === undefined) {
    throw new Error(`no node was selected for ${name}`);
  }
  const findings = await withSshAccess(project, secrets, (sshConfig) =>
    examineNode(node, {
      project,
      secrets,
      sshConfig,
      sshCommand: commandLine("ssh", ["-F", join(options.out, "ssh_config")]),
      now: () => new Date(),
      signal: context.signal,
    }),
  );
  const width = Math.max(...findings.map(({ check }) => check.length));
  for (const finding of findings) {
    context.printJson({ type: "finding", node: name, ...finding });
    context.print(describe(finding, width, context.color));
  }
  const problems = findings.filter(({ result }) => result === "problem");
  context.printJson({
    type: "result",
    node: name,
    problems: problems.map(({ check }) => check),
  });
  const [first] = problems;
  if (first !== undefined) {
    throw new UserError(
      "NODE_NOT_UP",
      `${name} has ${problems.length === 1 ? "1 problem" : `${problems.length} problems`}; the first one is usually the cause: ${first.check}`,
      { hint: first.hint },
    );
  }
  const left = findings.filter(({ result }) => result === "unknown");
  context.print(
    left.length === 0
      ? `${name} has no problem.`
      : `${name} has no problems that can be seen from here.`,
  );
};

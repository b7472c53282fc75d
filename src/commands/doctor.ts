// pi-image doctor: explains a node that does not come up, from what the laptop can reach.
import { join } from "node:path";
import pc from "picocolors";
import { z } from "zod";
import { examineNode, type NodeFinding } from "../cluster/examine-node.ts";
import { withSshAccess } from "../cluster/over-ssh/ssh-access.ts";
import { oldestList } from "../bundle/locked-bundle.ts";
import type { ResolvedNode } from "../inventory/resolved.ts";
import { selectNodes } from "../inventory/select-nodes.ts";
import { lockName } from "../project/lock-bases.ts";
import { loadLock, lockPath } from "../project/lock-file.ts";
import { day } from "../report/day.ts";
import { UserError } from "../report/user-error.ts";
import { commandLine } from "../system/run/run-tool.ts";
import type { Context } from "../terminal/context.ts";
import { openCurrentSecrets } from "./current-secrets.ts";
import type { KeptProject } from "./kept-secrets.ts";

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

const DAY_MS = 24 * 60 * 60 * 1000;

/** Whoever is offline has no update but by a new bundle. */
const OLD_DAYS = 90;

/** What an offline cluster has of the world outside; nothing for any other cluster. */
const bundleFinding = async (
  { project, folder }: KeptProject,
  node: ResolvedNode,
  inventory: string,
): Promise<readonly NodeFinding[]> => {
  if (!project.cluster.offline) {
    return [];
  }
  const check = "bundle";
  const offline = `the cluster ${project.cluster.name} is offline`;
  const lock = await loadLock(lockPath(folder, inventory));
  const made = lock?.bundles?.find(({ base }) => base === lockName(node.base));
  if (made === undefined) {
    return [
      {
        check,
        result: "unknown",
        message: `${offline}, and the lockfile has no bundle for ${node.name}`,
        hint: "pi-image bundle fetch",
      },
    ];
  }
  const date = oldestList(made);
  const days = Math.floor((Date.now() - date.getTime()) / DAY_MS);
  const age = days < 1 ? "today" : `${days} ${days === 1 ? "day" : "days"} ago`;
  return [
    {
      check,
      result: "ok",
      message: `${offline}; its packages are those of ${day(date)} (${age})`,
      hint:
        days > OLD_DAYS
          ? "newer ones come with: pi-image bundle update, then build and flash"
          : undefined,
    },
  ];
};

export const doctor = async (
  context: Context,
  [name = ""]: readonly (string | undefined)[],
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options = doctorOptions.parse(given);
  const kept = await openCurrentSecrets(context, options);
  const { project, secrets } = kept;
  const [node] = selectNodes(project, { hosts: [name], role: undefined });
  if (node === undefined) {
    throw new Error(`no node was selected for ${name}`);
  }
  const examined = await withSshAccess(project, secrets, (sshConfig) =>
    examineNode(node, {
      project,
      secrets,
      sshConfig,
      sshCommand: commandLine("ssh", ["-F", join(options.out, "ssh_config")]),
      now: () => new Date(),
      signal: context.signal,
    }),
  );
  const findings = [
    ...(await bundleFinding(kept, node, options.inventory)),
    ...examined,
  ];
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

// A node that runs some of its phases alone, as one that was restarted just before them.
import { expect } from "vitest";
import { sampleNode, sampleProject } from "../seed/sample-project.ts";
import {
  type Circumstances,
  isDone,
  layNode,
  leftToDo,
  type Phase,
  powerOn,
  screen,
} from "./fake-node.ts";

/** A worker of the sample project unless `is` says otherwise; gives its folder. */
export const layBefore = (
  phases: readonly Phase[],
  is: Partial<Circumstances>,
): Promise<string> =>
  layNode({
    project: sampleProject,
    node: sampleNode,
    ...is,
    files: { ...leftToDo(...phases), ...is.files },
  });

/** Switches the node on; it has to come to its end. */
export const runToEnd = async (root: string): Promise<void> => {
  const { code, output } = await powerOn(root);
  expect({ code, output, done: isDone(root) }).toMatchObject({
    code: 0,
    done: true,
  });
};

export const runPhases = async (
  phases: readonly Phase[],
  is: Partial<Circumstances>,
): Promise<string> => {
  const root = await layBefore(phases, is);
  await runToEnd(root);
  return root;
};

/** What a phase said on the screen, such as "cni". */
export const saidBy = (phase: string, root: string): readonly string[] =>
  screen(root)
    .filter((line) => line.startsWith(`${phase}: `))
    .map((line) => line.replace(`${phase}: `, ""));

// What a reviewer reads of the golden seeds: two nodes whole, and of every other one the difference to one of them.
import {
  type GoldenNode,
  libraryWithoutScripts,
  renderCase,
  seedFiles,
} from "./golden-cases.ts";
import { difference, type Texts } from "./golden-difference.ts";
import { masked, withoutDigest } from "./golden-masks.ts";

/** In the plainest case, and nearest to the other control planes and to all other nodes. */
const WHOLE_CASE = "wired";
const WHOLE_NODES = ["cplane", "worker1"];

const library = await libraryWithoutScripts();

/** A node's texts with masks, as they are compared with those of another node. */
type Shown = { readonly name: string; readonly texts: Texts };

const shownNode = (name: string, { node, seed }: GoldenNode): Shown => ({
  name: `${name}/${node.name}`,
  texts: Object.fromEntries(
    Object.entries(seedFiles(seed)).map(([file, text]) => [
      file,
      withoutDigest(masked(text)),
    ]),
  ),
});

const whole = (await renderCase(WHOLE_CASE, library))
  .filter(({ node }) => WHOLE_NODES.includes(node.name))
  .map((golden) => ({
    role: golden.node.role,
    shown: shownNode(WHOLE_CASE, golden),
  }));

const nearest = ({ node }: GoldenNode): Shown => {
  const [plane, other] = ["control-plane", "worker"].map((wanted) =>
    whole.find(({ role }) => role === wanted),
  );
  const found = node.role === "control-plane" ? plane : other;
  if (found === undefined) {
    throw new Error(`${WHOLE_CASE} has no node for ${node.name}`);
  }
  return found.shown;
};

export type ReviewedNode = GoldenNode & {
  /** Paths below the folder of the case, with the texts that belong there. */
  readonly files: Texts;
  /** Of a node that is not shown whole. */
  readonly differs?: { readonly from: Texts; readonly to: Texts };
};

/** The nodes of a case, and how they stand in its folder. */
export const reviewedNodes = async (
  name: string,
): Promise<readonly ReviewedNode[]> =>
  (await renderCase(name, library)).map((golden) => {
    const { node, seed } = golden;
    if (name === WHOLE_CASE && WHOLE_NODES.includes(node.name)) {
      const files = Object.entries(seedFiles(seed)).map(
        ([file, text]) => [`${node.name}/${file}`, masked(text)] as const,
      );
      return { ...golden, files: Object.fromEntries(files) };
    }
    const [from, to] = [nearest(golden), shownNode(name, golden)];
    return {
      ...golden,
      files: { [`${node.name}.diff`]: difference(from, to) },
      differs: { from: from.texts, to: to.texts },
    };
  });

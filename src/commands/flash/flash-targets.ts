// Reads from the command line what goes to which target: one image to one target, or to each of several targets its node's
// image.
import { wrongArguments } from "../../terminal/demand-arguments.ts";

export type FlashTargets =
  | {
      readonly kind: "one";
      readonly path: string;
      readonly image: string | undefined;
      readonly host: string | undefined;
    }
  | {
      readonly kind: "nodes";
      readonly pairs: readonly {
        readonly host: string;
        readonly path: string;
      }[];
    };

const SEVERAL =
  "for several cards: pi-image flash --host worker1=/dev/sdX --host worker2=/dev/sdY";

const pairOf = (text: string): { host: string; path: string } => {
  const at = text.indexOf("=");
  const host = text.slice(0, Math.max(at, 0));
  const path = text.slice(at + 1);
  if (host === "" || path === "") {
    throw wrongArguments(
      `--host ${text} names no target`,
      "write --host NODE=TARGET, such as --host worker1=/dev/sdX",
    );
  }
  return { host, path };
};

const demandOnce = (values: readonly string[], why: string): void => {
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined) {
    throw wrongArguments(`${twice} is given twice`, why);
  }
};

/**
 * @param args TARGET and IMAGE, as far as they were given
 * @param hosts values of `--host`: node names, or NODE=TARGET
 * @throws UserError WRONG_ARGUMENTS
 */
export const flashTargets = (
  [path, image]: readonly (string | undefined)[],
  hosts: readonly string[],
): FlashTargets => {
  const paired = hosts.some((host) => host.includes("="));
  if (path === undefined) {
    if (hosts.length === 0) {
      throw wrongArguments(
        "no target is given",
        "name the card, such as pi-image flash /dev/sdX; `pi-image devices` lists them",
      );
    }
    const pairs = hosts.map(pairOf);
    demandOnce(
      pairs.map(({ host }) => host),
      "two cards of one node would be two machines with one name",
    );
    demandOnce(
      pairs.map((pair) => pair.path),
      "each node needs a card of its own",
    );
    return { kind: "nodes", pairs };
  }
  if (paired) {
    throw wrongArguments(
      `the targets are given twice: as ${path} and with --host`,
      SEVERAL,
    );
  }
  const [host, another] = hosts;
  if (another !== undefined) {
    throw wrongArguments("one target takes the image of one node", SEVERAL);
  }
  return { kind: "one", path, image, host };
};

/** The targets as the user wrote them. */
export const pathsOf = (targets: FlashTargets): readonly string[] =>
  targets.kind === "one"
    ? [targets.path]
    : targets.pairs.map(({ path }) => path);

// Tells the nodes of a running cluster which addresses they begin with when they start next.
import { UserError } from "../../report/user-error.ts";
import type { OverSsh } from "../over-ssh/run-as-root.ts";
import { runNodeScript } from "../over-ssh/run-node-script.ts";
import type { Renumbering } from "./plan-renumbering.ts";

const STEP_MS = 600_000;

/** What a node is given beside the pairs of addresses. */
export type PartDocuments = {
  readonly network: string;
  /** For kubeadm on control planes. */
  readonly certificates: string;
};

export type Told = {
  readonly silent: readonly (readonly [name: string, because: string])[];
  readonly told: readonly string[];
};

const wordsOf = (pairs: Renumbering["pairs"]): readonly string[] =>
  pairs.map(([old, now]) => `${old}=${now}`);

/**
 * While the members run, and have a majority, each is told at which address the others may be, too. One control plane can do it for all.
 *
 * @throws UserError NODE_NOT_RENUMBERED where none could
 */
export const tellEtcd = async (
  { etcd }: Renumbering,
  documents: ReadonlyMap<string, PartDocuments>,
  asked: OverSsh,
): Promise<void> => {
  if (etcd === undefined) {
    return;
  }
  const facts: string[] = [];
  for (const name of etcd.planes) {
    const answer = await runNodeScript(
      name,
      ["renumber", "members", ...wordsOf(etcd.pairs)],
      documents.get(name)?.certificates ?? "",
      STEP_MS,
      asked,
    );
    if (answer.ok) {
      return;
    }
    facts.push(`${name}: ${answer.because}`);
  }
  throw new UserError(
    "NODE_NOT_RENUMBERED",
    "etcd could not be told of the new addresses",
    {
      facts,
      state: "the nodes run with their old addresses, and keep them",
      hint: "most control planes have to run, in the old network: switch them on, and run the same command again",
    },
  );
};

/** All at once: nothing takes effect before a node starts anew. */
export const tellNodes = async (
  { pairs, etcd, nodes }: Renumbering,
  documents: ReadonlyMap<string, PartDocuments>,
  asked: OverSsh,
): Promise<Told> => {
  // Only gateways or name servers may change; the script wants a pair all the same.
  const words = wordsOf(pairs.length === 0 ? [["::", "::"]] : pairs);
  const answers = await Promise.all(
    nodes.map(async ({ name, network }) => {
      const own = documents.get(name);
      const plane =
        etcd?.planes.includes(name) === true
          ? await runNodeScript(
              name,
              ["renumber", "plane", ...wordsOf(etcd.pairs)],
              own?.certificates ?? "",
              STEP_MS,
              asked,
            )
          : undefined;
      const answer =
        plane?.ok === false
          ? plane
          : await runNodeScript(
              name,
              ["renumber", "lay", ...words],
              network ? (own?.network ?? "") : "",
              STEP_MS,
              asked,
            );
      return { name, answer };
    }),
  );
  return {
    silent: answers.flatMap(({ name, answer }) =>
      answer.ok ? [] : [[name, answer.because] as const],
    ),
    told: answers.flatMap(({ name, answer }) => (answer.ok ? name : [])),
  };
};

/** Gateways last: the way to the nodes behind them is through them. */
export const endNodes = async (
  { nodes }: Renumbering,
  told: readonly string[],
  verb: "restart" | "off",
  asked: OverSsh,
): Promise<readonly string[]> => {
  const missed: string[] = [];
  for (const gateways of [false, true]) {
    await Promise.all(
      nodes
        .filter(
          ({ name, isGateway }) =>
            isGateway === gateways && told.includes(name),
        )
        .map(async ({ name }) => {
          const answer = await runNodeScript(
            name,
            ["renumber", "end", verb],
            "",
            STEP_MS,
            asked,
          );
          if (!answer.ok) {
            missed.push(name);
          }
        }),
    );
  }
  return missed;
};

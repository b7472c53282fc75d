// Looks at the cluster again and again until every node is Ready, the time is up, or waiting cannot help.
import { setTimeout as sleep } from "node:timers/promises";
import { formatSeconds } from "../report/amounts.ts";
import { UserError } from "../report/user-error.ts";
import { explainMissingNodes } from "./explain-missing.ts";
import {
  allReady,
  type ClusterView,
  observeCluster,
  type Observer,
} from "./observe.ts";

export type WatchOptions = {
  readonly timeoutMs: number;
  readonly intervalMs: number;
  /** Called after each look, with the milliseconds since the first began. */
  readonly onView: (view: ClusterView, elapsedMs: number) => void;
};

/** Throws where the secrets or the inventory are not those of the running cluster, since waiting cannot change that. */
const refuseMismatch = ({ api }: ClusterView): void => {
  if (api?.kind === "foreign" || api?.kind === "misnamed") {
    throw new UserError("CLUSTER_MISMATCH", api.message, { hint: api.hint });
  }
};

const timeIsOver = (
  { nodes, api }: ClusterView,
  timeoutMs: number,
  sshCommand: string,
): UserError => {
  const missing = nodes.filter(({ ready }) => !ready);
  return new UserError(
    "WATCH_TIMEOUT",
    `${missing.length} of ${nodes.length} nodes ${missing.length === 1 ? "is" : "are"} not Ready after ${formatSeconds(timeoutMs / 1000)}`,
    {
      facts: [
        ...missing.map((node) => explainMissingNodes(node, sshCommand)),
        ...(api === undefined ? [] : [api.message]),
      ],
      state: "the nodes keep trying by themselves",
      hint: api?.hint ?? "run `pi-image watch` again to keep waiting",
    },
  );
};

/**
 * Returns when every node of the inventory is Ready.
 *
 * @throws UserError WATCH_TIMEOUT, CLUSTER_MISMATCH, CANCELLED; AbortError when the signal ends a pause
 */
export const watchCluster = async (
  observer: Observer,
  { timeoutMs, intervalMs, onView }: WatchOptions,
): Promise<ClusterView> => {
  // Not the wall clock, which may be set during the run.
  const begin = performance.now();
  while (true) {
    const view = await observeCluster(observer);
    const elapsed = performance.now() - begin;
    onView(view, elapsed);
    if (allReady(view)) {
      return view;
    }
    refuseMismatch(view);
    const left = timeoutMs - elapsed;
    if (left <= 0) {
      throw timeIsOver(view, timeoutMs, observer.sshCommand);
    }
    await sleep(Math.min(intervalMs, left), undefined, {
      signal: observer.signal,
    });
  }
};

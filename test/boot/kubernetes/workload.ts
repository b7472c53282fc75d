// A pod that must live on while the cluster around it changes, and how its node tells that it did.
import { expect } from "vitest";
import type { Container } from "../nspawn/container.ts";
import { WORKER } from "../support/inventory.ts";
import { until } from "../support/until.ts";
import { pod } from "./pods.ts";
import type { Shelf } from "./shelf.ts";

export const WORKLOAD = "workload";

/** What kubectl prints, as soon as it succeeds. */
export const demand = (
  what: string,
  shelf: Shelf,
  ...words: readonly string[]
): Promise<string> =>
  until(what, () => shelf.kubectl(...words), { seconds: 300, every: 2000 });

/** Its container, as the worker's own runtime has it: id, process, start, and how often it was started. */
export const lifeOfWorkload = async (container: Container): Promise<string> => {
  const crictl = async (...words: readonly string[]) => {
    const done = await container.run("crictl", ...words);
    expect(done.status, done.stderr).toBe(0);
    return done.stdout.trim();
  };
  const id = await crictl(
    ..."ps --quiet --no-trunc --label".split(" "),
    `io.kubernetes.pod.name=${WORKLOAD}`,
  );
  expect(id).toMatch(/^[0-9a-f]{64}$/);
  return crictl(
    ..."inspect --output go-template --template".split(" "),
    '{{.status.id}} {{.info.pid}} {{.status.startedAt}} {{index .status.annotations "io.kubernetes.container.restartCount"}}',
    id,
  );
};

export const startWorkload = async (shelf: Shelf): Promise<void> => {
  const file = await shelf.write(JSON.stringify(pod(WORKER, WORKLOAD)));
  await demand("making the workload", shelf, "apply", "--filename", file);
  await demand(
    "the workload",
    shelf,
    ..."wait --for=condition=Ready --timeout=15s pod".split(" "),
    WORKLOAD,
  );
};

/** The API server of now knows of it, and has never seen it start again. */
export const expectWorkload = async (shelf: Shelf): Promise<void> => {
  const seen = await demand(
    "the workload after all",
    shelf,
    ..."get pod --output".split(" "),
    "jsonpath={.status.phase} {.status.containerStatuses[0].restartCount}",
    WORKLOAD,
  );
  expect(seen).toBe("Running 0");
};

// What `node remove` says before and after.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { RemovalPlan } from "../../cluster/nodes/plan-removal.ts";
import { ifSystem } from "../../report/expected-failure.ts";
import { commandLine } from "../../system/run/run-tool.ts";
import type { Context } from "../../terminal/context.ts";

const NOTED: Readonly<Record<1 | 2, string>> = {
  1: "etcd has one member left: when its card dies, the state of the cluster is in its snapshots alone",
  2: "etcd has two members left and needs both: add a third soon, or remove one more",
};

const lastStep = (name: string): string =>
  `the secrets file and the inventory forget ${name}`;

const stepsOf = (plan: RemovalPlan): readonly string[] => {
  const { node, plane, isNode, ready, reached, votersLeft, burden } = plan;
  return [
    ...(isNode && ready
      ? [`its pods are evicted, and start on other nodes`]
      : []),
    ...burden.volumes.map((volume) => `the volume ${volume} is lost`),
    ...(ready
      ? burden.alone.map(
          (pod) => `the pod ${pod} is lost: no controller makes it again`,
        )
      : []),
    ...(votersLeft === undefined
      ? []
      : [
          `${plane} takes it out of etcd${votersLeft === 1 || votersLeft === 2 ? `; ${NOTED[votersLeft]}` : ""}`,
        ]),
    ...(reached
      ? [
          "its kubelet and its containers stop, and the keys on its card are deleted",
        ]
      : []),
    ...(isNode
      ? [
          ready || reached
            ? "the cluster forgets it"
            : "it does not answer: the cluster forgets it, and its pods, without waiting for them. Where it has only lost its network they run on, so switch it off first",
        ]
      : []),
    lastStep(node),
  ];
};

/** @param print where people read it */
export const showRemoval = (
  context: Context,
  name: string,
  plan: RemovalPlan | undefined,
  print: (text: string) => void,
): void => {
  const steps = plan === undefined ? [lastStep(name)] : stepsOf(plan);
  context.printJson({ type: "plan", node: name, plan, steps });
  print(
    [`${name} leaves for good:`, ...steps.map((step) => `  - ${step}`)].join(
      "\n",
    ),
  );
};

/** What `build` has made of it, which still gives the right to join. */
const resultsOf = async (
  out: string,
  name: string,
): Promise<readonly string[]> => {
  try {
    return (await readdir(out))
      .filter((entry) => entry === name || entry.startsWith(`${name}.`))
      .map((entry) => join(out, entry));
  } catch (error) {
    return ifSystem(error, []);
  }
};

const whatIsLeft = (
  name: string,
  plan: RemovalPlan | undefined,
  role: string | undefined,
  results: readonly string[],
): readonly string[] => [
  ...(plan === undefined || !plan.isNode || plan.reached
    ? []
    : [
        `Its card still has its keys: do not switch ${name} on again, and flash the card anew. If it is lost or stolen: pi-image node revoke ${name}`,
      ]),
  ...(plan?.reached === true
    ? ["Switch it off, and flash its card anew before it is used again."]
    : []),
  ...(role === "storage"
    ? [
        "The StorageClass nfs still names it, until you delete that: kubectl delete storageclass nfs",
      ]
    : []),
  ...(results.length === 0
    ? []
    : [
        `Delete what was built for it, which holds its right to join: ${commandLine("rm", ["-r", ...results])}`,
      ]),
];

export const tellRemoved = async (
  context: Context,
  name: string,
  plan: RemovalPlan | undefined,
  {
    role,
    edited,
  }: { readonly role: string | undefined; readonly edited: boolean },
  { inventory, out }: { readonly inventory: string; readonly out: string },
): Promise<void> => {
  const results = await resultsOf(out, name);
  context.printJson({ type: "result", node: name, inventory, results });
  context.print(
    [
      `${name} has left${edited ? `, and its lines are out of ${inventory}` : ""}.`,
      ...whatIsLeft(name, plan, role, results),
    ].join("\n"),
  );
};

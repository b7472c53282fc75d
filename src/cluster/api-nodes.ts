// Reads what we need from the API's list of nodes.
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/node-v1/
import { z } from "zod";
import { asOneLine } from "./one-line.ts";

const nodeList = z.object({
  items: z.array(
    z.object({
      metadata: z.object({
        name: z.string(),
        creationTimestamp: z.string().optional(),
        annotations: z.record(z.string(), z.string()).optional(),
      }),
      spec: z.object({ unschedulable: z.boolean().optional() }).optional(),
      status: z
        .object({
          conditions: z
            .array(
              z.object({
                type: z.string(),
                status: z.string(),
                message: z.string().transform(asOneLine).optional(),
              }),
            )
            .optional(),
          addresses: z
            .array(z.object({ type: z.string(), address: z.string() }))
            .optional(),
          nodeInfo: z.object({ kubeletVersion: z.string() }).optional(),
        })
        .optional(),
    }),
  ),
});

export type ApiNode = {
  readonly name: string;
  readonly ready: boolean;
  /** Why it is not ready, in the kubelet's words. */
  readonly notReadyBecause: string | undefined;
  readonly version: string | undefined;
  readonly address: string | undefined;
  readonly joined: Date | undefined;
  /** Who keeps pods away from it, as a sentence; undefined where nobody does. */
  readonly keptAway: string | undefined;
};

/** What cloud-init/over-ssh/nodes notes at a Node: the first word of the mark is the command. */
const MARK = "pi-image/cordoned";

const whoKeepsAway = (name: string, mark: string | undefined): string => {
  const command = mark?.split(":")[0];
  switch (command) {
    case "restart":
    case "upgrade":
      return `has no pods for its ${command}; if none is at work, \`pi-image ${command}\` goes on where it stopped`;
    case "remove":
      return `leaves the cluster; if none is at work, \`pi-image node remove ${name}\` goes on where it stopped`;
    default:
      return `takes no new pods: it is cordoned; \`kubectl uncordon ${name}\` ends that`;
  }
};

/** The nodes of a NodeList; undefined when the answer is something else. */
export const parseNodeList = (body: unknown): ApiNode[] | undefined => {
  const parsed = nodeList.safeParse(body);
  return parsed.data?.items.map(({ metadata, spec, status }) => {
    const condition = status?.conditions?.find(({ type }) => type === "Ready");
    const ready = condition?.status === "True";
    return {
      name: metadata.name,
      ready,
      notReadyBecause: ready ? undefined : condition?.message,
      version: status?.nodeInfo?.kubeletVersion,
      address: status?.addresses?.find(({ type }) => type === "InternalIP")
        ?.address,
      joined:
        metadata.creationTimestamp === undefined
          ? undefined
          : new Date(metadata.creationTimestamp),
      keptAway:
        spec?.unschedulable === true
          ? whoKeepsAway(metadata.name, metadata.annotations?.[MARK])
          : undefined,
    };
  });
};

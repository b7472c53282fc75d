// Tells which Secrets and accounts a node could read, from the pods that it ran.
import { z } from "zod";
import { ifOneOf } from "../report/expected-failure.ts";

/** What the node, and therefore whoever has it, could read. */
export type Exposed = {
  /** `namespace/name`, sorted. */
  readonly secrets: readonly string[];
  /** `namespace/name`, sorted: accounts whose tokens were on the node, because their pods ran there. */
  readonly serviceAccounts: readonly string[];
};

const podList = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ namespace: z.string() }),
      spec: z.looseObject({
        serviceAccountName: z.string().default("default"),
      }),
    }),
  ),
});

const named = z.object({ name: z.string().min(1) });

/**
 * Pods name Secrets as `secretName`, or as the `name` in a reference whose key contains "secret": `secretRef`,
 * `secretKeyRef`, `nodePublishSecretRef`, `imagePullSecrets`, `secret` of a projected volume.
 */
const secretsIn = (value: unknown, key = ""): string[] => {
  if (Array.isArray(value)) {
    return value.flatMap((item) => secretsIn(item, key));
  }
  if (typeof value === "string") {
    return key === "secretName" ? [value] : [];
  }
  if (typeof value !== "object" || value === null) {
    return [];
  }
  const reference = /secret/i.test(key)
    ? named.safeParse(value).data
    : undefined;
  return [
    ...(reference === undefined ? [] : [reference.name]),
    ...Object.entries(value).flatMap(([name, part]) => secretsIn(part, name)),
  ];
};

const sorted = (words: readonly string[]): readonly string[] =>
  [...new Set(words)].toSorted();

/** What the pods of a PodList (as JSON) could read; undefined for any other text. */
export const exposedSecrets = (json: string): Exposed | undefined => {
  try {
    const { items } = podList.parse(JSON.parse(json));
    return {
      secrets: sorted(
        items.flatMap(({ metadata: { namespace }, spec }) =>
          secretsIn(spec).map((name) => `${namespace}/${name}`),
        ),
      ),
      serviceAccounts: sorted(
        items.map(
          ({ metadata, spec }) =>
            `${metadata.namespace}/${spec.serviceAccountName}`,
        ),
      ),
    };
  } catch (error) {
    return ifOneOf(error, [SyntaxError, z.ZodError], undefined);
  }
};

// Takes the credentials of a node that has left out of the cluster's secrets.
import {
  type ChangedSecrets,
  type ClusterSecrets,
  credentialsOf,
} from "./cluster-secrets.ts";

/** A node that gets the same name later has credentials of its own. */
export const forgetNode = (
  existing: ClusterSecrets,
  name: string,
): ChangedSecrets =>
  credentialsOf(existing, name) === undefined
    ? { secrets: existing, changes: [] }
    : {
        secrets: {
          ...existing,
          nodes: Object.fromEntries(
            Object.entries(existing.nodes).filter(([node]) => node !== name),
          ),
        },
        changes: [
          `Removed the host key and the join identity of ${name} from the secrets file.`,
        ],
      };

// How the API server decides what somebody may do: as kubeadm has it, but for nodes that were revoked.

import { nodeUser } from "./secrets/check-secrets.ts";

type Document = Readonly<Record<string, unknown>>;

/**
 * Nobody can listen there but root, and nobody does. The path shows in every refusal, and that is how a control plane sees
 * that a node is refused.
 */
const NOBODY = "https://127.0.0.1:1/revoked-by-pi-image";

/** A kubeconfig for a webhook that is never reached. */
export const nobodyKubeconfig: Document = {
  apiVersion: "v1",
  kind: "Config",
  clusters: [{ name: "nobody", cluster: { server: NOBODY } }],
  users: [{ name: "nobody", user: {} }],
  contexts: [
    { name: "nobody", context: { cluster: "nobody", user: "nobody" } },
  ],
  "current-context": "nobody",
};

/**
 * Kubernetes knows no list of revoked certificates, and no rule of RBAC or of its node authorizer takes a right away. What
 * comes first and says no is a webhook that cannot be reached and fails closed: it is asked about revoked nodes only,
 * whatever they want and however they came by their certificate. The API server reads the file anew when it changes.
 *
 * https://kubernetes.io/docs/reference/access-authn-authz/authorization/#using-configuration-file-for-authorization
 *
 * @param revoked names of nodes
 * @param kubeconfig path of `nobodyKubeconfig`, as the API server sees it
 */
export const authorization = (
  revoked: readonly string[],
  kubeconfig: string,
): Document => ({
  apiVersion: "apiserver.config.k8s.io/v1",
  kind: "AuthorizationConfiguration",
  authorizers: [
    ...(revoked.length === 0
      ? []
      : [
          {
            type: "Webhook",
            name: "revoked-nodes",
            webhook: {
              timeout: "1s",
              subjectAccessReviewVersion: "v1",
              matchConditionSubjectAccessReviewVersion: "v1",
              failurePolicy: "Deny",
              connectionInfo: {
                type: "KubeConfigFile",
                kubeConfigFile: kubeconfig,
              },
              // A name has no character that CEL would read.
              matchConditions: [
                {
                  expression: `request.user in [${revoked
                    .map((name) => `"${nodeUser(name)}"`)
                    .join(", ")}]`,
                },
              ],
            },
          },
        ]),
    { type: "Node", name: "node" },
    { type: "RBAC", name: "rbac" },
  ],
});

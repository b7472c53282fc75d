// How the API server decides what somebody may do: as with plain kubeadm, except for revoked nodes.

import { nodeUser } from "./secrets/check-secrets.ts";

type Document = Readonly<Record<string, unknown>>;

/**
 * An address where nothing listens, and where only root could. The path appears in every refusal, by which a control plane
 * sees that a node is refused.
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
 * Kubernetes has no list of revoked certificates, and neither RBAC nor its node authorizer has rules that take a right away.
 * So the first authorizer is a webhook that cannot be reached and then refuses: it is asked only about revoked nodes,
 * whatever they want and however they got their certificate. The API server reads the file again when it changes.
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
              // A node's name contains no character that is special in a CEL string.
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

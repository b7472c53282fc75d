// Which flags of the API server an inventory may set.
import { API_SERVER_FLAGS } from "./kubernetes-settings.ts";
import type { RuleFinding } from "./text-rule.ts";
import { quoted } from "../wording.ts";

/** Flags that kubeadm or pi-image sets, and what to write in their place. */
const OWNED: readonly (readonly [name: RegExp, why: string, hint: string])[] = [
  [
    /^service-cluster-ip-range$/,
    "is the range of services",
    "remove it, and set cluster.serviceSubnet",
  ],
  [
    /^authorization-(?!webhook)|^authorization-webhook/,
    "would take the place of the file by which a stolen node is refused",
    "remove it",
  ],
  [
    /^(authentication-config|anonymous-auth)$/,
    "decides who is answered without a credential",
    "remove it, and set cluster.hardening.anonymousAccess",
  ],
  [
    /^admission-control-config-file$|^admission-control$/,
    "names the file with the pod-security level",
    "remove it, and set cluster.hardening.podSecurity",
  ],
  [
    /^audit-(policy-file|log-(path|maxage|maxbackup|maxsize))$/,
    "belongs to the audit log that pi-image sets up",
    "remove it; cluster.hardening.auditLog switches that log on or off",
  ],
  [
    /^encryption-provider-config$/,
    "names the file with the key that encrypts Secrets",
    "remove it; cluster.hardening.encryptSecrets switches encryption on or off",
  ],
  [
    /^(advertise-address|secure-port|allow-privileged|enable-bootstrap-token-auth)$|^etcd-(servers|cafile|certfile|keyfile)$|^(client-ca|tls-cert|tls-private-key)-file$|^service-account-(key|signing-key)-file$|^kubelet-client-|^proxy-client-|^requestheader-/,
    "is set by kubeadm, which would no longer find its way with another value",
    "remove it",
  ],
];

const invalid = (message: string, hint: string): RuleFinding => ({
  code: "API_SERVER_FLAG_INVALID",
  message,
  hint,
});

/** @param anonymous what the inventory says of `anonymousAccess` */
export const apiServerFinding = (
  name: string,
  value: string,
  anonymous: string | undefined,
): RuleFinding | undefined => {
  if (!/^[a-z][a-z0-9-]*$/.test(name)) {
    return invalid(
      `${quoted(name)} is not the name of a flag`,
      /^-+/.test(name)
        ? `leave out the dashes before it: ${name.replace(/^-+/, "").replace(/=.*$/, "")}`
        : "write the name alone, for example event-ttl, and the value under value",
    );
  }
  const owned = OWNED.find(([pattern]) => pattern.test(name));
  if (owned !== undefined) {
    return invalid(`--${name} ${owned[1]}`, owned[2]);
  }
  // https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration
  if (name.startsWith("oidc-") && anonymous !== "all") {
    return invalid(
      `an API server with --${name} does not start beside --authentication-config, which keeps strangers out`,
      "to log in by OpenID Connect, set cluster.hardening.anonymousAccess: all as well",
    );
  }
  const plugins = value.split(",");
  if (
    name === "enable-admission-plugins" &&
    !plugins.includes("NodeRestriction")
  ) {
    return invalid(
      "without NodeRestriction among the admission plugins, each node could change all the others",
      `write value: NodeRestriction,${value}`,
    );
  }
  return name === "disable-admission-plugins" &&
    plugins.some((plugin) =>
      ["NodeRestriction", "PodSecurity"].includes(plugin),
    )
    ? invalid(
        "NodeRestriction and PodSecurity are what keeps nodes and pods within their limits",
        "leave them out; cluster.hardening.podSecurity: privileged lets pods do everything",
      )
    : undefined;
};

/** https://github.com/kubernetes/kubernetes/blob/v1.36.2/cmd/kubeadm/app/phases/controlplane/volumes.go */
const MOUNTED =
  /^\/(etc\/kubernetes\/pki|etc\/ssl\/certs|etc\/ca-certificates|etc\/pki|usr\/share\/ca-certificates|usr\/local\/share\/ca-certificates)\//;

/** A file of the node that the API server's pod does not see. */
export const unreachableFile = (
  name: string,
  value: string,
): RuleFinding | undefined =>
  value.startsWith("/") && /file|config|dir$/.test(name) && !MOUNTED.test(value)
    ? invalid(
        `the API server runs in a pod, and that does not see ${value} of the node`,
        "let a fragment write the file below /etc/ssl/certs, and name it there",
      )
    : undefined;

export const isKnownFlag = (name: string): boolean =>
  API_SERVER_FLAGS.includes(name);

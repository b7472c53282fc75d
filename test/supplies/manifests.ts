// Small manifests of our own in the shape of the network plug-ins', and the pins that belong to them.
import { createHash } from "node:crypto";
import type { Pins } from "../../src/supplies/load-pins.ts";

/** Everything that is not edited has to come through as it is: comments, quotes, and 1.1's booleans among them. */
export const FLANNEL = `---
kind: Namespace
apiVersion: v1
metadata:
  name: kube-flannel
  labels: {"on": 'yes', level: privileged}   # stays
---
kind: ConfigMap
apiVersion: v1
metadata:
  name: kube-flannel-cfg
  namespace: kube-flannel
data:
  cni-conf.json: |
    {"name": "cbr0"}
  net-conf.json: |
    {
      "Network": "10.244.0.0/16",
      "EnableNFTables": false,
      "Backend": {"Type": "vxlan"}
    }
---
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: kube-flannel-ds
  namespace: kube-flannel
spec:
  selector:
    matchLabels: {app: flannel}
  template:
    metadata:
      labels: {app: flannel}
    spec:
      hostNetwork: true
      containers:
      - name: kube-flannel
        image: example.org/flannel:v1
        args:
        - --ip-masq
        - --kube-subnet-mgr
        env:
        - name: POD_NAME
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
`;

export const CALICO = `# Policies
apiVersion: v1
kind: ServiceAccount
metadata: {name: calico-node, namespace: kube-system}
---
kind: ConfigMap
apiVersion: v1
metadata:
  name: calico-config
  namespace: kube-system
data:
  calico_backend: "bird"
  cni_network_config: |-
    {
      "name": "k8s-pod-network",
      "plugins": [
        {
          "type": "calico",
          "mtu": __CNI_MTU__,
          "ipam": {
              "type": "calico-ipam"
          }
        }
      ]
    }
---
kind: DaemonSet
apiVersion: apps/v1
metadata:
  name: calico-node
  namespace: kube-system
spec:
  selector:
    matchLabels: {k8s-app: calico-node}
  template:
    metadata:
      labels: {k8s-app: calico-node}
    spec:
      containers:
        - name: calico-node
          image: example.org/calico:v1
          env:
            - name: NODENAME
              valueFrom:
                fieldRef:
                  fieldPath: spec.nodeName
            # - name: CALICO_IPV4POOL_CIDR
            #   value: "192.168.0.0/16"
            - name: FELIX_HEALTHENABLED
              value: "true"
`;

export const ADDON_URL = "https://example.org/metrics/components.yaml";

export const ADDON = `# Shows how much the nodes use.
apiVersion: v1
kind: ServiceAccount
metadata: {name: metrics-server, namespace: kube-system}
---
# Nothing here.
---
apiVersion: v1
kind: Service
metadata: {name: metrics-server, namespace: kube-system}
`;

/** Stands for a chart, which nothing here but the test's own helm reads. */
export const CHART = "a chart";

/** What a helm of the tests makes of the chart. */
export const renderedChart = (
  ipam: string,
  others: Readonly<Record<string, string>> = {},
): string =>
  `---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: cilium-config}\ndata:\n${Object.entries(
    { ipam, ...others },
  )
    .map(([key, value]) => `  ${key}: "${value}"\n`)
    .join("")}`;

export const sha256 = (text: string | Uint8Array): string =>
  createHash("sha256").update(text).digest("hex");

export const FLANNEL_URL = "https://example.org/flannel/v1/kube-flannel.yml";

/** The pins of the texts above; `fingerprint` is that of the packages' key. */
const DRIVER_URL =
  "https://example.org/csi-driver-nfs/v4/csi-nfs-driverinfo.yaml";

export const DRIVER = `---
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata:
  name: nfs.csi.k8s.io
spec:
  attachRequired: false   # stays
  fsGroupPolicy: File
`;

export const pinsWith = (fingerprint = "0".repeat(40)): Pins => ({
  storage: {
    version: "v4",
    manifests: [{ url: DRIVER_URL, sha256: sha256(DRIVER) }],
  },
  manifests: {
    flannel: {
      version: "v1",
      kind: "manifest",
      url: FLANNEL_URL,
      sha256: sha256(FLANNEL),
    },
    calico: {
      version: "v2",
      kind: "manifest",
      url: "https://example.org/calico/v2/calico.yaml",
      sha256: sha256(CALICO),
    },
    cilium: {
      version: "3.0.0",
      kind: "chart",
      url: "https://example.org/cilium-3.0.0.tgz",
      sha256: sha256(CHART),
    },
  },
  keys: { kubernetes: { fingerprint } },
});

// The NoCloud data of one node.
// https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html

export type Seed = {
  /** A single `#cloud-config` document. */
  readonly userData: string;
  readonly metaData: string;
  /** Netplan version 2. */
  readonly networkConfig: string;
  /** `pi-image-<node>-<digest>`: changes exactly when what cloud-init would do changes. */
  readonly instanceId: string;
};

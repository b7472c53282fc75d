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
  /**
   * The instance's digest without the Wi-Fi passwords: tells whether a built image is outdated where no password is at hand.
   */
  readonly withoutPasswords?: string | undefined;
  /** The same as a shell script, for a system without cloud-init. */
  readonly firstBoot?: string | undefined;
};

/** The NoCloud data of a role image, which is not a node yet. */
export type RoleSeed = Seed & {
  /** The role's part of the configuration, which stays when somebody replaces user-data. */
  readonly vendorData: string;
};

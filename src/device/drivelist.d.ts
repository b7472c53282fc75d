// The part of drivelist's types that we use. The package is an optional peer: only those who need it install it, and pi-image is
// built without it.
// https://github.com/balena-io-modules/drivelist
declare module "drivelist" {
  export type Drive = {
    readonly device: string;
    readonly description: string;
    readonly busType: string;
    /** Bytes. */
    readonly size: number | null;
    readonly blockSize: number;
    readonly logicalBlockSize: number;
    readonly isReadOnly: boolean;
    readonly isRemovable: boolean;
    readonly isSystem: boolean;
    readonly isUSB: boolean | null;
    readonly isVirtual: boolean | null;
    readonly mountpoints: readonly { readonly path: string }[];
  };
  export const list: () => Promise<readonly Drive[]>;
}

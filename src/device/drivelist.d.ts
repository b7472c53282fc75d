// The part of drivelist's types that we use. The package is optional: where its native code does not compile, npm leaves
// it out, and `npm ci` must still be able to build pi-image.
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

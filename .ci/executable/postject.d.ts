// The part of postject that we use; the package has no types. https://github.com/nodejs/postject
declare module "postject" {
  /** Puts `data` into the executable as a resource of that name. */
  export const inject: (
    executable: string,
    resource: string,
    data: Buffer,
    options: {
      readonly sentinelFuse: string;
      readonly machoSegmentName: string;
    },
  ) => Promise<void>;
}

// Memory that the kernel can read from and write to without a copy.

// @types/node declares the namespace without its values.
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number }) => {
    readonly buffer: ArrayBuffer;
  };
};

/** Bytes of a WebAssembly page. */
const PAGE = 65_536;

/**
 * Buffers for O_DIRECT, which wants addresses on block boundaries (open(2)). Node's own buffers lie anywhere; the
 * memory of a WebAssembly instance begins on a page boundary, because engines map it from the kernel.
 * @param bytes a multiple of 4096
 */
export const alignedBuffers = (count: number, bytes: number): Buffer[] => {
  const pages = Math.ceil((count * bytes) / PAGE);
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
  return Array.from({ length: count }, (_, index) =>
    Buffer.from(buffer, index * bytes, bytes),
  );
};

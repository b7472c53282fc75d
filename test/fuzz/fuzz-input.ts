// What the fuzzer needs to know of one kind of input.
import type { Mutation, Sample } from "./mutate.ts";

export type FuzzInput = {
  /** How many damaged files a usual run tries. */
  readonly cases: number;
  /** Makes what the cases start from; `folder` is for files, and the only place where the reader may leave any. */
  readonly prepare: (folder: string) => Promise<PreparedInput>;
};

export type PreparedInput = {
  readonly samples: readonly Sample[];
  /** Texts that mean something in this format; inserted at random places. */
  readonly tokens?: readonly string[];
  /** Whole files that every run tries: bombs and other extremes. */
  readonly extremes?: readonly Buffer[];
  /** Cases that are not files, such as a disk of a terabyte. */
  readonly huge?: readonly (() => Promise<string>)[];
  /**
   * Gives the bytes to the reader and says what became of them, in a word or two. A UserError is an answer as well; whatever
   * else is thrown is a failure.
   */
  readonly run: (bytes: Buffer, mutation: Mutation) => Promise<string>;
};

// The commands as plain data: what completions and the manual page are made from.

/** The kind of a value, as far as it decides what can be offered for it. */
export type ValueKind =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | {
      readonly kind: "file" | "folder" | "node" | "base" | "target" | "text";
    };

export type OptionEntry = {
  /** Without the dash; undefined for most. */
  readonly short: string | undefined;
  /** Without the dashes. */
  readonly long: string;
  readonly summary: string;
  readonly repeatable: boolean;
  /** Undefined for a switch. */
  readonly value:
    | {
        readonly name: string;
        readonly optional: boolean;
        readonly is: ValueKind;
      }
    | undefined;
};

export type ArgumentEntry = {
  readonly name: string;
  readonly summary: string;
  readonly required: boolean;
  readonly is: ValueKind;
};

export type CommandEntry = {
  readonly name: string;
  readonly summary: string;
  readonly example: string | undefined;
  readonly arguments: readonly ArgumentEntry[];
  readonly options: readonly OptionEntry[];
};

export type CommandTree = {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly commands: readonly CommandEntry[];
};

/** By the placeholders that options and arguments have in their help. */
const KINDS = new Map<string, Exclude<ValueKind["kind"], "words">>([
  ["file", "file"],
  ["image", "file"],
  ["folder", "folder"],
  ["base", "base"],
  ["target", "target"],
  ["node", "node"],
  ["host", "node"],
]);

/**
 * @param name of an argument, or of the placeholder of an option
 * @param option the option's own name
 */
export const valueKind = (
  name: string,
  choices: readonly string[] | undefined,
  option?: string,
): ValueKind =>
  choices === undefined
    ? { kind: KINDS.get(option ?? "") ?? KINDS.get(name) ?? "text" }
    : { kind: "words", words: choices };

// The commands as plain data: what completions and the manual page are made from.

/** What a value is, as far as a shell can offer some. */
export type ValueKind =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "file" }
  | { readonly kind: "folder" }
  | { readonly kind: "text" };

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

/** What placeholders mean that options and arguments have in their help. */
export const valueKind = (
  name: string,
  choices: readonly string[] | undefined,
): ValueKind => {
  if (choices !== undefined) {
    return { kind: "words", words: choices };
  }
  switch (name) {
    case "file":
    case "target":
    case "image":
    case "base":
      return { kind: "file" };
    case "folder":
      return { kind: "folder" };
    default:
      return { kind: "text" };
  }
};

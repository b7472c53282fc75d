// pi-image completion and pi-image manual: what shells and man(1) know of the commands.
import { bashCompletion } from "../manual/bash.ts";
import type { CommandTree } from "../manual/command-tree.ts";
import { fishCompletion } from "../manual/fish.ts";
import { manPage } from "../manual/man-page.ts";
import { zshCompletion } from "../manual/zsh.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

const COMPLETIONS = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
} as const;

/** Data for another program: it is printed whatever --quiet and --json say. */
const write = (text: string): void => {
  process.stdout.write(text);
};

export const completion = (tree: CommandTree, shell: string): void => {
  const known = SHELLS.find((name) => name === shell);
  if (known === undefined) {
    throw new Error(`no completion for ${shell}`);
  }
  write(COMPLETIONS[known](tree));
};

export const manual = (tree: CommandTree): void => {
  write(manPage(tree));
};

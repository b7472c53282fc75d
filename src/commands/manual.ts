// pi-image completion and pi-image manual: what shells and man(1) know of the commands.
import { bashCompletion } from "../terminal/manual/bash.ts";
import type { CommandTree } from "../terminal/manual/command-tree.ts";
import { fishCompletion } from "../terminal/manual/fish.ts";
import { manPage } from "../terminal/manual/man-page.ts";
import { zshCompletion } from "../terminal/manual/zsh.ts";

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

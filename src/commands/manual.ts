// pi-image completion and pi-image manual: print what shells and man(1) need to know of the commands.
import type { CommandTree } from "../terminal/manual/command-tree.ts";
import { completionScript, SHELLS } from "../terminal/manual/completions.ts";
import { manPage } from "../terminal/manual/man-page.ts";

/** The output is data for another program, so it is printed whatever --quiet and --json say. */
const write = (text: string): void => {
  process.stdout.write(text);
};

export const completion = ({ name }: CommandTree, shell: string): void => {
  const known = SHELLS.find((each) => each === shell);
  if (known === undefined) {
    throw new Error(`no completion for ${shell}`);
  }
  write(completionScript(name, known));
};

export const manual = (tree: CommandTree): void => {
  write(manPage(tree));
};

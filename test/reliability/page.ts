// The tables of docs/reliability.md: the tests note what they saw, and the page must say it.
import { readFileSync, writeFileSync } from "node:fs";
import { format } from "prettier";
import { table } from "../../docs/generate/table.ts";
import { packageFile } from "../../src/system/package-files.ts";
import type { Seen } from "./observe.ts";

const PAGE = packageFile("docs/reliability.md");

type Line = readonly string[];
const faults = new Map<string, Line>();
const refusals = new Map<string, Line>();

/** @param noticed how soon, as `timeClass` says it */
export const noteFault = (
  title: string,
  { said, exit }: Pick<Seen, "said" | "exit">,
  card: string,
  noticed: string,
): void => {
  faults.set(title, [title, said === "" ? "-" : said, exit, card, noticed]);
};

export const noteRefusal = (
  title: string,
  { said, exit }: Pick<Seen, "said" | "exit">,
): void => {
  refusals.set(title, [title, said, exit]);
};

export const noted = () => ({ faults: faults.size, refusals: refusals.size });

const between = (text: string, name: string, content: string): string =>
  text.replace(
    new RegExp(`(<!-- ${name} -->\n)[^]*?(\n<!-- /${name} -->)`),
    (_, start: string, end: string) => `${start}\n${content}\n${end}`,
  );

export const pageAsItIs = (): string => readFileSync(PAGE, "utf8");

/** The page with the tables of this run. */
export const pageAsNoted = async (): Promise<string> => {
  const withFaults = between(
    pageAsItIs(),
    "faults",
    table(
      ["fault", "what pi-image says", "exit", "the card", "noticed"],
      [...faults.values()],
    ),
  );
  const withBoth = between(
    withFaults,
    "refused",
    table(["target", "what pi-image says", "exit"], [...refusals.values()]),
  );
  return format(withBoth, { parser: "markdown" });
};

export const writePage = (text: string): void => writeFileSync(PAGE, text);

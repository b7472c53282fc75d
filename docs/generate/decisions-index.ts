// The index at the top of docs/decisions.md, and what an entry may be: dated, newest first, at most 15 lines.

const LONGEST = 15;

type Entry = {
  readonly heading: string;
  readonly date: string;
  readonly title: string;
  /** Lines that are not blank, without the heading. */
  readonly lines: number;
};

const entriesOf = (text: string): readonly Entry[] =>
  text
    .split(/^## /m)
    .slice(1)
    .map((part) => {
      const [heading = "", ...rest] = part.split("\n");
      const { date, title } =
        /^(?<date>\d{4}-\d\d-\d\d): (?<title>.+)$/.exec(heading)?.groups ?? {};
      if (date === undefined || title === undefined) {
        throw new Error(
          `docs/decisions.md: "## ${heading}" has to be "## YYYY-MM-DD: what was decided".`,
        );
      }
      const lines = rest.filter((line) => line.trim() !== "").length;
      return { heading, date, title, lines };
    });

const demandRules = (entries: readonly Entry[]): void => {
  const titles = new Set<string>();
  for (const [at, { date, heading, title, lines }] of entries.entries()) {
    if (lines > LONGEST) {
      throw new Error(
        `docs/decisions.md: "${heading}" has ${lines} lines; an entry has ${LONGEST} at most. Shorten it, or make it two.`,
      );
    }
    const above = entries[at - 1];
    if (above !== undefined && above.date < date) {
      throw new Error(
        `docs/decisions.md: "${heading}" is newer than "${above.heading}", which stands above it. The newest come first.`,
      );
    }
    if (titles.has(title)) {
      throw new Error(
        `docs/decisions.md: two entries are called "${title}". Give the newer one a title of its own.`,
      );
    }
    titles.add(title);
  }
};

/** The name that GitHub gives to a heading in addresses. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

/**
 * The page with its index written anew, from the headings below it.
 *
 * @throws {Error} where an entry is too long, out of order, has no date, or has the title of another.
 */
export const indexedDecisions = (text: string): string => {
  const entries = entriesOf(text);
  demandRules(entries);
  const index = entries.map(
    ({ heading, date, title }) => `- ${date} [${title}](#${anchor(heading)})`,
  );
  return `# Decisions

Newest first. Each says what was chosen, because of what, instead of what, and when to look again, in ${LONGEST} lines at most.
\`npm run generate\` writes this index; an entry begins with \`## YYYY-MM-DD: what was decided\`.

${index.join("\n")}

${text.slice(text.search(/^## /m))}`;
};

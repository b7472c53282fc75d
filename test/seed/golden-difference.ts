// The difference between two seeds as a reviewer reads it, and the second seed from the first and the difference.
//
// A file of a seed is sections: a key of the document, or a file of write_files, with the lines up to the next one.
//
//   diff wired/worker1/user-data static/worker1/user-data
//   @@ /etc/hosts
//   -      127.0.1.1 worker1
//   +      10.0.0.11 worker1
//   @@ /etc/crictl.yaml (not here)
//   @@ /etc/pi-image/kubeadm.yaml (anew)     where that is less than half as long
//   +  - path: /etc/pi-image/kubeadm.yaml
//   @@ /usr/local/bin/more (after /etc/hosts)
//   +  - path: /usr/local/bin/more
import {
  changedLines,
  commonPlaces,
  withChangedLines,
} from "./changed-lines.ts";

/** The texts of a seed by the names of its files. */
export type Texts = Readonly<Record<string, string>>;

type Section = { readonly heading: string; readonly lines: readonly string[] };

/** The section of the lines before the first heading. */
const TOP = "#";

const headingOf = (line: string): string | undefined =>
  /^([\w-]+):/.exec(line)?.[1] ?? /^ {2}- path: (.+)$/.exec(line)?.[1];

const sectionsOf = (text: string): readonly Section[] => {
  const sections = new Map<string, string[]>([[TOP, []]]);
  let lines = sections.get(TOP);
  for (const line of text.split("\n")) {
    const heading = headingOf(line);
    if (heading !== undefined) {
      if (sections.has(heading)) {
        throw new Error(`two sections have the heading ${heading}`);
      }
      lines = [];
      sections.set(heading, lines);
    }
    lines?.push(line);
  }
  return [...sections].map(([heading, lines]) => ({ heading, lines }));
};

const added = (lines: readonly string[]): readonly string[] =>
  lines.map((line) => `+${line}`);

/** What makes `to` of `from`; nothing where they are the same. */
const changedSections = (from: string, to: string): readonly string[] => {
  const [old, now] = [sectionsOf(from), sectionsOf(to)];
  const headings = [old, now].map((sections) =>
    sections.map(({ heading }) => heading),
  );
  const [before = [], after = []] = headings;
  const kept = new Map(commonPlaces(before, after));
  const stays = new Set(kept.values());
  const changed = [...kept].flatMap(([i, j]) => {
    const lines = changedLines(old[i]?.lines ?? [], now[j]?.lines ?? []);
    const anew = added(now[j]?.lines ?? []);
    if (anew.length < lines.length / 2) {
      return [`@@ ${before[i]} (anew)`, ...anew];
    }
    return lines.length === 0 ? [] : [`@@ ${before[i]}`, ...lines];
  });
  const gone = before.flatMap((heading, place) =>
    kept.has(place) ? [] : [`@@ ${heading} (not here)`],
  );
  const fresh = now.flatMap(({ heading, lines }, place) =>
    stays.has(place)
      ? []
      : [`@@ ${heading} (after ${after[place - 1]})`, ...added(lines)],
  );
  return [...changed, ...gone, ...fresh];
};

type Part = { readonly title: string; readonly lines: string[] };

/** The lines below each line that starts so. */
const partsOf = (lines: readonly string[], start: string): readonly Part[] => {
  const parts: Part[] = [];
  for (const line of lines) {
    if (line.startsWith(start)) {
      parts.push({ title: line.slice(start.length), lines: [] });
    } else if (parts.at(-1)?.lines.push(line) === undefined) {
      throw new Error(`a line stands before every "${start}": ${line}`);
    }
  }
  return parts;
};

const withChangedSections = (
  from: string,
  changes: readonly string[],
): string => {
  let sections = sectionsOf(from);
  for (const { title, lines } of partsOf(changes, "@@ ")) {
    const [, heading = title, how, before] =
      /^(.+) \((anew|not here|after (.+))\)$/.exec(title) ?? [];
    const wanted = before ?? heading;
    if (!sections.some((section) => section.heading === wanted)) {
      throw new Error(`there is no section ${wanted}`);
    }
    sections = sections.flatMap((section) => {
      if (section.heading !== wanted) {
        return [section];
      }
      if (how === "not here") {
        return [];
      }
      const from = how === undefined ? section.lines : [];
      const made = { heading, lines: withChangedLines(from, lines) };
      return before === undefined ? [made] : [section, made];
    });
  }
  return sections.flatMap(({ lines }) => lines).join("\n");
};

/** Both seeds have the same files; a file that is the same in both is not mentioned. */
export const difference = (
  from: { readonly name: string; readonly texts: Texts },
  to: { readonly name: string; readonly texts: Texts },
): string =>
  Object.entries(to.texts)
    .flatMap(([file, text]) => {
      const lines = changedSections(from.texts[file] ?? "", text);
      return lines.length === 0
        ? []
        : [`diff ${from.name}/${file} ${to.name}/${file}`, ...lines];
    })
    .map((line) => `${line}\n`)
    .join("");

/** The texts of the second seed. Throws where the difference does not fit the first. */
export const withDifference = (from: Texts, text: string): Texts => {
  const lines = text === "" ? [] : text.replace(/\n$/, "").split("\n");
  const parts = new Map(
    partsOf(lines, "diff ").map(({ title, lines }) => [
      /\/([^/]+)$/.exec(title)?.[1],
      lines,
    ]),
  );
  return Object.fromEntries(
    Object.entries(from).map(([file, text]) => [
      file,
      withChangedSections(text, parts.get(file) ?? []),
    ]),
  );
};

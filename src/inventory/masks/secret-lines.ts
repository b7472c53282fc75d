// Finds secrets line by line, where no tree can be trusted: in broken YAML, in comments and in text after the document.
import { parseSecretReference } from "../rules/references.ts";
import { secretInside, verdictOn } from "./secret-keys.ts";
import { hasSecretForm, type TextSpan } from "./secret-forms.ts";
import { looksPrivate } from "../rules/ssh-keys.ts";

export type Hidden = {
  readonly ranges: readonly TextSpan[];
  /** The texts that are certain to be secrets: messages must not show them either. */
  readonly secrets: readonly string[];
};

const KEY =
  /(?:"([^"\n]{1,64})"|'([^'\n]{1,64})'|([\p{L}\p{N}_.-]{1,64}))\s*([:=])(\s*)/gu;

/** Values that are no secret: references, and what fragments write, such as a switch or a place that is filled in later. */
const REFERENCE =
  /^["']?(?:env:[A-Za-z_]\w*|prompt|true|false|null|~|\$\{[\w.]+\})(?=["'\s,}\]]|$)|^["']?(?:file|exec):\S/;

/** "the wifi password is hunter2." */
const TOLD = /([\p{L}\p{N}_-]{2,64})\s+(?:is|was)\s+["']?(\S+?)["']?[.!]?\s*$/u;

type Found = {
  /** Column of the value. */
  readonly from: number;
  readonly sure: boolean;
  /** Whether only a comment after a reference is hidden. */
  readonly reference: boolean;
};

/** `? password`, whose value is on the next line, after a colon. */
const ASKED = /^\s*\?\s+["']?([\p{L}\p{N}_.-]{1,64})["']?\s*$/u;

/** Where on a line the part begins that must not be shown. */
const findOn = (line: string, wary: boolean): Found | undefined => {
  const asked = ASKED.exec(line)?.[1];
  if (asked !== undefined && verdictOn(asked) === "secret") {
    return { from: line.length, sure: true, reference: false };
  }
  for (const found of line.matchAll(KEY)) {
    const name = found[1] ?? found[2] ?? found[3] ?? "";
    const from = found.index + found[0].length;
    const rest = line.slice(from);
    const apart = found[4] === ":" && (found[5] !== "" || rest === "");
    const verdict = verdictOn(name);
    const bareWifi =
      name === "wifi" &&
      apart &&
      /^(?:[^\s{[#&*|>-]|\[\s*[^\s{\]])/.test(rest) &&
      !/^(?:true|false|null|~)\b/.test(rest);
    const sure = verdict === "secret" || bareWifi;
    if (!sure && !(wary && apart && verdict === "unknown")) {
      continue;
    }
    if (!REFERENCE.test(rest)) {
      return { from, sure, reference: false };
    }
    const comment = sure ? rest.search(/\s#/) : -1;
    if (comment !== -1) {
      return { from: from + comment + 2, sure: false, reference: true };
    }
  }
  const told = TOLD.exec(line);
  return told !== null && verdictOn(told[1] ?? "") === "secret"
    ? { from: line.lastIndexOf(told[2] ?? ""), sure: true, reference: false }
    : undefined;
};

/** The quote that a value opens and does not close. */
const openQuote = (value: string): string | undefined => {
  const [first = ""] = value;
  return /["']/.test(first) && !value.slice(1).includes(first)
    ? first
    : undefined;
};

/** An entry of a list under `wifi`, which should be a mapping. */
const bareEntry = (line: string): number => {
  const entry =
    /^\s*-\s+(?=[^\s{[#&*])(?!["']?[\p{L}\p{N}_.-]+["']?\s*:(?:\s|$))/u;
  return entry.exec(line)?.[0].length ?? -1;
};

/** A line with one of the inventory's own keys ends a quote that somebody forgot to close. */
const isOwnLine = (line: string): boolean => {
  const key = /^\s*(?:-\s+)?([A-Za-z]+):(?:\s|$)/.exec(line)?.[1];
  return key !== undefined && verdictOn(key) === "shown";
};

/**
 * Hides everything after a key that seems to hold a secret, and the block below it.
 * @param wary whether an unknown key counts as one that holds a secret; false for prose
 */
export const secretLines = (text: string, wary: boolean): Hidden => {
  const ranges: TextSpan[] = [];
  const secrets: string[] = [];
  let block: { readonly indent: number; readonly sure: boolean } | undefined;
  let quote: string | undefined;
  let inWifi = false;
  let start = 0;
  for (const line of text.split("\n")) {
    const end = start + line.length;
    const hide = (from: number, sure: boolean): void => {
      ranges.push([start + from, end]);
      const secret = line.slice(from).trim();
      if (sure && secret !== "") {
        secrets.push(secret);
      }
    };
    if (isOwnLine(line)) {
      quote = undefined;
    }
    const indent = line.search(/[^\s]/);
    const listed =
      block !== undefined && indent === block.indent && /^\s*[-:]\s/.test(line);
    if (quote !== undefined) {
      hide(0, true);
      quote = line.includes(quote) ? undefined : quote;
    } else if (
      block !== undefined &&
      (indent === -1 || indent > block.indent || listed)
    ) {
      hide(0, block.sure);
    } else {
      const isPrivate = looksPrivate(line);
      block = isPrivate ? { indent: -1, sure: false } : undefined;
      const entry: number = inWifi ? bareEntry(line) : -1;
      inWifi = /^\s*["']?wifi["']?\s*:\s*(?:#.*)?$/.test(line) || entry !== -1;
      if (entry !== -1) {
        hide(entry, true);
      }
      const found = isPrivate
        ? { from: 0, sure: true, reference: false }
        : findOn(line, wary);
      if (found !== undefined) {
        const value = line.slice(found.from);
        hide(found.from, found.sure);
        quote = openQuote(value);
        // The keys of a mapping below an unknown key are judged one by one.
        if (
          !isPrivate &&
          !found.reference &&
          (found.sure || value.trim() !== "")
        ) {
          block = { indent, sure: found.sure };
        }
      }
    }
    start = end + 1;
  }
  return { ranges, secrets };
};

export const isReference = (value: unknown): boolean =>
  typeof value === "string" && parseSecretReference(value) !== undefined;

/** Where in a text the secret begins, whatever key it stands under; undefined where there is none. */
export const secretFrom = (text: string): number | undefined =>
  looksPrivate(text) || /:\/\/[^/@\s]*@/.test(text) || hasSecretForm(text)
    ? 0
    : secretInside(text);

// Finds secrets in the tree of a YAML document: values of keys that seem to hold one, and texts that look like one.
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type Scalar,
  visit,
} from "yaml";
import type { TextSpan } from "./secret-forms.ts";
import { parsePublicKeys } from "../rules/ssh-keys.ts";
import { type Hidden, isReference, secretFrom } from "./secret-lines.ts";
import { verdictOn } from "./secret-keys.ts";

const isPublic = (text: string): boolean =>
  parsePublicKeys(text).problem === undefined ||
  /^-----BEGIN (?:CERTIFICATE|[A-Z ]*PUBLIC KEY)-----/.test(text);

/** A scalar that is empty, or holds nothing secret. */
const isHarmless = (value: unknown): boolean =>
  value === null ||
  typeof value === "boolean" ||
  isReference(value) ||
  (typeof value === "string" && isPublic(value));

const keyText = ({ key }: Pair): string =>
  isScalar(key) ? String(key.value) : "";

/**
 * Whether the value is harmless including its tag and anchor: `password: &hunter2` has no value, but its anchor is the
 * password.
 */
const isPlain = ({ value, tag, anchor }: Scalar): boolean =>
  isHarmless(value) &&
  tag === undefined &&
  (value !== null || anchor === undefined);

/** Whether the path is that of a Wi-Fi network, in which any unknown key may be a misspelled `password`. */
const inWifi = (path: readonly unknown[]): boolean => {
  const pair = path.findLast((each) => isPair(each));
  return pair !== undefined && keyText(pair as Pair) === "wifi";
};

export const secretTree = (
  document: Document,
  text: string,
): Hidden & {
  /** References: a comment on their line often is the secret itself. */
  readonly beside: readonly TextSpan[];
} => {
  const ranges: TextSpan[] = [];
  const secrets: string[] = [];
  const beside: TextSpan[] = [];
  const seen = new Set<Node>();

  const hide = (from: number, to: number, sure: boolean): void => {
    if (from < to) {
      ranges.push([from, to]);
      if (sure) {
        secrets.push(text.slice(from, to).trim());
      }
    }
  };
  const hideScalars = (node: Node): void => {
    visit(node, {
      Scalar(_, scalar) {
        if (typeof scalar.value === "string") {
          secrets.push(scalar.value);
        }
      },
      Alias(_, alias) {
        hideTarget(alias);
      },
    });
  };
  /** Hides what an alias stands for, which is written elsewhere in the file. */
  const hideTarget = (node: Node): void => {
    const target = isAlias(node) ? node.resolve(document) : undefined;
    if (target !== undefined && !seen.has(target)) {
      seen.add(target);
      if (!(isScalar(target) && isHarmless(target.value))) {
        const [from = 0, to = 0] = target.range ?? [];
        hide(from, to, true);
        hideScalars(target);
      }
    }
  };
  /**
   * Hides tags and anchors as well, because they stand between a key and its value: in `password: !hunter2` the tag is the
   * password.
   */
  const hideBehind = (key: Node, value: Node, sure: boolean): void => {
    const after = key.range?.[1] ?? 0;
    const to = value.range?.[1] ?? after;
    const skipped = /^["'\s]*[?:]?\s*/.exec(text.slice(after, to))?.[0].length;
    hide(after + (skipped ?? 0), to, sure);
    if (sure) {
      hideScalars(value);
      hideTarget(value);
    }
  };

  visit(document, {
    Pair(_, pair, path) {
      const { key, value } = pair;
      const name = keyText(pair);
      // Without a space after the colon, `{password:hunter2}` is one long key.
      const [, first = "", glued = ""] = /^([^:=]+)[:=](.+)$/s.exec(name) ?? [];
      if (glued !== "" && isNode(key)) {
        const verdict = verdictOn(first);
        if (verdict === "secret" || (verdict === "unknown" && inWifi(path))) {
          const [from = 0, to = 0] = key.range ?? [];
          hide(from + first.length + 1, to, true);
          secrets.push(glued);
        }
      }
      if (!isNode(key) || !isNode(value)) {
        return undefined;
      }
      const verdict = verdictOn(name);
      const strange = verdict === "unknown" && inWifi(path);
      if (verdict === "secret" || strange) {
        if (isScalar(value) && isPlain(value)) {
          beside.push([value.range?.[0] ?? 0, value.range?.[1] ?? 0]);
          return undefined;
        }
        hideBehind(key, value, true);
        return visit.SKIP;
      }
      const bareWifi =
        name === "wifi" &&
        (isScalar(value)
          ? !isHarmless(value.value)
          : isSeq(value) && value.items.some((item) => isScalar(item)));
      if (bareWifi) {
        hideBehind(key, value, true);
        return visit.SKIP;
      }
      // The keys of a mapping are judged one by one.
      if (
        verdict === "unknown" &&
        !isMap(value) &&
        !isAlias(value) &&
        !(isScalar(value) && isHarmless(value.value)) &&
        !(isCollection(value) && value.items.some((item) => isMap(item)))
      ) {
        hideBehind(key, value, false);
      }
      return undefined;
    },
    Scalar(_, { value, range }) {
      if (typeof value !== "string" || !range) {
        return;
      }
      const inside = isReference(value) ? undefined : secretFrom(value);
      if (inside !== undefined) {
        // In a quoted or folded scalar, columns in the text differ from those in the value.
        const plain = text.slice(range[0], range[1]) === value;
        hide(range[0] + (plain ? inside : 0), range[1], false);
        secrets.push(value.slice(inside));
      }
    },
  });
  return { ranges, secrets, beside };
};

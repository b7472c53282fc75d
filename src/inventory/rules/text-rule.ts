// Strings of the inventory: each kind has rules, and each rule reports what is wrong under its own problem code.
import { z } from "zod";
import type { ProblemCode } from "../../report/problem-codes.ts";
import { quoted } from "../wording.ts";

/** What is wrong with one value, without its place. */
export type RuleFinding = {
  readonly code: ProblemCode;
  readonly message: string;
  readonly label?: string | undefined;
  readonly hint?: string | undefined;
};

/** Returns undefined where the value is fine. */
export type TextRule = (value: string) => RuleFinding | undefined;

// Every string ends up in a YAML document, a shell variable or a line of a configuration file on the node, so nothing that a
// program could take for the end of a line is let through.
const NOT_ONE_LINE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

const demandOneLine: TextRule = (value) =>
  NOT_ONE_LINE.test(value)
    ? {
        code: "CONTROL_CHARACTER",
        message: `${quoted(value)} contains a line break or another control character`,
        hint: "write it on one line; for a YAML block, use >- in place of | or >",
      }
    : undefined;

const notEmpty: TextRule = (value) =>
  value === ""
    ? {
        code: "EMPTY_VALUE",
        message: "this value is empty",
        hint: "write a value, or remove the line",
      }
    : undefined;

type About = {
  /** What editors show. */
  readonly description: string;
  /** A hint for editors only; the rules decide. */
  readonly pattern?: string;
  readonly examples?: readonly string[];
};

/** A schema for a string that passes all rules; the first rule that fails is reported. */
export const textRule = (about: About, ...rules: readonly TextRule[]) =>
  z
    .string()
    .superRefine((value, context) => {
      for (const rule of [...rules, notEmpty, demandOneLine]) {
        const finding = rule(value);
        if (finding !== undefined) {
          context.addIssue({
            code: "custom",
            message: finding.message,
            params: { finding },
          });
          return;
        }
      }
    })
    .meta({ ...about });

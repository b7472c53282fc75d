// A schema for what there can be one of for each family: an address, a gateway, a range.
import { z } from "zod";
import type { RuleFinding, TextRule } from "../rules/text-rule.ts";
import { oneOfEachFamily } from "../rules/network-rules.ts";
import { textRule } from "../rules/text-rule.ts";
import { partsOf } from "../written-addresses.ts";

type About = {
  readonly description: string;
  readonly examples: readonly string[];
};

/** One string, where commas separate two, or a list. `code` is what a second one of a family is reported under. */
export const oneOrBoth = (
  about: About,
  rule: TextRule,
  code: RuleFinding["code"],
) => {
  const each: TextRule = (value) => {
    const parts = partsOf(value);
    return (
      parts.map(rule).find((finding) => finding !== undefined) ??
      oneOfEachFamily(parts, code)
    );
  };
  return z
    .union([
      textRule(about, each),
      z
        .array(textRule({ description: "One of each family." }, rule))
        .min(1)
        .superRefine((parts, context) => {
          const finding = oneOfEachFamily(parts, code);
          if (finding !== undefined) {
            context.addIssue({
              code: "custom",
              message: finding.message,
              params: { finding },
            });
          }
        }),
    ])
    .optional()
    .describe(about.description);
};

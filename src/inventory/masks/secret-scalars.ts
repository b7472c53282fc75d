// Texts of a broken document that are secrets by their form once YAML's escapes are undone: messages have them undone.
import { type Document, visit } from "yaml";
import { hasSecretForm, type TextSpan } from "./secret-forms.ts";

export type SecretScalar = {
  readonly range: TextSpan;
  readonly secret: string;
};

export const secretScalars = (
  document: Document | undefined,
): readonly SecretScalar[] => {
  const found: SecretScalar[] = [];
  if (document !== undefined) {
    visit(document, {
      Scalar(_, { value, range }) {
        if (typeof value === "string" && range && hasSecretForm(value)) {
          found.push({ range: [range[0], range[1]], secret: value });
        }
      },
    });
  }
  return found;
};

// What a schema says about a place: the keys that it knows there and what they mean.
import { z } from "zod";
import type { Path } from "./yaml-file.ts";

const unwrap = (schema: z.core.$ZodType): readonly z.core.$ZodType[] => {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) {
    return unwrap(schema.unwrap());
  }
  return schema instanceof z.ZodUnion
    ? schema.options.flatMap(unwrap)
    : [schema];
};

/** The schemas that may apply to a value at `path`: several where there is a union on the way. */
const schemasAt = (
  schema: z.core.$ZodType,
  path: Path,
): readonly z.core.$ZodType[] => {
  const [step, ...rest] = path;
  if (step === undefined) {
    return [schema];
  }
  return unwrap(schema).flatMap((branch) => {
    if (branch instanceof z.ZodArray) {
      return schemasAt(branch.element, rest);
    }
    const shape = branch instanceof z.ZodObject ? branch.shape : {};
    return Object.entries(shape).flatMap(([key, next]) =>
      key === step ? schemasAt(next, rest) : [],
    );
  });
};

/** The keys of the mapping at `path`; none where the schema wants no mapping. */
export const knownKeys = (
  schema: z.core.$ZodType,
  path: Path,
): readonly string[] =>
  schemasAt(schema, path)
    .flatMap(unwrap)
    .flatMap((branch) =>
      branch instanceof z.ZodObject ? Object.keys(branch.shape) : [],
    );

/** What editors show for the key at `path`. */
export const descriptionAt = (
  schema: z.core.$ZodType,
  path: Path,
): string | undefined =>
  schemasAt(schema, path)
    .map((found) =>
      found instanceof z.ZodType ? found.description : undefined,
    )
    .find((description) => description !== undefined);

/** The keys of all mappings that the schema knows. */
export const allKeys = (schema: z.core.$ZodType): readonly string[] =>
  unwrap(schema).flatMap((branch) =>
    branch instanceof z.ZodArray
      ? allKeys(branch.element)
      : branch instanceof z.ZodObject
        ? Object.entries(branch.shape).flatMap(([key, next]) => [
            key,
            ...allKeys(next),
          ])
        : [],
  );

// What a profile is: the fragments that a node of one role gets, in order.
import { z } from "zod";

const SENTENCE = "must be a sentence that says what the role is";
const PATH = "must be the path of a fragment";

const profileSchema = z
  .strictObject(
    {
      $schema: z
        .string()
        .optional()
        .describe("This schema, for editors that ask for it here."),
      description: z
        .string(SENTENCE)
        .min(1, SENTENCE)
        .describe("One sentence: what the role is."),
      fragments: z
        .array(
          z.string(PATH).min(1, PATH),
          "must be a list of fragments' paths",
        )
        .min(1, "must name at least one fragment")
        .describe(
          "Paths under cloud-init/fragments/, in the order in which they are merged. A part of a path may be a value: kubernetes/${kubeadm.action}.yaml",
        ),
    },
    {
      error: (issue) =>
        issue.code === "invalid_type" ? "must have keys" : undefined,
    },
  )
  .describe("A profile of pi-image: what a node of one role gets.");

/** Reads plain data. The messages of its issues follow the name of the place: "fragments" + "must be ...". */
export const readProfile = (data: unknown) => profileSchema.safeParse(data);

/** The JSON Schema (draft 2020-12) that editors use; published as profiles/profile.schema.json. */
export const profileJsonSchema = (): unknown => ({
  title: "pi-image profile",
  ...z.toJSONSchema(profileSchema),
});

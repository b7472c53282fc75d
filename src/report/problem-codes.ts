// Every code of a finding in the user's files, with the sentence that docs/errors.md shows.
// A code is permanent once released.

export const PROBLEM_CODES = {
  FRAGMENT_CONFLICT: "Two fragments set the same value differently.",
  FRAGMENT_HEADER: "A fragment does not start with #cloud-config.",
  FRAGMENT_MISSING: "A profile names a fragment that does not exist.",
  FRAGMENT_SHAPE: "A fragment holds something that cloud-config cannot hold.",
  PROFILE_MISSING: "There is no profile for a role.",
  PROFILE_SHAPE: "A profile is not a description and a list of fragments.",
  SEED_FILE_TWICE: "Two fragments write the same file of the node.",
  VALUE_KIND: "A list or a map stands inside a text of a fragment.",
  VALUE_UNKNOWN: "A fragment asks for a value that does not exist.",
  YAML_SYNTAX: "The file is not valid YAML.",
} as const satisfies Record<string, string>;

export type ProblemCode = keyof typeof PROBLEM_CODES;

// Refuses anything older than what was seen before: an old signature stays valid even when its vendor has signed something
// newer.
import { day } from "../../report/day.ts";
import { UserError } from "../../report/user-error.ts";

type Offered = {
  /** What is signed, and when, according to the signature. */
  readonly from: string;
  readonly signed: Date;
};

type Seen = {
  readonly signed: Date;
  /** The file in which it is recorded. */
  readonly record: string;
};

/**
 * Throws BASE_TURNED_BACK for something that was signed before the newest that an earlier run saw of the same release. The
 * same moment is accepted: it is the same signature, or one made in the same second.
 */
export const demandNotOlder = ({ from, signed }: Offered, seen: Seen): void => {
  if (signed.getTime() >= seen.signed.getTime()) {
    return;
  }
  throw new UserError(
    "BASE_TURNED_BACK",
    `${from} was signed on ${day(signed)}, and an earlier run has already seen what was signed on ${day(seen.signed)}: the server is out of date, or somebody is withholding the newer list`,
    {
      state: "nothing was written",
      hint: `ask the vendor's own server, or another mirror; if the vendor really went back, delete ${seen.record} and run the command again`,
    },
  );
};

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * A signature covers a file's bytes and not its name, but an image that is named after a day must have been signed on that
 * day or later, in whatever time zone the vendor is. Throws BASE_TURNED_BACK.
 */
export const demandOfItsDay = (
  { from, signed }: Offered,
  file: string,
): void => {
  const date = /\d{4}-\d{2}-\d{2}/.exec(file)?.[0];
  if (
    date === undefined ||
    !(signed.getTime() < new Date(date).getTime() - DAY_MS)
  ) {
    return;
  }
  throw new UserError(
    "BASE_TURNED_BACK",
    `${file} is named after a day on which it was signed already: ${from} is of ${day(signed)}, so an older image bears the name of a newer one`,
    {
      state: "nothing was written",
      hint: "ask the vendor's own server, or another mirror; if this persists, do not use this image",
    },
  );
};

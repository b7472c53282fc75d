// The fingerprint of an OpenPGP key as people copy it from a web page or from gpg.
import { UserError } from "../../report/user-error.ts";

const SHORT_ID = /^(?:0X)?(?:[0-9A-F]{8}|[0-9A-F]{16})$/;

/**
 * The fingerprint in capitals, without spaces. Throws WRONG_ARGUMENTS, also for a short key id, because anybody can make a
 * key with the same id (https://evil32.com/).
 */
export const parseFingerprint = (text: string, option: string): string => {
  const bare = text.replaceAll(/[\s\u00a0:]/g, "").toUpperCase();
  const print = bare.replace(/^0X/, "");
  if (/^[0-9A-F]{40}$/.test(print)) {
    return print;
  }
  throw new UserError(
    "WRONG_ARGUMENTS",
    `${option} ${JSON.stringify(text)} is not the fingerprint of a key`,
    {
      facts: SHORT_ID.test(bare)
        ? ["it is a key id, and others can make a key with the same id"]
        : [],
      state: "nothing was written",
      hint: "give all 40 hexadecimal digits, with or without blanks, as the publisher shows them and gpg --show-keys prints them",
    },
  );
};

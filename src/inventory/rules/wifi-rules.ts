// What a Wi-Fi network's name, country and password can be.
import type { Wifi } from "../resolved.ts";
import type { RuleFinding, TextRule } from "./text-rule.ts";
import { quoted } from "../wording.ts";

// ISO 3166-1 alpha-2, for the radio rules that a country sets (cfg80211's regulatory domain).
// https://www.iso.org/obp/ui/#search/code/

const CODES =
  "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ " +
  "CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO " +
  "FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE " +
  "JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO " +
  "MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW " +
  "PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM " +
  "TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

const COUNTRIES: ReadonlySet<string> = new Set(CODES.split(" "));

export const isCountry = (code: string): boolean => COUNTRIES.has(code);

const octets = (text: string): number => Buffer.byteLength(text, "utf8");

/** IEEE 802.11 allows 32 octets, which is fewer characters where they are not ASCII. */
export const ssidRule: TextRule = (value) => {
  const length = octets(value);
  return length <= 32
    ? undefined
    : {
        code: "WIFI_SSID_INVALID",
        message: `the network name ${quoted(value)} has ${length} octets, and Wi-Fi allows 32`,
        hint: "copy the name from the access point; accented letters count twice, emoji four times",
      };
};

const HEX_OCTETS = /^(?:[0-9a-fA-F]{2})*$/;

/** The octets of a name, for access points whose name is not text in UTF-8. */
export const ssidHexRule: TextRule = (value) => {
  if (!HEX_OCTETS.test(value)) {
    return {
      code: "WIFI_SSID_INVALID",
      message: `${quoted(value)} is not a number of octets, two hexadecimal digits each`,
      hint: 'write the octets one after the other, for example ssidHex: "636166e9"',
    };
  }
  return value.length <= 64
    ? undefined
    : {
        code: "WIFI_SSID_INVALID",
        message: `the network name has ${value.length / 2} octets, and Wi-Fi allows 32`,
        hint: "copy the name from the access point",
      };
};

export const countryRule: TextRule = (value) => {
  if (isCountry(value)) {
    return undefined;
  }
  const upper = value.toUpperCase();
  // People in Britain write UK, but the standard's code is GB.
  const meant = upper === "UK" ? "GB" : upper;
  return {
    code: "WIFI_COUNTRY_INVALID",
    message: `${quoted(value)} is not a country code`,
    hint: isCountry(meant)
      ? `write ${meant}`
      : "write the two letters of ISO 3166-1, for example ES or US",
  };
};

const HEX_KEY = /^[0-9a-fA-F]{64}$/;

/**
 * What is wrong with a password once its reference is resolved; the value itself is never part of the message.
 * The limits are those of wpa_supplicant: 8 to 63 octets, or 64 hex digits in place of a WPA2 passphrase.
 * https://w1.fi/cgit/hostap/plain/wpa_supplicant/wpa_supplicant.conf
 */
export const passwordFinding = (
  password: string,
  security: Wifi["security"],
): RuleFinding | undefined => {
  const length = octets(password);
  if (security === "enterprise") {
    return /\p{Cc}/u.test(password) || length > 256
      ? {
          code: "WIFI_PASSWORD_INVALID",
          message:
            length > 256
              ? `the password has ${length} octets, and an enterprise network's has 256 at most`
              : "the password contains a line break or another control character",
          hint: "check what the reference returns; one line break at its end is removed for you",
        }
      : undefined;
  }
  if (HEX_KEY.test(password)) {
    return security === "wpa2"
      ? undefined
      : {
          code: "WIFI_PASSWORD_INVALID",
          message: `the password is a key of 64 hex digits, and ${security} needs the passphrase itself`,
          hint: "give the passphrase, because WPA3 cannot use a derived key, or set security: wpa2",
        };
  }
  if (/\p{Cc}/u.test(password)) {
    return {
      code: "WIFI_PASSWORD_INVALID",
      message:
        "the password contains a line break or another control character",
      hint: "only one line break at the end is removed for you; remove the others",
    };
  }
  return length >= 8 && length <= 63
    ? undefined
    : {
        code: "WIFI_PASSWORD_INVALID",
        message: `the password has ${length} characters, and Wi-Fi needs 8 to 63`,
        hint: "check what the reference returns; a key in place of a passphrase has 64 hex digits",
      };
};

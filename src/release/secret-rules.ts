// Patterns of secrets, strict enough to search the bytes of a whole disk.

export type SecretRule = {
  /** What it is, for messages: "a private key". */
  readonly kind: string;
  /** Short texts, one of which is in every match; bytes without any of them are not examined further. */
  readonly anchors: readonly string[];
  /** Has the flag g; a match has at most LONGEST_MATCH characters, and any byte may come before it. */
  readonly pattern: RegExp;
  /** A further check, where the pattern alone would find too much. */
  readonly confirm?: (match: string) => boolean;
};

/** In characters. */
export const LONGEST_MATCH = 4096;

const decodesToPrivateKey = (match: string): boolean =>
  Buffer.from(match, "base64").toString("latin1").includes("PRIVATE KEY-----");

/**
 * Every program that reads keys contains the header; in a secret, the first line of the key follows it, perhaps quoted in
 * JSON.
 */
const PRIVATE_KEY =
  /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\n|[A-Za-z-]{1,20}: [^\n]{0,120}\n){1,40}[A-Za-z0-9+/=]{32}/g;

export const SECRET_RULES: readonly SecretRule[] = [
  {
    kind: "a private key",
    anchors: ["PRIVATE KEY"],
    pattern: PRIVATE_KEY,
  },
  {
    // The form of keys in kubeconfigs and Kubernetes Secrets.
    kind: "a private key in base64",
    anchors: ["LS0tLS1CRUdJTi"],
    pattern: /LS0tLS1CRUdJTi[A-Za-z0-9+/]{100,4000}/g,
    confirm: decodesToPrivateKey,
  },
  {
    kind: "an age identity",
    anchors: ["AGE-SECRET-KEY-1"],
    pattern: /AGE-SECRET-KEY-1[0-9A-Z]{58}/g,
  },
  {
    // crypt(5): yescrypt, SHA-512, SHA-256, bcrypt, MD5.
    kind: "the hash of a password",
    anchors: [
      "$y$",
      "$gy$",
      "$7$",
      "$6$",
      "$5$",
      "$2a$",
      "$2b$",
      "$2y$",
      "$1$",
    ],
    pattern:
      /\$(?:(?:y|gy|7)\$[./A-Za-z0-9]{1,20}\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43}|6\$(?:rounds=\d{4,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}|5\$(?:rounds=\d{4,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}|2[aby]\$\d\d\$[./A-Za-z0-9]{53}|1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22})(?![./A-Za-z0-9])/g,
  },
  {
    // https://cloudinit.readthedocs.io/en/latest/reference/modules.html#set-passwords
    kind: "a password in cloud-init's configuration",
    anchors: ["plain_text_passwd", "chpasswd"],
    pattern:
      /plain_text_passwd["']?:[ ]*["']?[^\s"'#]{1,200}|chpasswd:\s[^]{0,80}?(?:\blist:[^\n]{0,20}\n\s{1,20}(?:- )?\w{1,32}:[^\s:]{1,200}|\bpassword: [^\s,}]{1,200})/g,
  },
  {
    // wpa_supplicant.conf and NetworkManager's keyfiles.
    kind: "the key of a Wi-Fi network",
    anchors: ["psk="],
    pattern:
      /psk=(?:[0-9a-fA-F]{64}\b|"[^"\n]{8,63}"\s|[^\s"$][^"\n]{7,62}\n)/g,
  },
  {
    kind: "the key of a Wi-Fi network in netplan's form",
    anchors: ["access-points:"],
    pattern:
      /access-points:\s[^]{1,600}?\bpassword["']?:[ ]*(?:"[^"\n]{8,64}"|'[^'\n]{8,64}'|[^\s"']{8,64})/g,
  },
  {
    // https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/#token-format
    kind: "a bootstrap token of kubeadm",
    anchors: ["oken"],
    pattern:
      /(?:token|bootstrapToken|tlsBootstrapToken|--token)["']?[:= ]\s{0,3}["']?[a-z0-9]{6}\.[a-z0-9]{16}(?![a-z0-9])/g,
    // These are no secrets: the token that scrubbing a card leaves behind, and the one in kubeadm's documentation.
    confirm: (match) => !/000000\.0{16}|abcdef\.0123456789abcdef/.test(match),
  },
  {
    // https://github.blog/engineering/behind-githubs-new-authentication-token-formats/ and those of GitLab, AWS and Slack
    kind: "an access token",
    anchors: [
      "ghp_",
      "gho_",
      "ghs_",
      "ghr_",
      "github_pat_",
      "glpat-",
      "AKIA",
      "xox",
    ],
    pattern:
      /gh[pousr]_[A-Za-z0-9]{36,255}\b|github_pat_[A-Za-z0-9_]{82}\b|glpat-[A-Za-z0-9_-]{20}\b|AKIA[0-9A-Z]{16}\b|xox[baprs]-[0-9]{8,14}-[0-9A-Za-z-]{20,200}/g,
  },
  {
    // A service account's token, for example.
    kind: "a signed token (JWT)",
    anchors: ["eyJ"],
    pattern:
      /eyJ[A-Za-z0-9_-]{10,1000}\.eyJ[A-Za-z0-9_-]{10,2000}\.[A-Za-z0-9_-]{40,700}/g,
  },
];

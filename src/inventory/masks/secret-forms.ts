// Recognises secrets by their form alone, whatever key they were pasted under.

/** Offsets in the text; the second is exclusive. */
export type TextSpan = readonly [number, number];

/** The match must not be part of a longer word, a path or an address. */
const ALONE = String.raw`(?<![A-Za-z0-9+/_.:~-])`;

/** Each has an unmistakable beginning, or is longer than anything else that stands in an inventory. */
const FORMS: readonly RegExp[] = [
  // PEM and OpenPGP, to the end of the block, or as much of it as there is.
  /-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----END)){0,20000}(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----)?/g,
  // The body of an OpenSSH private key without its header, and PEM files that were encoded in base64 once more.
  /b3BlbnNzaC1rZXktdjE[A-Za-z0-9+/=]{0,20000}|LS0tLS1CRUdJTi[A-Za-z0-9+/=]{0,20000}/g,
  // age, and its plugins.
  /AGE-(?:SECRET-KEY|PLUGIN-[A-Z0-9]{1,30})-[A-Z0-9]{8,2000}/gi,
  // https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/#token-format, but not two words each with up
  // to three digits at the end, such as node01.homelabcluster01. One token in five hundred looks like that.
  /(?<![a-z0-9.-])(?![a-z]{3,6}[0-9]{0,3}\.[a-z]{13,16}[0-9]{0,3}(?![a-z0-9]))[a-z0-9]{6}\.[a-z0-9]{16}(?![a-z0-9.-])/g,
  // A key of WPA2, kubeadm's certificate key, keys of 256 bits.
  /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/gi,
  // k3s
  /K10[0-9a-f]{64}::\S{1,300}/g,
  // crypt(5), yescrypt and the others
  /\$(?:y|gy|7|6|5|2[abxy]|1|apr1|argon2\w{1,3})\$[^\s"',}\]]{8,400}/g,
  // GitHub, GitLab, AWS, Slack, npm, PyPI, Docker, Hugging Face, Tailscale, Vault, Stripe, OpenAI
  /\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}|glpat-[\w-]{20,100}|A[KS]IA[0-9A-Z]{16}|xox[a-z]-[\w-]{10,250}|npm_[A-Za-z0-9]{36}|pypi-[\w-]{16,300}|dckr_(?:pat|oat)_[\w-]{20,100}|hf_[A-Za-z0-9]{30,50}|tskey-[\w-]{10,200}|hv[sb]\.[\w-]{20,300}|[sr]k_(?:live|test)_\w{16,200}|sk-[\w-]{20,250})/g,
  // A JSON web token.
  /\beyJ[\w-]{10,4000}\.[\w-]{10,8000}(?:\.[\w-]{0,2000})?/g,
  // 256 bits and more in base64: WireGuard, Kubernetes' encryption of Secrets.
  new RegExp(
    `${ALONE}(?=[A-Za-z0-9+/]*[0-9])(?=[A-Za-z0-9+/]*[A-Z])(?=[A-Za-z0-9+/]*[a-z])[A-Za-z0-9][A-Za-z0-9+/]{41,}={0,2}`,
    "g",
  ),
];

/** Base64 that is public: the second word of an OpenSSH public key, or a certificate. */
const PUBLIC = /^(?:AAAA[A-Za-z0-9]|MII|LS0tLS1CRUdJTiBDRVJU)/;

/** Where something in the text is a secret by its form. */
export const secretForms = (text: string): readonly TextSpan[] =>
  FORMS.flatMap((form) =>
    [...text.matchAll(form)]
      .filter(([found]) => !PUBLIC.test(found))
      .map(({ index, 0: found }): TextSpan => [index, index + found.length]),
  );

/** Whether any part of the text is a secret by its form. */
export const hasSecretForm = (text: string): boolean =>
  secretForms(text).length > 0;

// What the name of a network interface says about a Wi-Fi adapter.
// https://www.freedesktop.org/software/systemd/man/latest/systemd.net-naming-scheme.html

export const isWireless = (name: string | undefined): boolean =>
  name?.startsWith("wl") === true;

/** The 12 digits in a name that systemd gives to an adapter on USB by its address; undefined for any other name. */
export const adapterAddress = (name: string): string | undefined =>
  /^wlx([0-9a-f]{12})$/.exec(name)?.[1];

"""Prints as JSON what NetworkManager's own library reads in its profiles. Arguments: the files."""

import json
import sys

import gi

gi.require_version("NM", "1.0")
from gi.repository import GLib, NM  # noqa: E402


def read(path):
    keyfile = GLib.KeyFile()
    keyfile.load_from_file(path, GLib.KeyFileFlags.NONE)
    profile = NM.keyfile_read(keyfile, "/", NM.KeyfileHandlerFlags.NONE, None, None)
    wireless = profile.get_setting_wireless()
    security = profile.get_setting_wireless_security()
    eap = profile.get_setting_802_1x()
    profile.normalize(None)
    return {
        "ssid": bytes(wireless.get_ssid().get_data()).hex(),
        "hidden": wireless.get_hidden(),
        "powersave": wireless.get_powersave(),
        "priority": profile.get_setting_connection().get_autoconnect_priority(),
        "interface": profile.get_setting_connection().get_interface_name(),
        "management": security and security.get_key_mgmt(),
        "psk": security and security.get_psk(),
        "eap": eap
        and {
            "method": eap.get_eap_method(0),
            "identity": eap.get_identity(),
            "anonymous": eap.get_anonymous_identity(),
            "password": eap.get_password(),
            "phase2": eap.get_phase2_auth(),
            "ca": eap.get_ca_cert_path(),
            "certificate": eap.get_client_cert_path(),
            "key": eap.get_private_key_path(),
            "keyPassword": eap.get_private_key_password(),
            "domain": eap.get_domain_suffix_match(),
        },
        # Throws where a profile is not one that NetworkManager would use.
        "valid": profile.verify(),
    }


print(json.dumps([read(path) for path in sys.argv[1:]]))

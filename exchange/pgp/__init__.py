"""OpenPGP through gpg: reading what partners send, writing what only its receiver can read.

Plaintext lives in memory only (a memfd that gpg writes to). Each process has a GNUPGHOME of its own, short-lived and
private: gpg-agents shared between parallel decrypts say now and then that a key is missing.
"""

from exchange.pgp.keyring import Encrypted, Encryptor, Keyring, Plaintext, generate
from exchange.pgp.message import first_packet, readable
from exchange.pgp.verdict import PgpRefusal

__all__ = ["Encrypted", "Encryptor", "Keyring", "PgpRefusal", "Plaintext", "first_packet", "generate", "readable"]
